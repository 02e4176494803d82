import type { Counters } from '../src/core/counters.ts';
import type { Effect, Program, ProgramSeries } from '../src/core/effect.ts';
import { firstOf, type Running, seriesOf } from '../src/core/running.ts';
import type { Core } from './cpu.ts';
import type { QueuePair } from './queue-pair.ts';

/** A program started from outside: it and all it spawns share its queue pairs. */
export class Root {
  readonly id: number;
  readonly node: number;
  /** The compute node's incarnation when it was started. */
  readonly incarnation: number;
  readonly queuePairs: (QueuePair | undefined)[];

  constructor(id: number, node: number, incarnation: number, nodes: number) {
    this.id = id;
    this.node = node;
    this.incarnation = incarnation;
    this.queuePairs = new Array<QueuePair | undefined>(nodes).fill(undefined);
  }
}

/** A running program. */
export class Task implements Running {
  // What every step touches comes first.
  /** The one that runs now, where it is one of a series. */
  program: Program<unknown>;
  readonly series: ProgramSeries | undefined;
  readonly root: Root;
  readonly core: Core;
  readonly counters: Counters;
  /** The effect that it waits for, or that it could not perform yet. */
  effect: Effect | undefined = undefined;
  /** It holds its core and goes on with `effect`, or with its next one. */
  deferred = false;
  dead = false;
  /** Verbs it awaits that have no completion time yet, and the latest of those that have. */
  pending = 0;
  readyPs = 0;
  readonly index: number;
  /** Counts its waits, so that a time-out or completion of an earlier one is known as such. */
  wait = 0;
  /** Tickets that a `wait` still needs. */
  needed = 0;
  readonly label: string;
  readonly daemon: boolean;
  readonly background: boolean;

  constructor(
    index: number,
    program: Program<unknown> | ProgramSeries,
    root: Root,
    core: Core,
    options: {
      readonly label: string;
      readonly daemon: boolean;
      readonly background: boolean;
      readonly counters: Counters;
    },
  ) {
    this.index = index;
    this.series = seriesOf(program);
    this.program = firstOf(program);
    this.root = root;
    this.core = core;
    this.label = options.label;
    this.daemon = options.daemon;
    this.background = options.background;
    this.counters = options.counters;
  }
}
