import { assert } from '../../src/core/errors.ts';
import { choiceKind, kindOf } from './choice.ts';
import type { CommuteCheck } from './commute-check.ts';
import type { Crew, Job } from './crew.ts';
import { Digest } from './digest.ts';
import type { Footprint } from './footprint.ts';
import { KnownStates } from './known-states.ts';
import type { KnownSteps } from './known-steps.ts';
import { type MergeCheck, textOf } from './merge-check.ts';
import { type ExhaustiveCounts, noCounts } from './search-counts.ts';
import { Sharing } from './sharing.ts';
import { type Standing, standAt, standingOf } from './standing.ts';
import { KeyParts } from './state-key.ts';
import { type Surroundings, surroundingsOf } from './surroundings.ts';
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
  /** Asked now and then; true where the search should give up. States: of all that search together. */
  giveUp(counts: ExhaustiveCounts, states: number): boolean;
}

/** `wrong`: a word taken for lonely is not; of a search by several, which whoever began them begins anew. */
export type ExhaustiveEnd = 'complete' | 'stopped' | 'gave up' | 'wrong';

/** What a search has in common with others that search with it, each in an isolate of its own. */
export interface Together {
  readonly crew: Crew;
  readonly known: KnownStates;
}

export interface SearchOptions {
  /** What is known of who touches what; undefined: verbs of one alone are tried at any moment, too. */
  readonly sharing: Sharing | undefined;
  /** False: both orders of choices that commute are tried. */
  readonly sleeps?: boolean;
  readonly together?: Together | undefined;
  /** What steps come to, where they were taken before; else every branch is taken to see where it leads. */
  readonly steps?: KnownSteps | undefined;
  /** Takes much longer, and finds keys that say too little. */
  readonly mergeCheck?: MergeCheck | undefined;
  /** Of a search without sleep sets: finds choices that are taken to commute and do not. */
  readonly commuteCheck?: CommuteCheck | undefined;
}

interface Frame {
  readonly state: number;
  readonly choices: readonly number[];
  next: number;
  readonly key: Digest;
  /** What each choice's step would see; none where no steps are known. */
  readonly around: readonly (Surroundings | undefined)[];
  /** Choices that need not be tried from here, with what they touch. */
  readonly sleep: Map<number, Footprint>;
  /** Complete schedules below it, found since it was entered. */
  schedules: number;
  /** Where programs stand in it; absent where nobody will come back. */
  readonly standing: Standing | undefined;
}

const giveUpEvery = 256;

/** Depth first over all schedules; see docs/verification.md, "Exhaustive search". */
export class ExhaustiveSearch<R extends Run> {
  readonly counts: ExhaustiveCounts = noCounts();
  readonly #hooks: ExhaustiveHooks<R>;
  readonly #known: KnownStates;
  readonly #crew: Crew | undefined;
  readonly #sleeps: boolean;
  readonly #sharing: Sharing | undefined;
  readonly #steps: KnownSteps | undefined;
  readonly #mergeCheck: MergeCheck | undefined;
  readonly #commuteCheck: CommuteCheck | undefined;
  /** Of the state that the run was in before its last step. */
  #before = '';
  readonly #frames: Frame[] = [];
  readonly #path: number[] = [];
  /** Choices before the first frame's. */
  #base: readonly number[] = [];
  #run: R;
  /** The run stands in the state of the topmost frame. */
  #isThere = false;
  /** Of the state that the run came to last, and whether nothing can happen there. */
  #key = new Digest();
  #isEnd = false;

  constructor(hooks: ExhaustiveHooks<R>, options: SearchOptions = { sharing: new Sharing() }) {
    this.#hooks = hooks;
    this.#sharing = options.sharing;
    this.#known = options.together?.known ?? new KnownStates();
    this.#crew = options.together?.crew;
    this.#sleeps = options.sleeps !== false;
    this.#steps = options.steps;
    this.#mergeCheck = options.mergeCheck;
    this.#commuteCheck = options.commuteCheck;
    this.#run = this.#open();
  }

  #open(tracks = true): R {
    const run = this.#hooks.open();
    run.world.track(tracks);
    run.world.sharing = this.#sharing;
    return run;
  }

  /** Searches everything below `prefix`, alone or with the crew. */
  search(prefix: readonly number[] = []): ExhaustiveEnd {
    const crew = this.#crew;
    if (crew === undefined || crew.begins()) {
      this.#goTo(prefix);
      this.#base = prefix;
      const end = this.#enter(new Map()) ? 'stopped' : this.#drain(prefix);
      if (end !== 'complete' || crew === undefined) return this.#ends(end);
    }
    for (;;) {
      const job = crew.next(() => this.#givesUp);
      if (job === undefined) return crew.isStopped ? 'gave up' : 'complete';
      const end = this.#perform(job) ? 'stopped' : this.#drain(prefix);
      if (end !== 'complete') return this.#ends(end);
    }
  }

  get #isChecked(): boolean {
    return this.#mergeCheck !== undefined || this.#commuteCheck !== undefined;
  }

  #ends(end: ExhaustiveEnd): ExhaustiveEnd {
    if (end !== 'complete') this.#crew?.stop();
    return end;
  }

  get #givesUp(): boolean {
    return this.#hooks.giveUp(this.counts, this.#known.size);
  }

  /** Until no frame is left. */
  #drain(prefix: readonly number[]): ExhaustiveEnd {
    while (this.#frames.length > 0 || this.#sharing?.wasWrong === true) {
      if (this.#sharing?.wasWrong === true) {
        if (this.#crew !== undefined) return 'wrong';
        this.#beginAnew(prefix);
        if (this.#enter(new Map())) return 'stopped';
        continue;
      }
      const frame = this.#frames[this.#frames.length - 1] as Frame;
      const around = frame.around[frame.next];
      const choice = frame.choices[frame.next++];
      if (choice === undefined) {
        this.#leave(frame);
        continue;
      }
      if (this.#mustGiveUp()) return 'gave up';
      if (around !== undefined && this.#leadsNowhere(frame, choice, around)) continue;
      if (!this.#isThere) this.#restore();
      if (this.#take(frame.sleep, choice)) return 'stopped';
      if (around !== undefined) this.#note(frame, around);
      if (this.#crew?.isHungry === true) this.#share(this.#crew);
    }
    return 'complete';
  }

  #mustGiveUp(): boolean {
    if (this.#crew?.isStopped === true || this.#known.isFull) return true;
    return this.counts.steps % giveUpEvery === 0 && this.#givesUp;
  }

  #beginAnew(prefix: readonly number[]): void {
    const restarts = this.counts.restarts + 1;
    Object.assign(this.counts, noCounts(), { restarts });
    this.#sharing?.restart();
    this.#steps?.clear();
    this.#known.clear();
    this.#frames.length = 0;
    this.#commuteCheck?.restart();
    this.#goTo(prefix);
    this.#base = prefix;
    this.#hooks.restarted();
  }

  /** `standing`: where programs stand there, if known: then nothing of it is reckoned on the way. */
  #goTo(path: readonly number[], standing?: Standing): void {
    this.#path.splice(0, this.#path.length, ...path);
    this.#run = this.#open(standing === undefined);
    const { world } = this.#run;
    world.retraces = standing !== undefined;
    for (const choice of path) world.take(choice);
    world.retraces = false;
    if (standing === undefined) return;
    standAt(world, standing);
    world.tracks = true;
  }

  /** Back to the state of the topmost frame, by running its prefix again. */
  #restore(): void {
    const depth = this.#frames.length - 1;
    const { key, standing } = this.#frames[depth] as Frame;
    this.#goTo(this.#path.slice(0, this.#base.length + depth), standing);
    if (!this.#isChecked) return;
    const again = textOf(this.#run.world.key());
    assert(again === textOf(key), 'a run that is repeated comes to another state');
  }

  /** The next branch of the lowest frame that has one is for somebody else. */
  #share(crew: Crew): void {
    const index = this.#frames.findIndex(({ next, choices }) => next < choices.length);
    const frame = this.#frames[index];
    if (frame === undefined) return;
    const path = this.#path.slice(0, this.#base.length + index);
    // Not noted in `frame.sleep`: what it touches is known only to whoever takes it. Later branches of
    // the frame try both orders then, and find the states known.
    if (crew.offer({ path, choice: frame.choices[frame.next] as number, sleep: frame.sleep })) {
      frame.next++;
    }
  }

  #perform({ path, choice, sleep }: Job): boolean {
    this.#goTo(path);
    this.#base = [...path, choice];
    return this.#take(new Map(sleep), choice);
  }

  /** Takes a choice, from where those `asleep` need not be tried. True where the search should stop. */
  #take(asleep: Map<number, Footprint>, choice: number): boolean {
    const { world } = this.#run;
    if (this.#isChecked) this.#before = textOf(world.key());
    if (this.#mergeCheck === undefined) world.take(choice);
    else this.#mergeCheck.take(world, choice);
    this.#commuteCheck?.note(this.#before, choice, textOf(world.key()), world.footprint);
    this.counts.steps++;
    this.#path.push(choice);
    const { footprint } = world;
    const sleep = this.#stillAsleep(asleep, footprint);
    if (this.#sleeps) asleep.set(choice, footprint);
    this.#isThere = false;
    return this.#enter(sleep);
  }

  /** Of those that need not be tried before a step, those that need not be tried behind it. */
  #stillAsleep(
    asleep: ReadonlyMap<number, Footprint>,
    footprint: Footprint,
  ): Map<number, Footprint> {
    const countsTimers = this.#run.world.rules.earlyTimersMax < Number.POSITIVE_INFINITY;
    const sleep = new Map<number, Footprint>();
    for (const [other, touched] of asleep) {
      // A timer that is early now may be due once this step is taken, and then it counts for nothing.
      if (countsTimers && kindOf(other) === choiceKind.wake) continue;
      if (touched.commutesWith(footprint)) sleep.set(other, touched);
    }
    return sleep;
  }

  /** What the step from that frame's state has come to; one that ends a run may let time pass as well. */
  #note({ key }: Frame, around: Surroundings): void {
    const { footprint } = this.#run.world;
    if (!this.#isEnd) this.#steps?.note(around, footprint, key, this.#key);
  }

  /** By what the same step did elsewhere, it leads to a known state, from which nothing is left to try. */
  #leadsNowhere(frame: Frame, choice: number, around: Surroundings): boolean {
    const step = this.#steps?.find(around);
    if (step === undefined) return false;
    const { key, sleep } = frame;
    const state = this.#known.closed(
      (key.a + step.a) | 0,
      (key.b + step.b) | 0,
      this.#stillAsleep(sleep, step.footprint),
    );
    if (state === undefined) return false;
    if (this.#sleeps) sleep.set(choice, step.footprint);
    this.counts.steps++;
    this.#cut(state);
    return true;
  }

  /** The branch that was about to be tried, or has just been taken, is one into a known state. */
  #cut(state: number): void {
    this.counts.cutByState++;
    this.counts.schedulesSaved += this.#known.schedulesBelow(state);
    this.#count(this.#known.schedulesBelow(state));
  }

  #leave(frame: Frame): void {
    this.#isThere = false;
    this.#frames.pop();
    this.#known.addSchedules(frame.state, frame.schedules);
    this.#count(this.#known.schedulesBelow(frame.state));
  }

  /** So many complete schedules lie below the place that the topmost frame has just led to. */
  #count(schedules: number): void {
    const parent = this.#frames[this.#frames.length - 1];
    if (parent !== undefined) parent.schedules += schedules;
  }

  /** The run stands in a new place. True where the search should stop. */
  #enter(sleep: Map<number, Footprint>): boolean {
    const { counts } = this;
    const all = this.#run.choices();
    const reduced = this.#sharing?.reduce(this.#run.world, all) ?? all;
    const choices = this.#mergeCheck?.inOrder(reduced) ?? reduced;
    // What follows is to look at the end of the run, and no part of it.
    if (choices.length === 0) this.#run.world.sharing = undefined;
    const parts = this.#steps === undefined ? undefined : new KeyParts();
    const key = this.#run.world.key(parts);
    this.#key = key;
    this.#isEnd = choices.length === 0;
    if (choices.length === 0) this.#run.world.tracks = false;
    this.#compare(key, all);
    const { state, isNew, open } = this.#known.enter(key.a, key.b, choices, sleep);
    if (isNew) {
      counts.states++;
      if (this.#run.world.holdsTimers) counts.heldTimers++;
      counts.cutByLonely += all.length - choices.length;
      counts.cutBySleep += choices.length - open.length;
      if (choices.length === 0) return this.#ended(state);
    } else if (open.length === 0) {
      this.#cut(state);
      this.#mergeCheck?.follow(this.#run);
    }
    if (open.length > 0) this.#push(state, open, sleep, parts);
    return false;
  }

  #push(
    state: number,
    choices: readonly number[],
    sleep: Map<number, Footprint>,
    parts?: KeyParts,
  ): void {
    const { world } = this.#run;
    const standing = choices.length > 1 ? standingOf(world) : undefined;
    const around =
      parts === undefined ? [] : choices.map((choice) => surroundingsOf(world, choice, parts));
    const key = this.#key;
    this.#frames.push({ state, key, choices, around, next: 0, sleep, schedules: 0, standing });
    this.#isThere = true;
  }

  /** With all runs that came to that state before. */
  #compare(key: Digest, choices: readonly number[]): void {
    if (this.#mergeCheck === undefined) return;
    const at = textOf(key);
    const choice = this.#path.at(-1);
    if (choice !== undefined) this.#mergeCheck.note(this.#before, choice, at);
    this.#mergeCheck.offer(at, choices);
  }

  /** What a run comes to is decided by its last state, so one that ends in it again is not judged. */
  #ended(state: number): boolean {
    const { counts } = this;
    counts.schedules++;
    counts.longestSchedule = Math.max(counts.longestSchedule, this.#path.length);
    this.#known.addSchedules(state, 1);
    this.#count(1);
    return this.#hooks.ended(this.#run, this.#path);
  }
}
