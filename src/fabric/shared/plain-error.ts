import { type ErrorCode, FarsideError } from '../../core/errors.ts';

/** An error as plain data: an instance of a class does not survive the way between threads. */
export interface PlainError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly stack: string;
}

/** Errors that are not ours are defects of a job or of farside: internal, with their own name. */
export function plainError(error: unknown): PlainError {
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  if (error instanceof FarsideError) return { code: error.code, message: error.message, stack };
  return { code: 'FARSIDE_INTERNAL', message: String(error), stack };
}

export function fromPlain({ code, message, stack }: PlainError): FarsideError {
  const error = new FarsideError(code, message);
  error.stack = stack;
  return error;
}

export function workerDied(name: string, error: NodeJS.ErrnoException): FarsideError {
  const outOfMemory = error.code === 'ERR_WORKER_OUT_OF_MEMORY';
  return new FarsideError(
    outOfMemory ? 'FARSIDE_CAPACITY' : 'FARSIDE_INTERNAL',
    outOfMemory
      ? `the worker of ${name} ran out of JavaScript heap: give node --max-old-space-size`
      : `the worker of ${name} died: ${error.message}`,
    { cause: error },
  );
}
