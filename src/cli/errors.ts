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

/** Prints one line for each thing wrong, never a stack trace, and gives the exit code. */
export function explainError(error: unknown): ExitCode {
  if (error instanceof CommanderError) {
    // Help and version have been printed; every other complaint was turned into a FarsideError.
    return error.exitCode === 0 ? exitCode.done : exitCode.usage;
  }
  if (!(error instanceof FarsideError) || error.code === 'FARSIDE_INTERNAL') {
    say(internalMessage(error));
    return exitCode.internal;
  }
  for (const line of error.message.split('\n')) say(line);
  return error.code === 'FARSIDE_CORRUPT' ? exitCode.broken : exitCode.usage;
}

function internalMessage(error: unknown): string {
  const message = oneLine(error instanceof Error ? error.message : String(error));
  const what = `internal error: ${message}; please report it`;
  if (!process.env.FARSIDE_DEBUG) return `${what} (FARSIDE_DEBUG=1 keeps its details in a file)`;
  const details = error instanceof Error ? (error.stack ?? message) : message;
  const file = path.join(tmpdir(), `farside-error-${process.pid}.txt`);
  try {
    writeFileSync(file, `${process.argv.join(' ')}\n${details}\n`);
    return `${what} with ${file}`;
  } catch {
    return `${what} (its details could not be written to ${file})`;
  }
}
