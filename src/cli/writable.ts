import { closeSync, existsSync, openSync, rmSync } from 'node:fs';
import { FarsideError } from '../core/errors.ts';

/** FARSIDE_USAGE, before anything runs, where `file` cannot be written; leaves no trace of the attempt. */
export function ensureWritable(flag: string, file: string): void {
  const isThere = existsSync(file);
  try {
    closeSync(openSync(file, 'a'));
  } catch (cause) {
    const { code = 'unknown reason' } = cause as NodeJS.ErrnoException;
    throw new FarsideError(
      'FARSIDE_USAGE',
      `--${flag} ${file}: cannot be written (${code}); name a file in a folder that exists`,
      { cause },
    );
  }
  if (!isThere) rmSync(file, { force: true });
}
