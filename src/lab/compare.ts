import { availableParallelism } from 'node:os';
import { Piscina } from 'piscina';
import { FarsideError } from '../core/errors.ts';
import { Gathering } from './engine/gathering.ts';
import { ProgressCell, RunAborted, type RunProgress, uncarry } from './engine/hooks.ts';
import type { WorkerAnswer, WorkerTask } from './engine/run-worker.ts';
import type { RunResult } from './result.ts';
import { runOne } from './run.ts';
import type { RunSpec } from './spec.ts';

export interface CompareHooks {
  /** A few times a second: runs finished, and how far those under way are. */
  onProgress?(finished: number, running: readonly RunningSpec[]): void;
  readonly signal?: AbortSignal;
  /** What a user must know while a run waits: nodes that have still to join. */
  onNote?(text: string): void;
  /** Simulated runs at once; default: one a core. */
  readonly threads?: number;
}

export interface RunningSpec {
  readonly spec: RunSpec;
  readonly progress: RunProgress;
}

export interface CompareOutcome {
  /** In the order of the specs; those not finished are left out. */
  readonly runs: readonly RunResult[];
  /** Runs that ended with an error, in the order of the specs. */
  readonly failures: readonly Failure[];
  /** True where the signal ended it. */
  readonly partial: boolean;
}

export interface Failure {
  /** Which of the specs. */
  readonly index: number;
  readonly error: unknown;
}

const progressIntervalMs = 150;

/**
 * Runs all specs: simulated ones in a pool, one isolate and one core each, since their results do not
 * depend on the machine; those on real fabrics one after another, since theirs do. A run that fails ends
 * alone: one point of a sweep that does not fit into memory must not cost the night that the others
 * took. An abort keeps what has finished.
 */
export async function runAll(
  specs: readonly RunSpec[],
  hooks: CompareHooks = {},
): Promise<CompareOutcome> {
  const results = new Array<RunResult | undefined>(specs.length).fill(undefined);
  const failures: Failure[] = [];
  const running = new Map<RunSpec, ProgressCell>();
  const gathering = new Gathering(specs, (text) => hooks.onNote?.(text));
  const stop = (): void => {
    gathering.abort();
    for (const cell of running.values()) cell.abort();
  };
  hooks.signal?.addEventListener('abort', stop);
  const timer = setInterval(() => {
    const finished = results.filter((result) => result !== undefined).length + failures.length;
    const cells = [...running].map(([spec, cell]) => ({ spec, progress: cell.read() }));
    hooks.onProgress?.(finished, cells);
  }, progressIntervalMs);
  const run = async (index: number, engine: Engine): Promise<void> => {
    const spec = specs[index] as RunSpec;
    if (hooks.signal?.aborted) return;
    const cell = new ProgressCell();
    running.set(spec, cell);
    try {
      results[index] = await engine(spec, cell);
    } catch (error) {
      if (!(error instanceof RunAborted)) failures.push({ index, error });
    } finally {
      running.delete(spec);
    }
  };
  try {
    await runSimulated(specs, run, hooks.threads ?? availableParallelism());
    for (const [index, spec] of specs.entries()) {
      if (spec.fabric === 'sim') continue;
      await run(index, (one, cell) => runOne(one, cell, gathering));
    }
  } finally {
    gathering.close();
    clearInterval(timer);
    hooks.signal?.removeEventListener('abort', stop);
  }
  const runs = results.filter((result) => result !== undefined);
  failures.sort((a, b) => a.index - b.index);
  return { runs, failures, partial: runs.length + failures.length < specs.length };
}

type Engine = (spec: RunSpec, cell: ProgressCell) => Promise<RunResult>;

async function runSimulated(
  specs: readonly RunSpec[],
  run: (index: number, engine: Engine) => Promise<void>,
  threads: number,
): Promise<void> {
  const simulated = [...specs.keys()].filter((index) => specs[index]?.fabric === 'sim');
  if (simulated.length === 0) return;
  const pool = new Piscina<WorkerTask, WorkerAnswer>({
    filename: new URL('./engine/run-worker.js', import.meta.url).href,
    name: 'work',
    maxThreads: Math.min(threads, simulated.length),
    minThreads: Math.min(threads, simulated.length),
  });
  const engine: Engine = async (spec, cell) => {
    const task = { spec, progress: cell.buffer };
    const answer = await pool.run(task).catch((error: unknown) => {
      throw outOfHeap(error) ?? error;
    });
    if ('error' in answer) throw uncarry(answer.error);
    return answer.result;
  };
  try {
    let next = 0;
    const lane = async (): Promise<void> => {
      for (let i = next++; i < simulated.length; i = next++) {
        await run(simulated[i] as number, engine);
      }
    };
    await Promise.all(Array.from({ length: pool.options.maxThreads }, lane));
  } finally {
    await pool.destroy();
  }
}

/** The one way for a pool's thread to die that a user can do something about. */
function outOfHeap(error: unknown): FarsideError | undefined {
  if ((error as NodeJS.ErrnoException).code !== 'ERR_WORKER_OUT_OF_MEMORY') return undefined;
  return new FarsideError(
    'FARSIDE_CAPACITY',
    'a simulated run has used up the JavaScript heap of its thread: lower --keys or --compute-nodes',
    { cause: error },
  );
}
