import path from 'node:path';
import { Command } from 'commander';
import type { NamedSystem } from '../lab/experiment/draft.ts';
import { packageRoot } from '../lab/package.ts';
import { execute } from './execute.ts';
import { addExperimentFlags, draftOfFlags, type ExperimentFlags } from './experiment-flags.ts';

const shippedExperiment = path.join(packageRoot, 'experiments', 'default.yaml');

const help = `
A list of values makes an axis of the sweep: --compute-nodes 1,2,4,8. Flags override the file.

Examples:
  farside compare
  farside compare experiments/replication.yaml --seeds 5
  farside compare --workload a --compute-nodes 1,2,4 --value-bytes 4KiB --out results/a
  farside compare --system clover --system direct --set clover.cursorsMax=100,10k --dry-run`;

/** `farside compare [EXPERIMENT.yaml]`: the main job. */
export function compareCommand(): Command {
  const command = new Command('compare')
    .summary('run several systems on one workload and show them side by side')
    .description('Runs several systems on one workload: a table here, and a folder with a report.')
    .argument('[experiment]', 'an experiment file (default: three systems on YCSB B)')
    .option(
      '--system <name|path>',
      'this system instead of those of the file; repeatable',
      collect,
    );
  return addExperimentFlags(command).addHelpText('after', help).action(compare);
}

function collect(value: string, previous: readonly string[] | undefined): readonly string[] {
  return [...(previous ?? []), value];
}

async function compare(file: string | undefined, flags: ExperimentFlags): Promise<void> {
  const draft = draftOfFlags(flags);
  const systems = flags.system as readonly string[] | undefined;
  const named = systems?.map((name): NamedSystem => {
    return { name, origin: { source: 'flag', label: `--system ${name}` } };
  });
  const experiment = file ?? shippedExperiment;
  process.exitCode = await execute(
    {
      file: experiment,
      flags: { ...draft, systems: named },
      name: path.basename(experiment).replace(/\.ya?ml$/, ''),
    },
    flags,
  );
}
