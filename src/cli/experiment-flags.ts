import { type Command, Option } from 'commander';
import { FarsideError } from '../core/errors.ts';
import { elements, fromFault, fromFlag, fromProperty, fromSet } from '../lab/experiment/assign.ts';
import { type Draft, emptyDraft, outputFormats, plotFormats } from '../lab/experiment/draft.ts';
import {
  defaultText,
  type Parameter,
  parameters,
  placeholder,
} from '../lab/experiment/parameters.ts';
import { seedExpectation, seedsOf } from '../lab/experiment/seeds.ts';
import { type Origin, type Setting, usageError } from '../lab/experiment/setting.ts';
import { parseValue } from '../lab/experiment/values.ts';
import { camelCase } from './camel-case.ts';

/**
 * The flags that describe an experiment: one for each parameter of the table that has one, `--set`
 * and `-p` for all others, and where results go. Commander only collects their texts; values are
 * parsed where those of experiment files are.
 */
export interface ExperimentFlags {
  readonly [flag: string]: string | readonly string[] | boolean | undefined;
}

const groups: readonly (readonly [string, string])[] = [
  ['fabric', 'Machine:'],
  ['profile.', 'Machine:'],
  ['durability', 'Machine:'],
  ['workload.', 'Workload:'],
  ['cluster.', 'Cluster:'],
  ['phases.', 'Phases:'],
];

export function addExperimentFlags(command: Command): Command {
  for (const parameter of parameters) {
    if (parameter.flag !== undefined) command.addOption(parameterOption(parameter));
  }
  command.addOption(faultOption().helpGroup('Faults:'));
  for (const option of sweepOptions()) command.addOption(option.helpGroup('Sweep and seeds:'));
  for (const option of outputOptions()) command.addOption(option.helpGroup('Output:'));
  return command;
}

function parameterOption(parameter: Parameter): Option {
  const { flag, kind, path, summary } = parameter;
  const isSwitch = kind.type === 'boolean';
  const flags = isSwitch ? `--${flag}` : `--${flag} <${placeholder(kind)}>`;
  const group = groups.find(([prefix]) => path.startsWith(prefix));
  const text = isSwitch ? summary : `${summary} (default: ${defaultText(parameter)})`;
  return new Option(flags, text).helpGroup(group?.[1] ?? 'Options:');
}

function faultOption(): Option {
  const summary =
    'what shall go wrong, such as "crash cn1 at verb 5000" (docs/faults.md); repeatable';
  return new Option('--fault <sentence>', summary).argParser(collect).default(undefined, 'none');
}

function sweepOptions(): Option[] {
  return [
    new Option('--set <path=value>', 'any parameter by its path; a list 1,2,4 makes an axis')
      .argParser(collect)
      .default(undefined, 'none'),
    new Option('-p <key=value>', 'a property of the YCSB workload, over its file').argParser(
      collect,
    ),
    new Option('--seed <seeds>', 'the seed, a list 1,2,9 or a range 1..5 (default: 1)'),
    new Option('--seeds <count>', 'run so many seeds, from --seed on (default: 1)'),
    new Option('--check-determinism', 'run everything twice and compare event hashes (sim only)'),
  ];
}

function outputOptions(): Option[] {
  return [
    new Option(
      '--out <dir>',
      'folder for results (default: the first free of ./farside-results/NAME, NAME-2, …)',
    ),
    new Option('--force', 'replace the folder where it exists'),
    new Option(`--format <${outputFormats.join('|')}>`, 'what stdout gets (default: table)'),
    new Option(`--plots <${plotFormats.join('|')}>`, 'also write the plots as files'),
    new Option(
      '--history <file>',
      'record every operation of the run for farside check; turns --data-integrity on',
    ),
    new Option('--dry-run', 'check everything, list the runs, and run nothing'),
    new Option('--quiet', 'no progress and no notes on stderr'),
  ];
}

function collect(value: string, previous: readonly string[] | undefined): readonly string[] {
  return [...(previous ?? []), value];
}

/** What the flags say. FARSIDE_USAGE has a line for each flag that is wrong. */
export function draftOfFlags(flags: ExperimentFlags): Draft {
  const problems: string[] = [];
  const attempt = <T>(parse: () => T): T | undefined => {
    try {
      return parse();
    } catch (error) {
      if (!(error instanceof FarsideError)) throw error;
      problems.push(...error.message.split('\n'));
      return undefined;
    }
  };
  const settings: Setting[] = [];
  const add = (setting: Setting | undefined): void => {
    if (setting === undefined) return;
    const twin = settings.find((other) => other.path === setting.path);
    if (twin === undefined) settings.push(setting);
    else problems.push(`${twin.origin.label} and ${setting.origin.label} set the same: use one`);
  };
  for (const parameter of parameters) {
    const given = parameter.flag === undefined ? undefined : flags[camelCase(parameter.flag)];
    if (typeof given === 'string' || given === true) add(attempt(() => fromFlag(parameter, given)));
  }
  for (const text of textsOf(flags, 'set')) add(attempt(() => fromSet(text)));
  for (const text of textsOf(flags, 'p')) add(attempt(() => fromProperty(text)));
  const faults = textsOf(flags, 'fault').flatMap((text) => attempt(() => fromFault(text)) ?? []);
  const seeds = attempt(() => seedsOfFlag(flags.seed));
  const seedCount = attempt(() => seedCountOf(flags.seeds));
  const format = attempt(() => choose('format', outputFormats, flags.format));
  const plots = attempt(() => choose('plots', plotFormats, flags.plots));
  if (problems.length > 0) throw usageError(problems);
  const dir = flags.out as string | undefined;
  return { ...emptyDraft(), settings, seeds, seedCount, faults, output: { dir, format, plots } };
}

function textsOf(flags: ExperimentFlags, name: string): readonly string[] {
  return (flags[name] ?? []) as readonly string[];
}

function seedsOfFlag(given: unknown): number[] | undefined {
  if (typeof given !== 'string') return undefined;
  const origin: Origin = { source: 'flag', label: `--seed ${given}` };
  return elements(given, origin).flatMap((element) => {
    const seeds = seedsOf(element);
    if (seeds === undefined) throw usageError([`${origin.label}: expected ${seedExpectation}`]);
    return seeds;
  });
}

function seedCountOf(given: unknown): number | undefined {
  if (typeof given !== 'string') return undefined;
  const parsed = parseValue({ type: 'count', minimum: 1, maximum: 1000 }, given);
  if ('value' in parsed) return parsed.value as number;
  throw usageError([`--seeds ${given}: expected ${parsed.expected}`]);
}

function choose<T extends string>(
  flag: string,
  choices: readonly T[],
  given: unknown,
): T | undefined {
  if (typeof given !== 'string') return undefined;
  const parsed = parseValue({ type: 'choice', choices }, given);
  if ('value' in parsed) return parsed.value as T;
  throw usageError([`--${flag} ${given}: expected ${parsed.expected}`]);
}
