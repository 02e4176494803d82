import { FarsideError } from '../../core/errors.ts';
import type { PhaseSpec } from '../spec.ts';

/** How far one run is, and whether it should go on; a run looks at both a few hundred times. */
export interface RunHooks {
  onProgress?(progress: RunProgress): void;
  /** True once the run should stop; it then throws `RunAborted`. */
  aborted?(): boolean;
}

export interface RunProgress {
  readonly phase: 'load' | 'run';
  readonly done: number;
  /** 0 where nobody knows: a trace. */
  readonly total: number;
}

/** How far measuring is: by count, else by time since it began (NaN: it has not). */
export function runProgress(
  { operations, warmupOperations, durationNs }: PhaseSpec,
  completed: number,
  measuredNs: number,
): RunProgress {
  if (operations !== undefined || durationNs === undefined) {
    const total = operations === undefined ? 0 : operations + warmupOperations;
    return { phase: 'run', done: completed, total };
  }
  return { phase: 'run', done: Math.max(0, measuredNs || 0), total: durationNs };
}

/** The user interrupted: what this run had measured is dropped, finished runs are kept. */
export class RunAborted extends Error {
  constructor() {
    super('interrupted');
    this.name = 'RunAborted';
  }
}

/** Progress of one run in memory that two threads share: the run writes it, a progress bar reads it. */
export class ProgressCell implements RunHooks {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Float64Array;
  readonly #abort: Int32Array;

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(32)) {
    this.buffer = buffer;
    this.#words = new Float64Array(buffer, 0, 3);
    this.#abort = new Int32Array(buffer, 24, 1);
  }

  onProgress(progress: RunProgress): void {
    this.#words[0] = progress.phase === 'load' ? 0 : 1;
    this.#words[1] = progress.done;
    this.#words[2] = progress.total;
  }

  read(): RunProgress {
    const [phase = 0, done = 0, total = 0] = this.#words;
    return { phase: phase === 0 ? 'load' : 'run', done, total };
  }

  abort(): void {
    Atomics.store(this.#abort, 0, 1);
  }

  aborted(): boolean {
    return Atomics.load(this.#abort, 0) === 1;
  }
}

/** An error as it crosses from a worker: plain data, and back. */
export interface CarriedError {
  readonly code: string | undefined;
  readonly message: string;
  readonly stack: string | undefined;
}

export function carry(error: unknown): CarriedError {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  const code = error instanceof FarsideError ? error.code : undefined;
  return { code: error instanceof RunAborted ? 'aborted' : code, message, stack };
}

export function uncarry(carried: CarriedError): Error {
  if (carried.code === 'aborted') return new RunAborted();
  const error =
    carried.code === undefined
      ? new Error(carried.message)
      : new FarsideError(carried.code as FarsideError['code'], carried.message);
  if (carried.stack !== undefined) error.stack = carried.stack;
  return error;
}
