import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { Command, Option } from 'commander';
import { FarsideError } from '../core/errors.ts';
import { outputFormats, plotFormats } from '../lab/experiment/draft.ts';
import { usageError } from '../lab/experiment/setting.ts';
import { parseValue } from '../lab/experiment/values.ts';
import type { ExperimentResult } from '../lab/result.ts';
import { whyUnreadable } from '../lab/text-file.ts';
import { say } from './errors.ts';

const help = `
The folder is one that compare or run wrote; a results.json by its path does as well.

Examples:
  farside report farside-results/default
  farside report farside-results/default --plots svg --out for-the-paper
  farside report farside-results/default --format ycsb`;

const resultsFile = 'results.json';

interface ReportFlags {
  readonly plots?: string;
  readonly out?: string;
  readonly force?: boolean;
  readonly format?: string;
}

/** `farside report FOLDER`: shows results again, without running anything. */
export function reportCommand(): Command {
  return new Command('report')
    .summary('show results again: table, report and plots from a results.json')
    .description('Shows results again, from the results.json that a run left behind.')
    .argument('<folder>', 'a folder with a results.json, or that file')
    .addOption(
      new Option(`--format <${outputFormats.join('|')}>`, 'what stdout gets (default: table)'),
    )
    .addOption(
      new Option(
        `--plots <${plotFormats.join('|')}>`,
        'also write the plots as files (with --out)',
      ),
    )
    .option('--out <dir>', 'folder for the results and a new report (default: write nothing)')
    .option('--force', 'replace the folder where it exists')
    .addHelpText('after', help)
    .action(report);
}

async function report(folder: string, flags: ReportFlags): Promise<void> {
  const format = chosen('format', outputFormats, flags.format);
  const plots = chosen('plots', plotFormats, flags.plots);
  if (flags.out === undefined) refuseIdle(flags);
  const result = await readResult(folder);
  if (flags.out !== undefined) {
    const { writeResults } = await import('../lab/output/write.ts');
    await writeResults(result, { dir: flags.out, force: flags.force === true, plots });
    say(`results are in ${flags.out}; look at ${path.join(flags.out, 'report.html')}`);
  }
  const { rendered } = await import('./output.ts');
  process.stdout.write(rendered(result, format));
}

/** What says how files are written says nothing where none are. */
function refuseIdle(flags: ReportFlags): void {
  if (flags.plots !== undefined) {
    throw usageError([`--plots ${flags.plots}: it has no effect without --out: name a folder`]);
  }
  if (flags.force === true) throw usageError(['--force: it has no effect without --out']);
}

async function readResult(folder: string): Promise<ExperimentResult> {
  const file = isFolder(folder) ? path.join(folder, resultsFile) : folder;
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new FarsideError(
      'FARSIDE_USAGE',
      `report ${folder}: ${file === folder ? '' : `${file}: `}${whyUnreadable(error)}; expected a ` +
        `folder with a ${resultsFile}, as compare and run write it`,
    );
  }
  const { parseResult } = await import('../lab/output/schema.ts');
  return parseResult(text, file);
}

function isFolder(name: string): boolean {
  return statSync(name, { throwIfNoEntry: false })?.isDirectory() === true;
}

function chosen<T extends string>(
  flag: string,
  choices: readonly T[],
  written: string | undefined,
): T | undefined {
  if (written === undefined) return undefined;
  const parsed = parseValue({ type: 'choice', choices }, written);
  if ('value' in parsed) return parsed.value as T;
  throw usageError([`--${flag} ${written}: expected ${parsed.expected}`]);
}
