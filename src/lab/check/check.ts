import { availableParallelism } from 'node:os';
import { Piscina } from 'piscina';
import { ProgressCell, uncarry } from '../engine/hooks.ts';
import { loadSystem } from '../engine/prepare.ts';
import type { SchedulerName } from './draft.ts';
import { exhaust } from './exhaust.ts';
import type { CheckAnswer, CheckTask, DiceTask, ExhaustiveTask, Part } from './run-worker.ts';
import type { Scenario } from './scenario.ts';
import { type Findings, mergeFindings } from './search.ts';
import { type SmallFailure, shrink } from './shrink.ts';

export interface CheckPlan {
  readonly scenario: Scenario;
  readonly scheduler: SchedulerName;
  /** Schedules in all; of an exhaustive search, none. */
  readonly schedules: number;
  /** States after which an exhaustive search gives up. */
  readonly statesMax: number;
  readonly threads: number | undefined;
}

export interface CheckHooks {
  onProgress?(schedules: number, states: number): void;
  readonly signal?: AbortSignal;
}

export interface CheckResult {
  readonly plan: CheckPlan;
  readonly findings: Findings;
  /** What the system's counters count; see System. */
  readonly counters: Readonly<Record<string, string>>;
  /** The failure made small. */
  readonly failure: SmallFailure | undefined;
  readonly seconds: number;
  readonly threads: number;
  /** Interrupted: fewer schedules than planned. */
  readonly partial: boolean;
}

/** Schedules that one task of the pool runs. */
const schedulesPerTask = 2000;
const progressIntervalMs = 200;

/** Runs a plan on all cores, one isolate each, up to the first schedule that breaks a promise. */
export async function check(plan: CheckPlan, hooks: CheckHooks = {}): Promise<CheckResult> {
  const system = await loadSystem(plan.scenario.system);
  const startedMs = performance.now();
  const { threads, findings } = await search(plan, hooks);
  const { failure } = findings;
  return {
    plan,
    findings,
    counters: system.counters ?? {},
    failure: failure === undefined ? undefined : shrink(system, plan.scenario, failure),
    seconds: (performance.now() - startedMs) / 1000,
    threads,
    partial: hooks.signal?.aborted === true,
  };
}

async function search(
  plan: CheckPlan,
  hooks: CheckHooks,
): Promise<{ readonly threads: number; readonly findings: Findings }> {
  const { scenario, scheduler, statesMax } = plan;
  const cores = plan.threads ?? availableParallelism();
  if (scheduler === 'exhaustive') {
    const run = (tasks: readonly ExhaustiveTask[]): Promise<readonly Part[]> =>
      runTasks(scenario, tasks, tasks.length, hooks);
    return { threads: cores, findings: await exhaust(statesMax, cores, run) };
  }
  const tasks: DiceTask[] = [];
  for (let first = 0; first < plan.schedules; first += schedulesPerTask) {
    const count = Math.min(schedulesPerTask, plan.schedules - first);
    tasks.push({ scheduler, first, count });
  }
  const threads = Math.min(cores, tasks.length);
  const parts = await runTasks(scenario, tasks, threads, hooks);
  return { threads, findings: mergeFindings(parts.map(({ findings }) => findings)) };
}

/** The parts in the order of the tasks, so that what is found does not depend on the number of cores. */
async function runTasks(
  scenario: Scenario,
  tasks: readonly (DiceTask | ExhaustiveTask)[],
  threads: number,
  hooks: CheckHooks,
): Promise<readonly Part[]> {
  const pool = new Piscina<CheckTask, CheckAnswer>({
    filename: new URL('./run-worker.js', import.meta.url).href,
    name: 'work',
    maxThreads: threads,
    minThreads: threads,
    // Tasks of a crew wait for each other.
    concurrentTasksPerWorker: 1,
    // Schedules are many and short-lived: most of what they allocate dies young.
    resourceLimits: { maxYoungGenerationSizeMb: 64, maxOldGenerationSizeMb: 4096 },
  });
  const cells = tasks.map(() => new ProgressCell());
  const parts = new Array<Part | undefined>(tasks.length).fill(undefined);
  const stop = (): void => {
    for (const cell of cells) cell.abort();
  };
  hooks.signal?.addEventListener('abort', stop);
  const timer = setInterval(() => report(cells, hooks), progressIntervalMs);
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let i = next++; i < tasks.length && hooks.signal?.aborted !== true; i = next++) {
      const cell = cells[i] as ProgressCell;
      const task = { ...(tasks[i] as CheckTask), scenario, progress: cell.buffer };
      const answer = await pool.run(task);
      if ('error' in answer) throw uncarry(answer.error);
      parts[i] = answer;
      // Earlier tasks finish, so that the first failure is the same whatever the number of cores.
      if (answer.findings.failure !== undefined) next = tasks.length;
    }
  };
  try {
    await Promise.all(Array.from({ length: threads }, lane));
  } finally {
    stop();
    clearInterval(timer);
    hooks.signal?.removeEventListener('abort', stop);
    await pool.destroy();
  }
  report(cells, hooks);
  return parts.filter((part) => part !== undefined);
}

function report(cells: readonly ProgressCell[], hooks: CheckHooks): void {
  let schedules = 0;
  let states = 0;
  for (const cell of cells) {
    const { done, total } = cell.read();
    schedules += done;
    states += total;
  }
  hooks.onProgress?.(schedules, states);
}
