import { Counters } from '../../src/core/counters.ts';
import { type Effect, effectKind, type Program, verbStatus } from '../../src/core/effect.ts';
import { Digest } from './digest.ts';
import type { Pair } from './flight.ts';
import type { WorldNode } from './node.ts';
import { SpinLog } from './spin.ts';

/** What a program that performs operations sleeps before each: the operation begins when it is chosen. */
export const boundaryNs = -1;

/** One program that has begun and not ended. */
export class Task {
  readonly number: number;
  readonly name: string;
  readonly node: WorldNode;
  readonly program: Program<unknown>;
  /** The run does not wait for it. */
  readonly daemon: boolean;
  /** Of the root that it comes from, by node. */
  readonly pairs: Map<number, Pair>;
  /** Number of that root. */
  readonly root: number;
  readonly counters = new Counters();
  readonly spin = new SpinLog();
  /** What it has yielded and waits for; none before it has begun. */
  effect: Effect | undefined = undefined;
  /** When its timer is due; infinity where there is none. */
  dueNs = Number.POSITIVE_INFINITY;
  /** The step at which its timer was set. */
  sleptAtStep = 0;
  timedOut = false;
  /** A fence that it waits for has taken effect. */
  fenced = false;
  /** It spins, and nothing that it looks at has changed. */
  blocked = false;
  /** How often in a row its timer has fired, it found nothing to do, and waits for as long again. */
  idleRounds = 0;
  /** Its effect has not been performed yet. */
  held = false;
  ended = false;
  /** Of one that the run waits for: it has more to do after what it is at, and begins that by a choice. */
  endsLater = false;
  /** The parts of what its node remembers that it looks at; undefined: all. */
  looksAt: readonly string[] | undefined = undefined;
  /** What it remembers by itself: all that it was told since it was at rest, and saw of its node then. */
  readonly state = new Digest();
  /** How verbs ended since it last went on. */
  readonly learned = new Digest();
  /** Verbs posted, and programs spawned, so far. */
  serial = 0;
  spawned = 0;
  resumes = 0;

  constructor(
    number: number,
    name: string,
    node: WorldNode,
    program: Program<unknown>,
    daemon: boolean,
    parent?: Task,
  ) {
    this.number = number;
    this.name = name;
    this.node = node;
    this.program = program;
    this.daemon = daemon;
    this.pairs = parent?.pairs ?? new Map<number, Pair>();
    this.root = parent?.root ?? number;
    this.looksAt = parent?.looksAt;
  }

  /** The only program of its node. */
  get isAlone(): boolean {
    return this.node.tasks.length === 1;
  }

  /** It can go on; a timer that could fire is another matter. */
  get isReady(): boolean {
    const { effect } = this;
    if (this.blocked || this.ended) return false;
    if (this.held) return true;
    if (effect === undefined || this.timedOut) return true;
    switch (effect.kind) {
      case effectKind.verb:
        return effect.status >= verbStatus.ok;
      case effectKind.batch:
        return effect.verbs.every((verb) => verb.status >= verbStatus.ok);
      case effectKind.wait:
        return completed(effect.tickets) >= effect.count;
      case effectKind.receive:
        return effect.port.queue.length > 0;
      case effectKind.sleep:
        return effect.durationNs === boundaryNs;
      case effectKind.fence:
        return this.fenced;
      default:
        return true;
    }
  }

  /** Whether waiting longer could give it another answer than going on at once. */
  get mayWaitOn(): boolean {
    const { effect } = this;
    if (effect?.kind === effectKind.sleep) return effect.durationNs === boundaryNs;
    return effect?.kind === effectKind.wait && completed(effect.tickets) < effect.tickets.length;
  }
}

function completed(tickets: readonly { readonly status: number }[]): number {
  let count = 0;
  for (const ticket of tickets) if (ticket.status >= verbStatus.ok) count++;
  return count;
}
