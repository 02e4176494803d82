import { FarsideError } from '../../core/errors.ts';
import type { History } from '../history.ts';
import { readJepsen } from './jepsen-read.ts';
import { writeElle, writeJepsen } from './jepsen-write.ts';
import { readPorcupine, writePorcupine } from './porcupine.ts';

/** What histories can be written as; `jepsen` and `elle` are read as one. */
export const historyFormats = {
  jepsen: writeJepsen,
  elle: writeElle,
  porcupine: writePorcupine,
} as const;
export type HistoryFormat = keyof typeof historyFormats;

/** Reads a history of any format, told by how it begins. FARSIDE_INPUT names file and line. */
export function readHistory(text: string, file: string): History {
  const start = text.replaceAll(/^\s*(?:;.*)?$/gm, '').trimStart();
  if (start === '')
    throw new FarsideError('FARSIDE_INPUT', `${file}:1: there is no operation in it`);
  if (/^\[?\s*\{\s*"/.test(start) || /^\[\s*\]/.test(start)) return readPorcupine(text, file);
  if (/^[[(]?\s*[#{]/.test(start)) return readJepsen(text, file);
  const line = text.slice(0, text.indexOf(start)).split('\n').length;
  const got = JSON.stringify(start.slice(0, 20));
  throw new FarsideError(
    'FARSIDE_INPUT',
    `${file}:${line}: got ${got}, expected Jepsen's EDN, {:process 0, …}, or porcupine's JSON, ` +
      '{"ClientId": 0, …}',
  );
}
