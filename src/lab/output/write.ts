import type { PlotFormat } from '../report/picture.ts';
import type { ExperimentResult } from '../result.ts';
import { csvText } from './csv.ts';
import { checkFolder, type Files, writeFolder } from './folder.ts';
import { hlogNames, hlogText } from './hlog.ts';
import { serializeResult } from './schema.ts';
import { ycsbText } from './ycsb.ts';

export const resultFormats = ['json', 'csv', 'ycsb', 'hlog', 'html'] as const;
export type ResultFormat = (typeof resultFormats)[number];

export interface WriteOptions {
  readonly dir: string;
  /** Replace results in a folder that has some. */
  readonly force: boolean;
  /** Write the report's plots as files, too, into `plots/`. */
  readonly plots?: PlotFormat | undefined;
  /** Default: all. */
  readonly formats?: readonly ResultFormat[];
}

/**
 * Throws FARSIDE_OUTPUT for what would keep `writeResults` from writing: asked before a run, so
 * that an hour of measuring does not end in "file exists" or "no font".
 */
export async function checkOutput(options: WriteOptions): Promise<void> {
  if (options.plots === 'png') (await import('../report/png.ts')).requireFont();
  await checkFolder(options.dir, options.force);
}

/**
 * Writes a result folder, whole or not at all; gives the names of what it wrote, relative to `dir`.
 * FARSIDE_OUTPUT where the folder has something in it and `force` is not set, or cannot be written.
 */
export async function writeResults(
  result: ExperimentResult,
  options: WriteOptions,
): Promise<string[]> {
  const files = await resultFiles(result, options);
  await writeFolder(options.dir, files, options.force);
  return [...files.keys()];
}

/**
 * Loaded where a picture is wanted, since it brings a chart library that other commands need not.
 */
const pictures = () => import('../report/picture.ts');

async function resultFiles(result: ExperimentResult, options: WriteOptions): Promise<Files> {
  const formats = options.formats ?? resultFormats;
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
  if (formats.includes('html')) {
    const { reportPage } = await import('../report/page.ts');
    files.set('report.html', reportPage(result));
  }
  if (options.plots !== undefined) {
    for (const [name, content] of (await pictures()).plotFiles(result, options.plots)) {
      files.set(`plots/${name}`, content);
    }
  }
  return files;
}
