import type { NodeContext } from '../core/context.ts';
import type { Counters } from '../core/counters.ts';
import type { Program, ProgramSeries } from '../core/effect.ts';

/**
 * What a fabric gives to whoever starts programs on one of its nodes. `sim` hands out one of these
 * per compute node in one thread; `shared` and `verbs` one in the worker or process that is that node.
 */
export interface NodeRuntime {
  readonly context: NodeContext;
  /**
   * Starts a root program: it gets queue pairs of its own. `thread` says which of the node's cores
   * it runs on (modulo the cores); programs of one thread queue for it. Errors end the run.
   */
  start(program: Program<unknown> | ProgramSeries, options?: StartOptions): void;
  /** All work of programs that were spawned, and of servers outside any operation. */
  readonly background: Counters;
}

export interface StartOptions {
  readonly label?: string;
  readonly thread?: number;
  /** Programs for ever (servers, retire): the run ends when all others have. */
  readonly daemon?: boolean;
  /** Counted as background, though started from outside. */
  readonly background?: boolean;
  /** Counts in these: a program that goes on with what another has begun. Default: its own. */
  readonly counters?: Counters;
}
