import { Command, type CommanderError } from 'commander';
import { FarsideError } from '../core/errors.ts';
import { didYouMean } from '../core/nearest.ts';
import { farsideVersion } from '../lab/package.ts';
import { benchCommand } from './bench.ts';
import { checkCommand } from './check.ts';
import { compareCommand } from './compare.ts';
import { doctorCommand } from './doctor.ts';
import { explainCommand } from './explain.ts';
import { listCommand } from './list.ts';
import { memoryNodeCommand } from './memory-node.ts';
import { nodeCommand } from './node.ts';
import { reportCommand } from './report.ts';
import { runCommand } from './run.ts';

/** The whole command line, without side effects: the entry point parses with it, tests read it. */
export function buildProgram(): Command {
  const program = new Command('farside')
    .description('A testbed for passive disaggregated memory')
    .version(farsideVersion, '--version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand(false)
    .addHelpText('after', '\nExample:\n  farside compare');
  const commands = [
    compareCommand(),
    runCommand(),
    explainCommand(),
    checkCommand(),
    benchCommand(),
    memoryNodeCommand(),
    nodeCommand(),
    reportCommand(),
    doctorCommand(),
    listCommand(),
  ];
  for (const command of commands) program.addCommand(command);
  program.addCommand(helpCommand(program));
  for (const command of [program, ...program.commands]) refuseInOneLine(command);
  return program;
}

/** Commander's own answers an unknown name with the help of everything. */
function helpCommand(program: Command): Command {
  return new Command('help')
    .summary('show help of a command')
    .argument('[command]')
    .helpOption(false)
    .action((name: string | undefined) => {
      if (name === undefined) return program.outputHelp();
      const command = program.commands.find((known) => known.name() === name);
      if (command !== undefined) return command.outputHelp();
      const names = program.commands.map((known) => known.name());
      const hint = didYouMean(name, names) || ` (there are: ${names.join(', ')})`;
      throw new FarsideError('FARSIDE_USAGE', `help ${name}: there is no such command${hint}`);
    });
}

/** Commander's complaints, which take several lines, become errors like all others. */
function refuseInOneLine(command: Command): void {
  command.showSuggestionAfterError(false);
  command.configureOutput({ outputError: () => undefined });
  command.exitOverride((error) => {
    if (error.exitCode === 0) throw error;
    throw new FarsideError('FARSIDE_USAGE', complaint(command, error));
  });
}

function complaint(command: Command, error: CommanderError): string {
  const plain = error.message.replace(/^error: /, '').replaceAll("'", '');
  return `${plain}${hint(command, error, plain)}`;
}

function hint(command: Command, error: CommanderError, plain: string): string {
  const name = command.parent === null ? 'farside' : `farside ${command.name()}`;
  const written = plain.split(' ').at(-1) as string;
  if (error.code === 'commander.unknownCommand') {
    const names = command.commands.map((known) => known.name());
    return didYouMean(written, names) || ` (there are: ${names.join(', ')})`;
  }
  if (error.code === 'commander.unknownOption') {
    const flags = command.options.flatMap((option) => [option.long, option.short]);
    const known = flags.filter((flag) => flag !== undefined && flag !== null);
    return didYouMean(written, known) || ` (${name} --help lists them)`;
  }
  return ` (${name} --help)`;
}
