import {
  type ChoiceRules,
  choiceText,
  parseChoice,
  type World,
  type WorldObserver,
} from '../../../sim/explore/index.ts';
import { FarsideError } from '../../core/errors.ts';
import { finish, type Outcome } from './finish.ts';
import type { Judgement } from './judge.ts';
import { Session } from './session.ts';
import type { Stage } from './stage.ts';

/** Steps after which a run that has not ended makes no progress. */
export const stepsMax = 20_000;

/** What schedulers that draw see: faults at any time, options drawn by themselves. */
function drawnRules({ scenario }: Stage): ChoiceRules {
  return {
    everyOption: false,
    grain: scenario.grain,
    clockStands: scenario.grain !== 'effects',
    earlyTimersMax: Number.POSITIVE_INFINITY,
    faultsAfterSteps: false,
  };
}

export interface ScheduleResult extends Outcome {
  readonly session: Session;
  readonly choices: readonly number[];
}

type Choose = (world: World, choices: readonly number[], at: number) => number;

/** One schedule, chosen step by step. */
export function runSchedule(
  stage: Stage,
  choose: Choose,
  observer?: WorldObserver,
): ScheduleResult {
  const session = new Session(stage, drawnRules(stage), observer);
  const taken: number[] = [];
  while (taken.length < stepsMax) {
    const choices = session.choices();
    if (choices.length === 0) return { ...finish(session), session, choices: taken };
    const choice = choose(session.world, choices, taken.length);
    taken.push(choice);
    session.world.take(choice);
  }
  const judgement: Judgement = {
    kind: 'liveness',
    promise: 'progress',
    explanation: `clients had not ended after ${stepsMax} steps`,
    step: stepsMax,
  };
  return { ...finish(session), judgement, session, choices: taken };
}

/**
 * Exactly these choices, then nothing: FARSIDE_INPUT where one is not possible, which means that the file
 * is of another system or version.
 */
export function replay(
  stage: Stage,
  texts: readonly string[],
  observer?: WorldObserver,
): ScheduleResult {
  const session = new Session(stage, drawnRules(stage), observer);
  const taken: number[] = [];
  for (const [i, text] of texts.entries()) {
    const choice = parseChoice(text, stage.names);
    if (!isPossible(session, choice)) {
      throw new FarsideError(
        'FARSIDE_INPUT',
        `choice ${i + 1} of ${texts.length}, ${JSON.stringify(text)}, is not possible there: ` +
          'the schedule is of another version of this system',
      );
    }
    taken.push(choice);
    session.world.take(choice);
  }
  return { ...finish(session), session, choices: taken };
}

/**
 * As many of these choices as are possible, in their order, and from then on the first that is possible:
 * for schedules that have been cut down. Undefined where it does not end.
 */
export function replayLoosely(
  stage: Stage,
  choices: readonly number[],
): ScheduleResult | undefined {
  const session = new Session(stage, drawnRules(stage));
  const taken: number[] = [];
  for (let next = 0; taken.length < stepsMax; ) {
    const possible = session.choices();
    if (possible.length === 0) return { ...finish(session), session, choices: taken };
    while (next < choices.length && !isPossible(session, choices[next] as number)) next++;
    const choice = next < choices.length ? (choices[next++] as number) : usual(possible);
    taken.push(choice);
    session.world.take(choice);
  }
  return undefined;
}

/** The least eventful of what may happen: verbs and programs before timers before faults. */
function usual(possible: readonly number[]): number {
  const rank = [0, 0, 1, 2] as const;
  return possible.reduce((best, choice) =>
    (rank[choice % 8] ?? 0) < (rank[best % 8] ?? 0) ? choice : best,
  );
}

/** Options are not listed one by one, so what counts is the choice without its option. */
function isPossible(session: Session, choice: number): boolean {
  const option = Math.floor(choice / 8) % 1024;
  return session.choices().includes(choice - option * 8);
}

export function choiceTexts(stage: Stage, choices: readonly number[]): string[] {
  return choices.map((choice) => choiceText(choice, stage.names));
}
