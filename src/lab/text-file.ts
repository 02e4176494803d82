import { readFileSync, statSync } from 'node:fs';
import { FarsideError } from '../core/errors.ts';

/** A text file that is read whole (properties, configurations, key files) is at most this long. */
const textBytesMax = 256 * 2 ** 20;

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
    throw new FarsideError('FARSIDE_USAGE', `${file} cannot be read: ${String(error)}`);
  }
}
