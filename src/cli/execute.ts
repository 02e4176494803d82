import type { CompareHooks, CompareOutcome } from '../lab/compare.ts';
import type { OpenedPlan } from '../lab/experiment/open.ts';
import { type Experiment, type ExperimentSource, planExperiment } from '../lab/experiment/plan.ts';
import { usageError } from '../lab/experiment/setting.ts';
import { counted } from '../lab/output/format.ts';
import { axisLabel, pointLabel } from '../lab/output/names.ts';
import type { RunResult } from '../lab/result.ts';
import type { RunSpec } from '../lab/spec.ts';
import { stampedBytesMin } from '../workload/values.ts';
import { type ExitCode, exitCode, say } from './errors.ts';
import type { ExperimentFlags } from './experiment-flags.ts';
import { blamingOwn, Failures, isOwn } from './failures.ts';
import { interruptible } from './interrupt.ts';
import { Progress } from './progress.ts';
import { ensureWritable } from './writable.ts';

/**
 * What `compare` and `run` do: plan, check all that can be checked, run, write, print. The engine
 * is imported only when it is needed, so that help and mistakes are answered at once.
 */
export async function execute(source: ExperimentSource, flags: ExperimentFlags): Promise<ExitCode> {
  const startedAt = new Date();
  const isQuiet = flags.quiet === true;
  const isTwice = flags.checkDeterminism === true;
  const { loadSystem } = await import('../lab/engine/prepare.ts');
  const { openPlan } = await import('../lab/experiment/open.ts');
  const experiment = await planExperiment(source, loadSystem);
  const own = ownSystems(experiment);
  const opened = await blamingOwn(own, async () => openPlan(experiment.plan));
  const { warnings } = opened;
  const specs = recordingTo(flags.history as string | undefined, opened);
  if (isTwice) refuseRealTime(specs);
  if (!isQuiet) for (const note of [...experiment.notes, ...warnings]) say(`note: ${note}`);
  const { Output } = await import('./output.ts');
  const output = await Output.open(experiment, flags);
  if (flags.dryRun === true) {
    process.stdout.write(listRuns(experiment));
    return exitCode.done;
  }
  const rounds = await runRounds(specs, isTwice ? 2 : 1, isQuiet);
  const { runs, partial } = rounds[0] as CompareOutcome;
  const { failures } = rounds.at(-1) as CompareOutcome;
  const failed = new Failures(experiment.plan.runs, failures);
  // Where all that was asked for failed, there is nothing to show beside the errors.
  if (runs.length > 0 || partial) {
    await output.write({ startedAt, runs, failures: failed.runs, partial });
  }
  const failureCode = failed.tell();
  if (rounds.some((round) => round.partial)) return exitCode.interrupted;
  if (failureCode !== exitCode.done) return failureCode;
  const broken = [
    ...corruptions(runs),
    ...rounds.slice(1).flatMap((r) => divergences(runs, r.runs)),
  ];
  for (const line of broken) say(line);
  if (isTwice && broken.length === 0 && !isQuiet) {
    say(`deterministic: ${counted(runs.length, 'run')} had the same event hash a second time`);
  }
  return broken.length > 0 ? exitCode.broken : exitCode.done;
}

/** A history is of one run, and names values by their stamps. */
function recordingTo(historyFile: string | undefined, opened: OpenedPlan): RunSpec[] {
  const { specs, valueBytesMax } = opened;
  if (historyFile === undefined) return [...specs];
  const [spec] = specs;
  if (spec === undefined || specs.length > 1) {
    throw usageError([
      `--history ${historyFile}: expected one run, and these are ${specs.length}: ` +
        'leave out lists, seeds and all systems but one',
    ]);
  }
  if (valueBytesMax < stampedBytesMin) {
    throw usageError([
      `--history ${historyFile}: values of ${counted(valueBytesMax, 'byte')} cannot name the write ` +
        `that they are of: make them at least ${stampedBytesMin} (--value-bytes)`,
    ]);
  }
  ensureWritable('history', historyFile);
  return [{ ...spec, historyFile, workload: { ...spec.workload, dataIntegrity: true } }];
}

/** Runs all specs so many times; a round that is not whole, by interrupt or error, is the last. */
async function runRounds(
  specs: readonly RunSpec[],
  rounds: number,
  isQuiet: boolean,
): Promise<CompareOutcome[]> {
  const { runAll } = await import('../lab/compare.ts');
  const progress = new Progress(specs.length * rounds, isQuiet);
  const outcomes: CompareOutcome[] = [];
  try {
    await interruptible(
      async (signal) => {
        for (let round = 0; round < rounds && isWhole(outcomes.at(-1)); round++) {
          const before = round * specs.length;
          const onProgress: CompareHooks['onProgress'] = (finished, running) =>
            progress.show(before + finished, running);
          const onNote = (text: string): void => {
            if (isQuiet) return;
            progress.clear();
            say(text);
          };
          outcomes.push(await runAll(specs, { signal, onProgress, onNote }));
        }
      },
      () => progress.end(),
    );
  } finally {
    progress.end();
  }
  return outcomes;
}

function isWhole(outcome: CompareOutcome | undefined): boolean {
  return outcome === undefined || (!outcome.partial && outcome.failures.length === 0);
}

/** Systems that are modules of the user. */
function ownSystems({ plan }: Experiment): string[] {
  const names = new Set(plan.runs.map(({ spec }) => spec.system));
  return [...names].filter(isOwn);
}

function refuseRealTime(specs: readonly RunSpec[]): void {
  const real = specs.find((spec) => spec.fabric !== 'sim');
  if (real === undefined) return;
  throw usageError([
    `--check-determinism: has no effect on fabric ${real.fabric}, where time is real; ` +
      'use --fabric sim',
  ]);
}

/** One line a run, for `--dry-run`. */
function listRuns({ name, plan }: Experiment): string {
  const lines = plan.runs.map(({ spec, chosen }) => {
    const point = pointLabel(spec.point);
    return `  ${chosen.label}, seed ${spec.seed}${point === '' ? '' : `, ${point}`}`;
  });
  const axes = plan.axes.map(({ path, values }) => `${axisLabel(path)} ${values.join(', ')}`);
  const over = axes.length === 0 ? '' : ` over ${axes.join(' x ')}`;
  return `${name}: ${counted(lines.length, 'run')}${over}\n${lines.join('\n')}\n`;
}

/** Values that were not what their keys say: only looked for with --data-integrity. */
function corruptions(runs: readonly RunResult[]): string[] {
  return runs.flatMap((run) => {
    const corrupt = Object.values(run.perOperation).reduce((sum, kind) => sum + kind.corrupt, 0);
    return corrupt === 0 ? [] : [`promise broken: ${corrupt} corrupt values: ${describeRun(run)}`];
  });
}

function divergences(runs: readonly RunResult[], again: readonly RunResult[]): string[] {
  return runs.flatMap((first, index) => {
    const second = again[index] as RunResult;
    if (first.eventHash === second.eventHash) return [];
    const hashes = `event hash ${first.eventHash}, then ${second.eventHash}`;
    return [`not deterministic: ${describeRun(first)}: ${hashes}`];
  });
}

function describeRun({ system, seed, point }: RunResult): string {
  const where = pointLabel(point);
  return `${system}${where === '' ? '' : `, ${where}`}, seed ${seed}`;
}
