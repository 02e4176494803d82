import {
  absent,
  HistoryRecorder,
  type OperationKind,
  type Outcome,
  torn,
} from '../../check/history.ts';
import type { NodeContext } from '../../core/context.ts';
import type { Program } from '../../core/effect.ts';
import type { Key } from '../../core/key.ts';
import type { StoreClient } from '../../systems/system.ts';
import { stampOf } from '../../workload/values.ts';

/** Where operations are written down: a recorder of this thread, or memory that outlives it. */
export interface OperationLog {
  /** Gives the row, for `end`. */
  begin(process: number, kind: OperationKind, key: Key, value: number, nowNs: number): number;
  /** `value`: what a get found; any other operation keeps what it wrote. */
  end(row: number, outcome: Outcome, nowNs: number, value?: number): void;
}

/** Of all nodes that live in this thread. */
export class ThreadLog implements OperationLog {
  readonly recorder = new HistoryRecorder();

  begin(process: number, kind: OperationKind, key: Key, value: number, nowNs: number): number {
    return this.recorder.begin(process, kind, this.recorder.key(key.text), value, nowNs);
  }

  end(row: number, outcome: Outcome, nowNs: number, value?: number): void {
    if (value === undefined) this.recorder.end(row, outcome, nowNs);
    else this.recorder.endGet(row, value, nowNs);
  }
}

export interface RecordedSeat {
  readonly process: number;
  readonly context: NodeContext;
}

/** One who does not know whether an operation happened counts as another process from then on. */
const processStep = 65_536;

/**
 * A store client that writes down what it is asked and what it answers. Only runs that record pay for
 * it. A value goes by its integrity stamp, which no other write of the run has.
 */
export function recorded(store: StoreClient, log: OperationLog, seat: RecordedSeat): StoreClient {
  const { context } = seat;
  let { process } = seat;
  function* change(
    kind: 'insert' | 'put' | 'delete',
    key: Key,
    value: number,
    operation: Program<boolean>,
  ): Program<boolean> {
    const row = log.begin(process, kind, key, value, context.nowNs());
    let isDone = false;
    try {
      const isChanged = yield* operation;
      log.end(row, isChanged ? 'ok' : 'refused', context.nowNs());
      isDone = true;
      return isChanged;
    } finally {
      // Not ended in the log, so unknown: what threw may take effect yet.
      if (!isDone) process += processStep;
    }
  }
  return {
    insert: (key, value) =>
      change('insert', key, stampOf(key, value) ?? torn, store.insert(key, value)),
    put: (key, value) => change('put', key, stampOf(key, value) ?? torn, store.put(key, value)),
    delete: (key) => change('delete', key, absent, store.delete(key)),
    *get(key, into) {
      const row = log.begin(process, 'get', key, absent, context.nowNs());
      let length: number | undefined;
      try {
        length = yield* store.get(key, into);
      } catch (error) {
        log.end(row, 'failed', context.nowNs());
        throw error;
      }
      log.end(row, 'ok', context.nowNs(), found(key, into, length));
      return length;
    },
  };
}

function found(key: Key, into: Uint8Array, length: number | undefined): number {
  if (length === undefined) return absent;
  const value = into.subarray(0, length);
  return stampOf(key, value) ?? torn;
}
