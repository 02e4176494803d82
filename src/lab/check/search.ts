import {
  type ChoiceRules,
  type CommuteCheck,
  choiceKind,
  choiceOf,
  type Digest,
  type ExhaustiveCounts,
  type ExhaustiveEnd,
  ExhaustiveSearch,
  KnownSteps,
  kindOf,
  type MergeCheck,
  optionOf,
  PctScheduler,
  RandomScheduler,
  type Scheduler,
  Sharing,
  SlowScheduler,
  serialOf,
  type Together,
  taskOf,
  textOf,
} from '../../../sim/explore/index.ts';
import { type RandomStream, randomStream } from '../../core/random.ts';
import type { DiceName } from './draft.ts';
import { finish } from './finish.ts';
import type { Judgement } from './judge.ts';
import { choiceTexts, runSchedule } from './schedule.ts';
import { Session } from './session.ts';
import type { Stage } from './stage.ts';

export interface Failure {
  readonly judgement: Judgement;
  readonly choices: readonly string[];
}

/** What one search, or one part of it, found. Plain data: it crosses from a worker. */
export interface Findings {
  readonly schedules: number;
  readonly steps: number;
  readonly events: Readonly<Record<string, number>>;
  readonly failure: Failure | undefined;
  /** Schedules in which something was left unrepaired, because the system has no recovery for it. */
  readonly unrepaired: number;
  readonly exhaustive?: ExhaustiveCounts & { readonly end: ExhaustiveEnd };
}

/** What a search tells while it runs, and is told. */
export interface SearchHooks {
  progress(schedules: number, states: number): void;
  stopped(): boolean;
}

const pctDepth = 3;

/** Schedules number `first` to `first + count - 1` of that seed, up to the first that breaks a promise. */
export function searchByDice(
  stage: Stage,
  scheduler: DiceName,
  seed: number,
  first: number,
  count: number,
  hooks: SearchHooks,
): Findings {
  const events: Record<string, number> = {};
  let steps = 0;
  let unrepaired = 0;
  let lastSteps = 60;
  for (let i = 0; i < count; i++) {
    if (i % 64 === 0) {
      hooks.progress(i, 0);
      if (hooks.stopped()) return { schedules: i, steps, events, failure: undefined, unrepaired };
    }
    const dice = randomStream(seed, `schedule ${first + i}`);
    const chooser = chooserOf(stage, scheduler, dice, lastSteps);
    const result = runSchedule(stage, (world, choices) => chooser.choose(world, choices));
    steps += result.steps;
    lastSteps = result.choices.length;
    if (result.session.unrepaired > 0) unrepaired++;
    addEvents(events, result.events);
    if (result.judgement.kind === 'kept') continue;
    const { judgement } = result;
    const failure = { judgement, choices: choiceTexts(stage, result.choices) };
    return { schedules: i + 1, steps, events, failure, unrepaired };
  }
  return { schedules: count, steps, events, failure: undefined, unrepaired };
}

function chooserOf(
  { scenario }: Stage,
  scheduler: DiceName,
  dice: RandomStream,
  stepsExpected: number,
): Scheduler {
  if (scheduler === 'random') return new RandomScheduler(dice);
  if (scheduler === 'slow') return new SlowScheduler(dice);
  const faults = scenario.faults.reduce((sum, fault) => sum + fault.count, 0);
  return new PctScheduler(dice, stepsExpected, pctDepth, faults);
}

/** What exhaustive search sees: every option, and faults where they matter. */
function everyRules({ scenario }: Stage): ChoiceRules {
  const clockStands = scenario.grain !== 'effects';
  const earlyTimersMax = scenario.earlyTimers ?? Number.POSITIVE_INFINITY;
  const { grain } = scenario;
  return { everyOption: true, grain, clockStands, earlyTimersMax, faultsAfterSteps: true };
}

export interface ExhaustiveOptions {
  readonly prefix?: readonly number[];
  /** Of every end, also of those after one that breaks a promise. */
  readonly onEnd?: (session: Session) => void;
  /** Without the moments of a verb that is nobody else's business; default true. */
  readonly reduced?: boolean;
  /** With one order only of choices that commute; default true. */
  readonly sleeps?: boolean;
  /** What it knows of who touches what; it learns. */
  readonly sharing?: Sharing;
  readonly together?: Together | undefined;
  /** Holds the keys of states to what they say. */
  readonly mergeCheck?: MergeCheck;
  /** Holds footprints to what they say; without `sleeps`. */
  readonly commuteCheck?: CommuteCheck;
  /** What steps come to; false: each branch is taken. Default, unless something is held to what it says. */
  readonly steps?: KnownSteps | false;
}

/** All schedules, up to the first that breaks a promise, or until there are more states than `statesMax`. */
export function searchAll(
  stage: Stage,
  statesMax: number,
  hooks: SearchHooks,
  options: ExhaustiveOptions = {},
): Findings {
  const { prefix, onEnd, reduced = true, sleeps = true, together } = options;
  const { sharing = new Sharing(), mergeCheck, commuteCheck } = options;
  const takesAll =
    options.steps === false || mergeCheck !== undefined || commuteCheck !== undefined;
  const steps = takesAll ? undefined : (options.steps ?? new KnownSteps());
  let events: Record<string, number> = {};
  let failure: Failure | undefined;
  let unrepaired = 0;
  const search = new ExhaustiveSearch<Session>(
    {
      open: () => new Session(stage, everyRules(stage)),
      restarted() {
        events = {};
        unrepaired = 0;
      },
      ended(session, schedule) {
        const { world } = session;
        const key = mergeCheck === undefined ? '' : textOf(world.key());
        const { judgement, events: seen } = finish(session);
        mergeCheck?.ended(key, outcomeOf(judgement, world.history));
        onEnd?.(session);
        addEvents(events, seen);
        if (session.unrepaired > 0) unrepaired++;
        if (judgement.kind === 'kept' || failure !== undefined) return false;
        failure = { judgement, choices: choiceTexts(stage, numbered(stage, schedule)) };
        // Whoever wants to see every schedule gets every one.
        return onEnd === undefined;
      },
      giveUp(counts, states) {
        hooks.progress(counts.schedules, counts.states);
        return states > statesMax || hooks.stopped();
      },
    },
    { sharing: reduced ? sharing : undefined, sleeps, together, steps, mergeCheck, commuteCheck },
  );
  const end = search.search(prefix);
  const { counts } = search;
  return {
    schedules: counts.schedules,
    steps: counts.steps,
    events,
    failure,
    unrepaired,
    exhaustive: { ...counts, end },
  };
}

/** Equal for runs that end in one state: the verdict, and what clients were told, the last readers too. */
function outcomeOf(judgement: Judgement, history: Digest): string {
  const broken = judgement.kind === 'kept' ? '' : ` of ${judgement.promise}`;
  return `${judgement.kind}${broken}, told ${textOf(history)}`;
}

/**
 * A search numbers verbs by what is in flight, so that what is the same has the same name; a replay file, by
 * how many their program has posted before.
 */
function numbered(stage: Stage, schedule: readonly number[]): number[] {
  const { world } = new Session(stage, everyRules(stage));
  return schedule.map((choice) => {
    const isAct = kindOf(choice) === choiceKind.act;
    const serial = isAct ? world.flightOf(choice).serial : serialOf(choice);
    world.take(choice);
    return choiceOf(kindOf(choice), taskOf(choice), serial, optionOf(choice));
  });
}

function addEvents(sum: Record<string, number>, more: Readonly<Record<string, number>>): void {
  for (const name in more) sum[name] = (sum[name] ?? 0) + (more[name] as number);
}

export function mergeFindings(parts: readonly Findings[]): Findings {
  const events: Record<string, number> = {};
  for (const part of parts) addEvents(events, part.events);
  const sum = (of: (part: Findings) => number): number =>
    parts.reduce((total, part) => total + of(part), 0);
  return {
    schedules: sum((part) => part.schedules),
    steps: sum((part) => part.steps),
    events,
    failure: parts.find((part) => part.failure !== undefined)?.failure,
    unrepaired: sum((part) => part.unrepaired),
  };
}
