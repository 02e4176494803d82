import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import path from 'node:path';
import { FarsideError } from '../core/errors.ts';
import type { Experiment } from '../lab/experiment/plan.ts';
import { colorWanted, renderTable } from '../lab/output/table.ts';
import { farsideVersion } from '../lab/package.ts';
import {
  type ExperimentResult,
  type HostFacts,
  type RunResult,
  resultVersion,
} from '../lab/result.ts';
import type { ExperimentFlags } from './experiment-flags.ts';

/** Where results go when the user names no folder. */
const defaultParent = 'farside-results';
/** Free names that are tried below it. */
const attemptsMax = 10_000;

export interface Outcome {
  readonly startedAt: Date;
  readonly runs: readonly RunResult[];
  readonly partial: boolean;
}

/** Where results of an experiment go; opened before the first run, so that no run is in vain. */
export interface Output {
  /** Writes the folder, then prints to stdout in the wanted format. */
  write(outcome: Outcome): Promise<void>;
}

/** FARSIDE_OUTPUT where the folder exists (without --force) or could not be written. */
export function openOutput(experiment: Experiment, flags: ExperimentFlags): Output {
  const isForced = flags.force === true;
  const asked = experiment.output.dir;
  const dir = asked ?? freeFolder(experiment.name, isForced);
  refuseFolder(dir, isForced);
  return {
    write: async (outcome) => {
      const result = resultOf(experiment, outcome);
      process.stdout.write(rendered(result));
    },
  };
}

/** `farside-results/NAME`, or `NAME-2`, … where that exists: results are never lost by running twice. */
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

function refuseFolder(dir: string, isForced: boolean): void {
  const found = statSync(dir, { throwIfNoEntry: false });
  if (found !== undefined && !found.isDirectory()) {
    throw new FarsideError('FARSIDE_OUTPUT', `--out ${dir}: this is a file; expected a folder`);
  }
  if (found !== undefined && !isForced) {
    throw new FarsideError(
      'FARSIDE_OUTPUT',
      `--out ${dir}: the folder exists; --force replaces it, or choose another`,
    );
  }
  const parent = nearestExisting(path.resolve(dir));
  try {
    accessSync(parent, constants.W_OK | constants.X_OK);
    if (!statSync(parent).isDirectory()) throw new Error('not a folder');
  } catch {
    throw new FarsideError(
      'FARSIDE_OUTPUT',
      `--out ${dir}: cannot write in ${parent}; choose another folder`,
    );
  }
}

function nearestExisting(folder: string): string {
  const parent = path.dirname(folder);
  return existsSync(folder) || parent === folder ? folder : nearestExisting(parent);
}

function resultOf(experiment: Experiment, outcome: Outcome): ExperimentResult {
  return {
    resultVersion,
    farsideVersion,
    name: experiment.name,
    commandLine: ['farside', ...process.argv.slice(2)],
    host: hostFacts(),
    startedAt: outcome.startedAt.toISOString(),
    partial: outcome.partial,
    axes: experiment.plan.axes,
    seeds: experiment.plan.seeds,
    runs: outcome.runs,
  };
}

export function hostFacts(): HostFacts {
  return {
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cpuModel: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
  };
}

const pipeColumns = 160;

function rendered(result: ExperimentResult): string {
  return renderTable(result, {
    columns: process.stdout.columns ?? pipeColumns,
    color: colorWanted(process.stdout),
  });
}
