import { parseChoice } from '../../../sim/explore/index.ts';
import type { System } from '../../systems/system.ts';
import type { Judgement } from './judge.ts';
import type { Scenario } from './scenario.ts';
import { choiceTexts, replayLoosely, type ScheduleResult } from './schedule.ts';
import { type Failure, searchByDice } from './search.ts';
import { type Stage, stageOf } from './stage.ts';

export interface SmallFailure extends Failure {
  readonly scenario: Scenario;
}

/** Schedules that are tried on each smaller scenario, where the old schedule does not fail there. */
const freshSchedules = 400;
/**
 * Steps of all attempts together, a minute or so: a schedule that nobody can end has 20,000, and leaving out
 * each of them in turn would take a quarter of an hour. Steps, and not time: what is found is the same on any
 * machine.
 */
const stepsMax = 20_000_000;

/**
 * Makes a failure small: first fewer clients, operations and faults, then fewer choices. A smaller
 * scenario is kept where the old schedule, or one of some hundred new ones, breaks the same promise on it.
 * Choices that are left out fall to the least eventful ones, so what stays is what matters: the steps at
 * which somebody was overtaken, torn or lost.
 */
export function shrink(system: System, scenario: Scenario, failure: Failure): SmallFailure {
  const budget: Budget = { steps: stepsMax };
  let best: SmallFailure = { ...failure, scenario };
  for (let smaller: SmallFailure | undefined = best; smaller !== undefined; ) {
    best = smaller;
    smaller = firstThatFails(system, best, budget);
  }
  return shorten(system, best, budget);
}

/** What is left of it; used up, what has been found so far is small enough. */
interface Budget {
  steps: number;
}

function firstThatFails(
  system: System,
  from: SmallFailure,
  budget: Budget,
): SmallFailure | undefined {
  for (const scenario of smallerScenarios(from.scenario)) {
    if (budget.steps <= 0) return undefined;
    const stage = stageOf(scenario, system);
    const again = replayLoosely(stage, choicesOf(stage, from));
    budget.steps -= from.choices.length;
    if (again !== undefined && isSame(again.judgement, from.judgement)) {
      return { scenario, ...failureOf(stage, again) };
    }
    const hooks = { progress: () => undefined, stopped: () => false };
    const found = searchByDice(stage, 'random', scenario.seed, 0, freshSchedules, hooks);
    const { failure } = found;
    budget.steps -= found.steps;
    if (failure !== undefined && isSame(failure.judgement, from.judgement)) {
      return { scenario, ...failure };
    }
  }
  return undefined;
}

/** One client, operation or fault less; most at once first. */
function* smallerScenarios(scenario: Scenario): Generator<Scenario> {
  const { clients, faults } = scenario;
  for (const [i, operations] of clients.entries()) {
    if (operations.length > 1 || (operations.length === 1 && clients.length > 1)) {
      yield { ...scenario, clients: clients.with(i, []) };
    }
  }
  for (const [i, fault] of faults.entries()) {
    if (fault.count === 0) continue;
    yield { ...scenario, faults: faults.with(i, { ...fault, count: fault.count - 1 }) };
  }
  for (const [i, operations] of clients.entries()) {
    for (const j of operations.keys()) {
      yield { ...scenario, clients: clients.with(i, operations.toSpliced(j, 1)) };
    }
  }
}

/** Leaves out choices, many at a time and then fewer, while the same promise is broken. */
function shorten(system: System, from: SmallFailure, budget: Budget): SmallFailure {
  const stage = stageOf(from.scenario, system);
  let kept = choicesOf(stage, from);
  let result: ScheduleResult | undefined;
  for (let size = Math.ceil(kept.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < kept.length && budget.steps > 0; ) {
      const fewer = kept.toSpliced(at, size);
      budget.steps -= fewer.length;
      const again = replayLoosely(stage, fewer);
      if (again !== undefined && isSame(again.judgement, from.judgement)) {
        kept = fewer;
        result = again;
      } else at += size;
    }
  }
  return result === undefined ? from : { scenario: from.scenario, ...failureOf(stage, result) };
}

function failureOf(stage: Stage, { judgement, choices }: ScheduleResult): Failure {
  return { judgement, choices: choiceTexts(stage, choices) };
}

function choicesOf(stage: Stage, { choices }: Failure): number[] {
  return choices.map((text) => parseChoice(text, stage.names));
}

function isSame(a: Judgement, b: Judgement): boolean {
  return a.kind !== 'kept' && b.kind !== 'kept' && a.kind === b.kind && a.promise === b.promise;
}
