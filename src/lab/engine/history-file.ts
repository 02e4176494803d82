import { writeFileSync } from 'node:fs';
import { historyFormats } from '../../check/formats/formats.ts';
import type { History } from '../../check/history.ts';
import { FarsideError } from '../../core/errors.ts';
import type { RunSpec } from '../spec.ts';

/** The history of a run as a file: porcupine's JSON where its name ends so, otherwise Jepsen's EDN. */
export function writeHistory({ historyFile }: RunSpec, history: History): void {
  if (historyFile === undefined) return;
  const format = historyFile.endsWith('.json') ? 'porcupine' : 'jepsen';
  try {
    writeFileSync(historyFile, historyFormats[format](history));
  } catch (error) {
    const { code = String(error) } = error as NodeJS.ErrnoException;
    throw new FarsideError(
      'FARSIDE_OUTPUT',
      `--history ${historyFile}: cannot be written (${code}); name a file in a folder that exists`,
    );
  }
}
