import type { NodeContext } from '../../core/context.ts';
import type { StoreClient } from '../../systems/system.ts';
import type { OutageBook } from '../driver/outages.ts';
import { type OperationLog, recorded } from '../driver/recording.ts';

/** Puts something between a client's operations and its store: only runs that observe them do. */
export type Dress = (store: StoreClient, seat: DressedSeat) => StoreClient;

export interface DressedSeat {
  readonly node: number;
  /** A number that no other seat of the run has, nor one of the node's earlier starts. */
  readonly process: number;
  readonly context: NodeContext;
}

/** What a run wants to see of its operations; undefined where that is nothing. */
export function dressOf(
  outages: OutageBook | undefined,
  log: OperationLog | undefined,
): Dress | undefined {
  if (outages === undefined && log === undefined) return undefined;
  return (store, seat) => {
    const watched = outages === undefined ? store : outages.watch(store, seat.node);
    return log === undefined ? watched : recorded(watched, log, seat);
  };
}
