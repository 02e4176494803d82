import type { ExperimentResult } from '../result.ts';
import { csvText } from './csv.ts';
import { type Files, writeFolder } from './folder.ts';
import { hlogNames, hlogText } from './hlog.ts';
import { serializeResult } from './schema.ts';
import { ycsbText } from './ycsb.ts';

export const resultFormats = ['json', 'csv', 'ycsb', 'hlog', 'html'] as const;
export type ResultFormat = (typeof resultFormats)[number];

export interface WriteOptions {
  readonly dir: string;
  /** Replace results in a folder that has some. */
  readonly force: boolean;
  /** Default: all. */
  readonly formats?: readonly ResultFormat[];
}

/**
 * Writes a result folder, whole or not at all; gives the names of what it wrote, relative to `dir`.
 * FARSIDE_OUTPUT where the folder has something in it and `force` is not set, or cannot be written.
 */
export async function writeResults(
  result: ExperimentResult,
  options: WriteOptions,
): Promise<string[]> {
  const files = resultFiles(result, options.formats ?? resultFormats);
  await writeFolder(options.dir, files, options.force);
  return [...files.keys()];
}

function resultFiles(result: ExperimentResult, formats: readonly ResultFormat[]): Files {
  const files = new Map<string, string | Uint8Array>();
  if (formats.includes('json')) files.set('results.json', serializeResult(result));
  if (formats.includes('csv')) files.set('results.csv', csvText(result));
  if (formats.includes('ycsb')) files.set('ycsb.txt', ycsbText(result));
  if (formats.includes('hlog')) {
    const names = hlogNames(result);
    for (const [index, run] of result.runs.entries()) {
      files.set(`hlog/${names[index]}`, hlogText(result, run));
    }
  }
  return files;
}
