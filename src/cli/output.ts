import { existsSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import path from 'node:path';
import { FarsideError } from '../core/errors.ts';
import type { Experiment } from '../lab/experiment/plan.ts';
import { serializeResult } from '../lab/output/schema.ts';
import { colorWanted, renderTable } from '../lab/output/table.ts';
import { checkOutput, type WriteOptions, writeResults } from '../lab/output/write.ts';
import { ycsbText } from '../lab/output/ycsb.ts';
import { farsideVersion } from '../lab/package.ts';
import {
  type ExperimentResult,
  type FailedRun,
  type HostFacts,
  type RunResult,
  resultVersion,
} from '../lab/result.ts';
import { say } from './errors.ts';
import type { ExperimentFlags } from './experiment-flags.ts';

/** Where results go when the user names no folder. */
const defaultParent = 'farside-results';
/** Free names that are tried below it. */
const attemptsMax = 10_000;
/** Width of a table that goes to a file or a pipe. */
const pipeColumns = 160;

/** What became of an experiment. */
export interface Outcome {
  readonly startedAt: Date;
  readonly runs: readonly RunResult[];
  readonly failures: readonly FailedRun[];
  readonly partial: boolean;
}

/**
 * Where results of an experiment go: chosen and tried before the first run, so that none is in
 * vain.
 */
export class Output {
  readonly #experiment: Experiment;
  readonly #folder: WriteOptions;
  readonly #isQuiet: boolean;

  private constructor(experiment: Experiment, folder: WriteOptions, isQuiet: boolean) {
    this.#experiment = experiment;
    this.#folder = folder;
    this.#isQuiet = isQuiet;
  }

  /** FARSIDE_OUTPUT where the folder has something in it (without --force) or cannot be written. */
  static async open(experiment: Experiment, flags: ExperimentFlags): Promise<Output> {
    const force = flags.force === true;
    const { dir = freeFolder(experiment.name, force), plots } = experiment.output;
    const folder = { dir, force, plots };
    await checkOutput(folder);
    return new Output(experiment, folder, flags.quiet === true);
  }

  /** Writes the folder and prints to stdout, which gets the results even where the folder fails. */
  async write(outcome: Outcome): Promise<void> {
    const result = resultOf(this.#experiment, outcome);
    try {
      if (result.runs.length > 0) await this.#writeFolder(result);
      else this.#note('no run has finished: nothing is written');
    } finally {
      process.stdout.write(rendered(result, this.#experiment.output.format));
    }
  }

  async #writeFolder(result: ExperimentResult): Promise<void> {
    const { dir } = this.#folder;
    await writeResults(result, this.#folder);
    this.#note(`results are in ${dir}; look at ${path.join(dir, 'report.html')}`);
  }

  #note(message: string): void {
    if (!this.#isQuiet) say(message);
  }
}

/** `farside-results/NAME`, or `NAME-2`, … where that exists: running twice loses nothing. */
function freeFolder(name: string, isForced: boolean): string {
  const first = path.join(defaultParent, name);
  if (isForced) return first;
  for (let i = 1; i <= attemptsMax; i++) {
    const candidate = i === 1 ? first : `${first}-${i}`;
    if (!existsSync(candidate)) return candidate;
  }
  throw new FarsideError(
    'FARSIDE_OUTPUT',
    `${first} and ${attemptsMax} folders like it exist: clear them away, or name one with --out`,
  );
}

function resultOf(experiment: Experiment, outcome: Outcome): ExperimentResult {
  return {
    resultVersion,
    farsideVersion,
    name: experiment.name,
    description: experiment.description,
    commandLine: ['farside', ...process.argv.slice(2)],
    host: hostFacts(),
    startedAt: outcome.startedAt.toISOString(),
    partial: outcome.partial,
    axes: experiment.plan.axes,
    seeds: experiment.plan.seeds,
    runs: outcome.runs,
    failures: outcome.failures,
  };
}

function hostFacts(): HostFacts {
  return {
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cpuModel: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
  };
}

/** A result as stdout gets it. */
export function rendered(result: ExperimentResult, format: string | undefined): string {
  if (format === 'json') return serializeResult(result);
  if (format === 'ycsb') return ycsbText(result);
  return renderTable(result, {
    columns: process.stdout.columns ?? pipeColumns,
    color: colorWanted(process.stdout),
  });
}
