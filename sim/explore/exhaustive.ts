import { choiceKind, kindOf } from './choice.ts';
import type { Footprint } from './footprint.ts';
import { Sharing } from './sharing.ts';
import type { World } from './world.ts';

/** One run that can be taken further; opened anew for every branch. */
export interface Run {
  readonly world: World;
  /** None: the run is over. */
  choices(): number[];
}

export interface ExhaustiveHooks<R extends Run> {
  open(): R;
  /** All that was told of so far is void: the search begins anew. */
  restarted(): void;
  /** A whole schedule; true where the search should stop. */
  ended(run: R, schedule: readonly number[]): boolean;
  /** Asked now and then; true where the search should give up. */
  giveUp(counts: ExhaustiveCounts): boolean;
}

export interface ExhaustiveCounts {
  /** Schedules that were run to their end. */
  schedules: number;
  /** Distinct states, and steps taken from one to another. */
  states: number;
  steps: number;
  /** Branches that came to a state already searched, and those that sleep sets left out. */
  cutByState: number;
  cutBySleep: number;
  /** Branches left out because a verb there is nobody else's business. */
  cutByLonely: number;
  /** How often the search began anew, having taken a word for lonely that is not. */
  restarts: number;
  /** Schedules that lie behind the branches cut by state: what they would have been without it. */
  schedulesSaved: number;
  longestSchedule: number;
}

export type ExhaustiveEnd = 'complete' | 'stopped' | 'gave up';

/** A state that has been entered. */
interface Known {
  readonly b: number;
  /** Choices that were asleep each time, so that nobody has tried them from here. */
  asleep: readonly number[];
  /** Complete schedules below it. */
  schedules: number;
}

interface Frame {
  readonly known: Known;
  readonly choices: readonly number[];
  next: number;
  /** Choices that need not be tried from here, with what they touch. */
  readonly sleep: Map<number, Footprint>;
}

const giveUpEvery = 256;

/** Depth first over all schedules; see docs/verification.md, "Exhaustive search". */
export class ExhaustiveSearch<R extends Run> {
  readonly counts: ExhaustiveCounts = noCounts();
  readonly #hooks: ExhaustiveHooks<R>;
  readonly #known = new Map<number, Known[]>();
  readonly #frames: Frame[] = [];
  readonly #path: number[] = [];
  readonly #sharing: Sharing | undefined;
  #run: R;

  /** `reduced`: verbs that are nobody else's business are tried at one moment only; see sharing.ts. */
  constructor(hooks: ExhaustiveHooks<R>, reduced = true) {
    this.#hooks = hooks;
    this.#sharing = reduced ? new Sharing() : undefined;
    this.#run = this.#open();
  }

  #open(): R {
    const run = this.#hooks.open();
    run.world.sharing = this.#sharing;
    return run;
  }

  /** Searches everything below `prefix`. */
  search(prefix: readonly number[] = []): ExhaustiveEnd {
    this.#path.push(...prefix);
    for (const choice of prefix) this.#run.world.take(choice);
    if (this.#enter(new Map())) return 'stopped';
    while (this.#frames.length > 0 || this.#sharing?.wasWrong === true) {
      if (this.#sharing?.wasWrong === true) {
        this.#beginAnew(prefix.length);
        if (this.#enter(new Map())) return 'stopped';
        continue;
      }
      const frame = this.#frames[this.#frames.length - 1] as Frame;
      const choice = frame.choices[frame.next++];
      if (choice === undefined) {
        this.#leave(frame);
        continue;
      }
      if (this.counts.steps % giveUpEvery === 0 && this.#hooks.giveUp(this.counts))
        return 'gave up';
      if (frame.next > 1) this.#restore(prefix.length);
      if (this.#take(frame, choice)) return 'stopped';
    }
    return 'complete';
  }

  #beginAnew(prefixLength: number): void {
    const restarts = this.counts.restarts + 1;
    Object.assign(this.counts, noCounts(), { restarts });
    this.#sharing?.restart();
    this.#known.clear();
    this.#frames.length = 0;
    this.#restore(prefixLength + 1);
    this.#hooks.restarted();
  }

  /** Back to the state of the topmost frame, by running its prefix again. */
  #restore(prefixLength: number): void {
    this.#path.length = prefixLength + this.#frames.length - 1;
    this.#run = this.#open();
    for (const choice of this.#path) this.#run.world.take(choice);
  }

  /** True where the search should stop. */
  #take(frame: Frame, choice: number): boolean {
    const { world } = this.#run;
    world.take(choice);
    this.counts.steps++;
    this.#path.push(choice);
    const { footprint } = world;
    const sleep = new Map<number, Footprint>();
    for (const [other, touched] of frame.sleep) {
      // A timer that is early now may be due once this step is taken, and then it counts for nothing.
      if (world.earlyTimersLeft < Number.POSITIVE_INFINITY && kindOf(other) === choiceKind.wake)
        continue;
      if (touched.commutesWith(footprint)) sleep.set(other, touched);
    }
    frame.sleep.set(choice, footprint);
    return this.#enter(sleep);
  }

  #leave(frame: Frame): void {
    this.#frames.pop();
    const parent = this.#frames[this.#frames.length - 1];
    if (parent !== undefined) parent.known.schedules += frame.known.schedules;
  }

  /** The run stands in a new place. True where the search should stop. */
  #enter(sleep: Map<number, Footprint>): boolean {
    const { counts } = this;
    const all = this.#run.choices();
    const choices = this.#sharing?.reduce(this.#run.world, all) ?? all;
    counts.cutByLonely += all.length - choices.length;
    // What follows is to look at the end of the run, and no part of it.
    if (choices.length === 0) this.#run.world.sharing = undefined;
    const parent = this.#frames[this.#frames.length - 1];
    const key = this.#run.world.key();
    const known = this.#find(key.a, key.b);
    if (known === undefined) {
      if (choices.length === 0) {
        counts.schedules++;
        counts.states++;
        counts.longestSchedule = Math.max(counts.longestSchedule, this.#path.length);
        if (parent !== undefined) parent.known.schedules++;
        // What a run comes to is decided by its last state, so one that ends in it again is not judged.
        this.#remember(key.a, { b: key.b, asleep: [], schedules: 1 });
        return this.#hooks.ended(this.#run, this.#path);
      }
      const open = choices.filter((choice) => !sleep.has(choice));
      counts.states++;
      counts.cutBySleep += choices.length - open.length;
      const fresh: Known = {
        b: key.b,
        asleep: choices.filter((choice) => sleep.has(choice)),
        schedules: 0,
      };
      this.#remember(key.a, fresh);
      if (open.length > 0) this.#frames.push({ known: fresh, choices: open, next: 0, sleep });
      return false;
    }
    const open = known.asleep.filter((choice) => !sleep.has(choice));
    if (open.length === 0) {
      counts.cutByState++;
      counts.schedulesSaved += known.schedules;
      if (parent !== undefined) parent.known.schedules += known.schedules;
      return false;
    }
    known.asleep = known.asleep.filter((choice) => sleep.has(choice));
    this.#frames.push({ known, choices: open, next: 0, sleep });
    return false;
  }

  #find(a: number, b: number): Known | undefined {
    return this.#known.get(a)?.find((known) => known.b === b);
  }

  #remember(a: number, known: Known): void {
    const others = this.#known.get(a);
    if (others === undefined) this.#known.set(a, [known]);
    else others.push(known);
  }
}

function noCounts(): ExhaustiveCounts {
  return {
    schedules: 0,
    states: 0,
    steps: 0,
    cutByState: 0,
    cutBySleep: 0,
    cutByLonely: 0,
    restarts: 0,
    schedulesSaved: 0,
    longestSchedule: 0,
  };
}
