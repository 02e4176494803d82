import { styleText } from 'node:util';
import { Argument, Command, Option } from 'commander';
import { FarsideError } from '../core/errors.ts';
import { loadSystem } from '../lab/engine/prepare.ts';
import { fromSet } from '../lab/experiment/assign.ts';
import { type ChosenSystem, checkSystemSettings, chooseSystems } from '../lab/experiment/choose.ts';
import { emptyDraft } from '../lab/experiment/draft.ts';
import { isSystemSetting } from '../lab/experiment/parameters.ts';
import { type Setting, usageError } from '../lab/experiment/setting.ts';
import { parseValue, type ValueKind } from '../lab/experiment/values.ts';
import { plainStyle, type Style } from '../lab/explain/diagram.ts';
import { explain } from '../lab/explain/explain.ts';
import { type ExplainedOperation, explainedOperations } from '../lab/explain/stage.ts';
import { colorWanted } from '../lab/output/table.ts';
import { openProfile } from '../lab/profiles.ts';
import type { ParameterValue } from '../lab/result.ts';
import { camelCase } from './camel-case.ts';
import { blamingOwn, isOwn } from './failures.ts';

const help = `
Lanes are nodes, time runs downwards, an arrow is a verb and points at the memory it acts on. Below
it: the address and what lies there, when it acts, and the words it changes, old and new. A bracket is
one round trip; dashes are background work.

Examples:
  farside explain clover put --replicas 2
  farside explain direct put --contention
  farside explain central get --profile connectx4-100g
  farside explain clover get --set clover.readWait=first`;

/** Flags with a value: how each is written, and what it is where it is not given. */
const flags = {
  replicas: {
    kind: { type: 'count', minimum: 1, maximum: 3 },
    default: '1',
    text: 'copies of each entry',
  },
  'memory-nodes': {
    kind: { type: 'count', minimum: 1, maximum: 64 },
    default: '2',
    text: 'memory nodes; at least the replicas',
  },
  'value-bytes': {
    kind: { type: 'bytes', minimum: 1, maximum: 32768 },
    default: '960',
    text: 'bytes of each value',
  },
  durability: {
    kind: { type: 'choice', choices: ['assumed', 'flush'] },
    default: 'assumed',
    text: 'assumed: a completed write is durable; flush: after a FLUSH of it',
  },
  profile: {
    kind: { type: 'text' },
    default: 'ideal',
    text: 'cost model that gives the times; ideal: one constant round trip',
  },
  seed: {
    kind: { type: 'count', minimum: 0, maximum: 2 ** 31 },
    default: '1',
    text: 'seed of all that is drawn',
  },
  after: {
    kind: { type: 'duration' },
    default: '20us',
    text: 'how long background work is shown after the operation',
  },
} as const satisfies Record<string, { kind: ValueKind; default: string; text: string }>;

type FlagName = keyof typeof flags;

/** `farside explain SYSTEM OPERATION`: every verb of one operation. */
export function explainCommand(): Command {
  const command = new Command('explain')
    .summary('show every verb of one operation')
    .description(
      'Performs one operation on a small, warm store in the simulator and draws every verb of it.',
    )
    .argument('<system>', 'direct, central, clover, or the path of a module that exports `system`')
    .addArgument(new Argument('<operation>', explainedOperations.join(', ')));
  for (const [name, { default: value, text }] of Object.entries(flags)) {
    command.addOption(new Option(`--${name} <value>`, `${text} (default: ${value})`));
  }
  return command
    .option('--contention', 'a second compute node writes the same key at the same time')
    .option('--set <path=value>', 'a setting of the system, or profile.NUMBER', collect)
    .addHelpText('after', help)
    .action(run);
}

function collect(value: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, value];
}

async function run(
  system: string,
  operation: string,
  given: Readonly<Record<string, string | boolean | readonly string[] | undefined>>,
): Promise<void> {
  const parsed = parseValue({ type: 'choice', choices: [...explainedOperations] }, operation);
  if ('expected' in parsed) {
    throw usageError([`explain ${system} ${operation}: expected ${parsed.expected}`]);
  }
  const value = (name: FlagName): ParameterValue => flagValue(name, given);
  const profile = value('profile') as string;
  blaming(`--profile ${profile}`, () => openProfile(profile, {}));
  const origin = { source: 'flag', label: `explain ${system}` } as const;
  const [chosen] = await chooseSystems([{ name: system, origin }], loadSystem);
  const sets = (given.set as readonly string[] | undefined) ?? [];
  const { settings, profileOverrides } = changesOf(sets, chosen as ChosenSystem, profile);
  const replicas = value('replicas') as number;
  const asksForNodes = given[camelCase('memory-nodes')] !== undefined;
  const memoryNodes = value('memory-nodes') as number;
  const lines = await blamingOwn(isOwn(system) ? [system] : [], () =>
    explain(
      {
        system,
        operation: operation as ExplainedOperation,
        settings,
        profileOverrides,
        replicas,
        memoryNodes: asksForNodes ? memoryNodes : Math.max(memoryNodes, replicas),
        valueBytes: value('value-bytes') as number,
        profile,
        durability: value('durability') as 'assumed' | 'flush',
        seed: value('seed') as number,
        contention: given.contention === true,
        afterNs: value('after') as number,
      },
      process.stdout.columns ?? 120,
      colorWanted(process.stdout) ? colored : plainStyle,
    ),
  );
  process.stdout.write(`${lines.join('\n')}\n`);
}

const colored: Style = {
  bold: (text) => styleText('bold', text),
  dim: (text) => styleText('dim', text),
};

function flagValue(
  name: FlagName,
  given: Readonly<Record<string, string | boolean | readonly string[] | undefined>>,
): ParameterValue {
  const written = (given[camelCase(name)] as string | undefined) ?? flags[name].default;
  const parsed = parseValue(flags[name].kind, written);
  if ('expected' in parsed) throw usageError([`--${name} ${written}: expected ${parsed.expected}`]);
  return parsed.value;
}

/** What `--set` changes: there is no experiment here, only the system and the profile. */
interface Changes {
  readonly settings: Record<string, ParameterValue>;
  readonly profileOverrides: Record<string, number>;
}

/** Judged as those of `run` are: unknown systems, settings and numbers, and values of a wrong type. */
function changesOf(sets: readonly string[], chosen: ChosenSystem, profile: string): Changes {
  const given = sets.map((text) => oneOf(text, chosen));
  const { settings } = checkSystemSettings({ ...emptyDraft(), settings: given }, [chosen]);
  const changes: Changes = { settings: {}, profileOverrides: {} };
  for (const { path, values, origin } of settings) {
    const [value] = values as [ParameterValue];
    const name = path.slice(path.indexOf('.') + 1);
    if (!path.startsWith('profile.')) changes.settings[name] = value;
    else {
      changes.profileOverrides[name] = Number(value);
      blaming(origin.label, () => openProfile(profile, { [name]: Number(value) }));
    }
  }
  return changes;
}

function oneOf(text: string, { label, system }: ChosenSystem): Setting {
  const name = text.split('=')[0]?.trim() as string;
  if (system.parameters.some((parameter) => parameter.name === name)) {
    throw usageError([`--set ${text}: did you mean ${label}.${name}?`]);
  }
  const setting = fromSet(text);
  if (setting.values.length !== 1) {
    throw usageError([`--set ${text}: explain performs one operation; give one value`]);
  }
  if (setting.path === 'profile.name') {
    throw usageError([`--set ${text}: name the cost model with --profile`]);
  }
  const [section = ''] = setting.path.split('.');
  if (section === 'profile' || isSystemSetting(setting.path)) return setting;
  throw usageError([
    `--set ${text}: explain takes settings of ${label} and numbers of the profile; ` +
      'the flags say the rest (farside explain --help)',
  ]);
}

/** Puts before an error where the value was written that it is about. */
function blaming(label: string, check: () => unknown): void {
  try {
    check();
  } catch (error) {
    if (!(error instanceof FarsideError)) throw error;
    throw new FarsideError(error.code, `${label}: ${error.message}`, { cause: error });
  }
}
