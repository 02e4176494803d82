import type { Footprint } from './footprint.ts';
import type { World } from './world.ts';

/** One run that can be taken further; opened anew for every branch. */
export interface Run {
  readonly world: World;
  /** None: the run is over. */
  choices(): number[];
}

export interface ExhaustiveHooks<R extends Run> {
  open(): R;
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
  readonly counts: ExhaustiveCounts = {
    schedules: 0,
    states: 0,
    steps: 0,
    cutByState: 0,
    cutBySleep: 0,
    schedulesSaved: 0,
    longestSchedule: 0,
  };
  readonly #hooks: ExhaustiveHooks<R>;
  readonly #known = new Map<number, Known[]>();
  readonly #frames: Frame[] = [];
  readonly #path: number[] = [];
  #run: R;

  constructor(hooks: ExhaustiveHooks<R>) {
    this.#hooks = hooks;
    this.#run = hooks.open();
  }

  /** Searches everything below `prefix`. */
  search(prefix: readonly number[] = []): ExhaustiveEnd {
    this.#path.push(...prefix);
    for (const choice of prefix) this.#run.world.take(choice);
    if (this.#enter(new Map())) return 'stopped';
    while (this.#frames.length > 0) {
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

  /** Back to the state of the topmost frame, by running its prefix again. */
  #restore(prefixLength: number): void {
    this.#path.length = prefixLength + this.#frames.length - 1;
    this.#run = this.#hooks.open();
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
    const choices = this.#run.choices();
    const parent = this.#frames[this.#frames.length - 1];
    if (choices.length === 0) {
      counts.schedules++;
      counts.longestSchedule = Math.max(counts.longestSchedule, this.#path.length);
      if (parent !== undefined) parent.known.schedules++;
      return this.#hooks.ended(this.#run, this.#path);
    }
    const key = this.#run.world.key();
    const known = this.#find(key.a, key.b);
    if (known === undefined) {
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
