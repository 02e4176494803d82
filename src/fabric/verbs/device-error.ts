import { FarsideError } from '../../core/errors.ts';
import { isVerbsError } from './native.ts';

/** What a device of this host refused, as an error for its user; anything else stays what it is. */
export function deviceError(error: unknown, who: string): unknown {
  if (!isVerbsError(error)) return error;
  const isMemory = error.verb === 'regMr' || error.code === 'ENOMEM';
  const code = isMemory ? 'FARSIDE_CAPACITY' : 'FARSIDE_UNSUPPORTED';
  return new FarsideError(code, `${who}: ${error.message}`, { cause: error });
}
