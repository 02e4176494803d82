import {
  Crew,
  type CrewBuffers,
  type Knowledge,
  KnownStates,
  Sharing,
  type StateBuffers,
  TaskNames,
} from '../../../sim/explore/index.ts';
import { type CarriedError, carry, ProgressCell } from '../engine/hooks.ts';
import type { DiceName } from './draft.ts';
import type { Scenario } from './scenario.ts';
import { type Findings, type SearchHooks, searchAll, searchByDice } from './search.ts';
import { openStage, type Stage } from './stage.ts';

/** What isolates that search all schedules together share, and what they know from the beginning. */
export interface Membership {
  readonly member: number;
  readonly members: number;
  readonly states: StateBuffers;
  readonly crew: CrewBuffers;
}

/** Names of programs, by number, and who touches what. */
export interface Learnt {
  readonly names: readonly string[];
  readonly knowledge: Knowledge;
}

export interface ExhaustiveTask {
  readonly scheduler: 'exhaustive';
  readonly statesMax: number;
  readonly learnt?: Learnt | undefined;
  readonly membership?: Membership | undefined;
}

export interface DiceTask {
  readonly scheduler: DiceName;
  readonly first: number;
  readonly count: number;
}

export type CheckTask = {
  readonly scenario: Scenario;
  readonly progress: SharedArrayBuffer;
} & (DiceTask | ExhaustiveTask);

export interface Part {
  readonly findings: Findings;
  /** Of an exhaustive search. */
  readonly learnt?: Learnt;
}

export type CheckAnswer = Part | { readonly error: CarriedError };

/** What a thread of the pool does with one task: part of a search, in an isolate of its own. */
export async function work(task: CheckTask): Promise<CheckAnswer> {
  // Operations that give up, a few in each schedule, throw; nobody looks where from.
  Error.stackTraceLimit = 0;
  try {
    const cell = new ProgressCell(task.progress);
    const hooks: SearchHooks = {
      progress: (schedules, states) =>
        cell.onProgress({ phase: 'run', done: schedules, total: states }),
      stopped: () => cell.aborted(),
    };
    if (task.scheduler === 'exhaustive') return await searchPart(task, task.scenario, hooks);
    const stage = await openStage(task.scenario);
    const { scheduler, first, count } = task;
    return { findings: searchByDice(stage, scheduler, stage.scenario.seed, first, count, hooks) };
  } catch (error) {
    return { error: carry(error) };
  }
}

/** All schedules, or one member's part of them. */
async function searchPart(
  { statesMax, learnt, membership }: ExhaustiveTask,
  scenario: Scenario,
  hooks: SearchHooks,
): Promise<Part> {
  const { member = 0, members = 1 } = membership ?? {};
  const names = new TaskNames(learnt?.names, member, members);
  const stage: Stage = await openStage(scenario, names);
  const sharing = new Sharing();
  if (learnt !== undefined) sharing.hear(learnt.knowledge, names);
  const together = membership && {
    crew: new Crew(membership.crew, members),
    known: new KnownStates(membership.states),
  };
  const findings = searchAll(stage, statesMax, hooks, { sharing, together });
  return { findings, learnt: { names: names.all, knowledge: sharing.tell(names) } };
}
