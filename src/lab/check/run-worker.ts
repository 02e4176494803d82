import { type CarriedError, carry, ProgressCell } from '../engine/hooks.ts';
import type { DiceName } from './draft.ts';
import type { Scenario } from './scenario.ts';
import { type Findings, type SearchHooks, searchAll, searchByDice } from './search.ts';
import { openStage } from './stage.ts';

export type CheckTask = {
  readonly scenario: Scenario;
  readonly progress: SharedArrayBuffer;
} & (
  | { readonly scheduler: DiceName; readonly first: number; readonly count: number }
  | { readonly scheduler: 'exhaustive'; readonly statesMax: number }
);

export type CheckAnswer = { readonly findings: Findings } | { readonly error: CarriedError };

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
    const stage = await openStage(task.scenario);
    const findings =
      task.scheduler === 'exhaustive'
        ? searchAll(stage, task.statesMax, hooks)
        : searchByDice(stage, task.scheduler, task.scenario.seed, task.first, task.count, hooks);
    return { findings };
  } catch (error) {
    return { error: carry(error) };
  }
}
