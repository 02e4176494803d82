import { readFileSync, statSync } from 'node:fs';
import { FarsideError } from '../core/errors.ts';

/** A text file that is read whole (properties, configurations, key files) is at most this long. */
const textBytesMax = 256 * 2 ** 20;

/** Why a file could not be opened or read, in words: `there is no such file`. */
export function whyUnreadable(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  const whys: Readonly<Record<string, string>> = {
    ENOENT: 'there is no such file',
    EISDIR: 'it is a folder',
    EACCES: 'it may not be read by this user',
  };
  return whys[code ?? ''] ?? `it cannot be read (${code ?? String(error)})`;
}

/**
 * The whole text of a small file: FARSIDE_USAGE where there is none, FARSIDE_INPUT where it is
 * huge.
 */
export function readText(file: string): string {
  try {
    const { size } = statSync(file);
    if (size > textBytesMax) {
      throw new FarsideError('FARSIDE_INPUT', `${file}: ${size} bytes, at most ${textBytesMax}`);
    }
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof FarsideError) throw error;
    throw new FarsideError('FARSIDE_USAGE', `${file}: ${whyUnreadable(error)}`);
  }
}
