import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { CommanderError } from 'commander';
import { FarsideError } from '../core/errors.ts';
import { oneLine } from '../lab/experiment/setting.ts';

/** What the process ends with. */
export const exitCode = {
  done: 0,
  /** A promise was broken: a corrupt value, or a seed that did not repeat itself. */
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

/** A run failed in which a user's own module took part: most likely that is at fault. */
export class OwnSystemFailed extends Error {
  constructor(systems: readonly string[], cause: unknown) {
    super(`${systems.join(', ')}: ${messageOf(cause)}`, { cause });
    this.name = 'OwnSystemFailed';
  }
}

/** Prints one line for each thing wrong, never a stack trace, and gives the exit code. */
export function explainError(error: unknown): ExitCode {
  if (error instanceof CommanderError) {
    // Help and version have been printed; every other complaint was turned into a FarsideError.
    return error.exitCode === 0 ? exitCode.done : exitCode.usage;
  }
  if (error instanceof OwnSystemFailed) {
    say(`a run of ${oneLine(error.message)}${details(error.cause)}`);
    return exitCode.usage;
  }
  if (!isUsersFault(error)) {
    say(`internal error: ${messageOf(error)}; please report it${details(error)}`);
    return exitCode.internal;
  }
  for (const line of error.message.split('\n')) say(line);
  return error.code === 'FARSIDE_CORRUPT' ? exitCode.broken : exitCode.usage;
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
    writeFileSync(file, `${process.argv.join(' ')}\n${stack}\n`);
    return ` (the details are in ${file})`;
  } catch {
    return ` (the details could not be written to ${file})`;
  }
}
