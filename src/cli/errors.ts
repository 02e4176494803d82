import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { CommanderError } from 'commander';
import { FarsideError } from '../core/errors.ts';
import { oneLine } from '../lab/experiment/setting.ts';

/** What the process ends with. */
export const exitCode = {
  done: 0,
  /** A promise was broken, a value was corrupt, or a seed did not repeat itself. */
  broken: 1,
  /** Bad usage or input. */
  usage: 2,
  /** farside itself is at fault. */
  internal: 70,
  /** SIGINT, as shells expect it. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCode)[keyof typeof exitCode];

/** Everything that the command line says beside results; stdout is for those alone. */
export function say(message: string): void {
  process.stderr.write(`farside: ${message}\n`);
}

/** Work with a user's own module failed unexpectedly: most likely that is at fault. */
export class OwnSystemFailed extends Error {
  constructor(cause: unknown, systems?: readonly string[]) {
    super(`${systems === undefined ? '' : `${systems.join(', ')}: `}${messageOf(cause)}`, {
      cause,
    });
    this.name = 'OwnSystemFailed';
  }
}

/** Prints one line for each thing wrong, never a stack trace, and gives the exit code. */
export function explainError(error: unknown): ExitCode {
  if (error instanceof CommanderError) {
    // Help and version have been printed; every other complaint was turned into a FarsideError.
    return error.exitCode === 0 ? exitCode.done : exitCode.usage;
  }
  const { message, hint, code } = judge(error);
  for (const line of message.split('\n')) say(`${line}${hint}`);
  return code;
}

/** What is said of an error. */
export interface Judgement {
  /** A line for each thing wrong. */
  readonly message: string;
  /** Where its details are, for errors that nobody foresaw; belongs behind the message. */
  readonly hint: string;
  readonly code: ExitCode;
}

export function judge(error: unknown): Judgement {
  if (isUsersFault(error)) {
    const code = error.code === 'FARSIDE_CORRUPT' ? exitCode.broken : exitCode.usage;
    return { message: error.message, hint: '', code };
  }
  if (error instanceof OwnSystemFailed) {
    return { message: error.message, hint: details(error.cause), code: exitCode.usage };
  }
  const message = `internal error: ${messageOf(error)}; please report it`;
  return { message, hint: details(error), code: exitCode.internal };
}

export function isUsersFault(error: unknown): error is FarsideError {
  return error instanceof FarsideError && error.code !== 'FARSIDE_INTERNAL';
}

function messageOf(error: unknown): string {
  return oneLine(error instanceof Error ? error.message : String(error));
}

/** Keeps the stack trace in a file where FARSIDE_DEBUG asks for it, and says where. */
function details(error: unknown): string {
  if (!process.env.FARSIDE_DEBUG) return ' (FARSIDE_DEBUG=1 keeps the details in a file)';
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const file = path.join(tmpdir(), `farside-error-${process.pid}.txt`);
  try {
    // A run of many runs may fail in many ways: one below the other.
    writeFileSync(file, `${process.argv.join(' ')}\n${stack}\n`, { flag: 'a' });
    return ` (the details are in ${file})`;
  } catch {
    return ` (the details could not be written to ${file})`;
  }
}
