import type { Durability } from '../../core/context.ts';
import type { RingShape } from '../../core/mailbox.ts';
import type { NodeSpec } from '../../memory/cluster.ts';
import type { PlainError } from './plain-error.ts';

/** What every thread or process needs to become a node where time is real: plain data. */
export interface NodeStart {
  readonly node: number;
  /** Of this start of the node. */
  readonly incarnation: number;
  readonly specs: readonly NodeSpec[];
  readonly ring: RingShape;
  readonly seed: number;
  readonly durability: Durability;
  readonly verbBoundNs: number;
  /** Where the run's clock begins on this node's. */
  readonly clockOriginNs: bigint;
  readonly spinTurnsMax: number;
  /** Of the job, and what it is given. */
  readonly module: string;
  readonly jobName: string;
  readonly data: unknown;
}

/** What every node says to the one who started the run. */
export type NodeReport =
  | { readonly kind: 'ready' }
  | { readonly kind: 'result'; readonly value: unknown }
  | { readonly kind: 'error'; readonly error: PlainError };
