import { Command } from 'commander';
import { usageError } from '../lab/experiment/setting.ts';
import { systemLabel } from '../lab/output/names.ts';
import { execute } from './execute.ts';
import { addExperimentFlags, draftOfFlags, type ExperimentFlags } from './experiment-flags.ts';

const help = `
A list of values makes an axis of the sweep: --clients 1,2,4,8.

Examples:
  farside run clover
  farside run direct --workload a --replicas 2 --operations 200k --format json
  farside run central --fabric shared --compute-nodes 2 --clients 1 --duration 2s
  farside run ./mine.js --check-determinism --data-integrity`;

/** `farside run SYSTEM`: one system, one workload. */
export function runCommand(): Command {
  const command = new Command('run')
    .summary('run one system on one workload')
    .description('Runs one system on one workload, at one point or over a sweep.')
    .argument('[system]', 'direct, central, clover, or the path of a module that exports `system`')
    .option('--system <name|path>', 'the same as the argument');
  return addExperimentFlags(command).addHelpText('after', help).action(run);
}

async function run(argument: string | undefined, flags: ExperimentFlags): Promise<void> {
  const flag = flags.system as string | undefined;
  const name = argument ?? flag;
  if (name === undefined || (argument !== undefined && flag !== undefined)) {
    throw usageError(['run: expected one system, such as farside run clover']);
  }
  const label = argument === undefined ? `--system ${name}` : `run ${name}`;
  process.exitCode = await execute(
    {
      file: undefined,
      flags: { ...draftOfFlags(flags), systems: [{ name, origin: { source: 'flag', label } }] },
      name: `run-${systemLabel(name)}`,
    },
    flags,
  );
}
