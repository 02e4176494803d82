import type { RunResult } from '../result.ts';
import { runOne } from '../run.ts';
import type { RunSpec } from '../spec.ts';
import { type CarriedError, carry, ProgressCell } from './hooks.ts';

export interface WorkerTask {
  readonly spec: RunSpec;
  readonly progress: SharedArrayBuffer;
}

export type WorkerAnswer = { readonly result: RunResult } | { readonly error: CarriedError };

/** What a pool's thread does with one task: one run in an isolate of its own. */
export async function work(task: WorkerTask): Promise<WorkerAnswer> {
  try {
    return { result: await runOne(task.spec, new ProgressCell(task.progress)) };
  } catch (error) {
    return { error: carry(error) };
  }
}
