import { writeFileSync } from 'node:fs';
import { styleText } from 'node:util';
import { type Command, Option } from 'commander';
import { FarsideError } from '../core/errors.ts';
import type { CheckResult } from '../lab/check/check.ts';
import type { SchedulerName } from '../lab/check/draft.ts';
import type { Judgement } from '../lab/check/judge.ts';
import type { Scenario } from '../lab/check/scenario.ts';
import { fromSet } from '../lab/experiment/assign.ts';
import { checkSystemSettings } from '../lab/experiment/choose.ts';
import { emptyDraft } from '../lab/experiment/draft.ts';
import { usageError } from '../lab/experiment/setting.ts';
import { parseValue, type ValueKind } from '../lab/experiment/values.ts';
import { plainStyle, type Style } from '../lab/explain/diagram.ts';
import { formatCount } from '../lab/output/format.ts';
import { systemLabel } from '../lab/output/names.ts';
import { colorWanted } from '../lab/output/table.ts';
import type { ParameterValue } from '../lab/result.ts';
import type { System } from '../systems/system.ts';
import { camelCase } from './camel-case.ts';
import { exitCode, say } from './errors.ts';
import { interruptible } from './interrupt.ts';
import { ensureWritable } from './writable.ts';

export const checkSystemHelp = `
A schedule decides when each verb acts, what tears, who goes on and what fails. One that breaks a promise
is made small, drawn, and saved; exit 1.

Examples:
  farside check direct
  farside check direct --scheduler exhaustive --script put,get/put,get --no-recovery
  farside check clover --replicas 2 --schedules 1M --faults crash,pause:2
  farside check ./mine.js --scheduler pct --durability flush --faults restart
  farside check --replay farside-schedule-direct.json`;

const small = (maximum: number): ValueKind => ({ type: 'count', minimum: 1, maximum });
const choice = (...choices: string[]): ValueKind => ({ type: 'choice', choices });

/** Flags with a value: how each is written, and what it says. */
const flags: Readonly<Record<string, { readonly kind: ValueKind; readonly text: string }>> = {
  scheduler: {
    kind: choice('random', 'pct', 'slow', 'exhaustive'),
    text: 'random, pct (random priorities), slow (some verbs are late), exhaustive (default: random)',
  },
  schedules: { kind: small(1e9), text: 'schedules of random, pct and slow (default: 20k)' },
  'early-timers': {
    kind: { type: 'text' },
    text:
      'exhaustive: timers that fire while anything else could happen, a schedule: a number, or ' +
      'any (default: any)',
  },
  states: { kind: small(1e8), text: 'states that exhaustive may visit (default: 3M)' },
  script: {
    kind: { type: 'text' },
    text: 'operations of each client, as "put get1 / delete": the number is the key',
  },
  clients: { kind: small(16), text: 'clients, each on a compute node (default: 3; exhaustive: 2)' },
  operations: { kind: small(64), text: 'operations of each (default: 4; exhaustive: 2)' },
  keys: { kind: small(16), text: 'keys (default: 1)' },
  'compute-nodes': { kind: small(16), text: 'compute nodes (default: one a client)' },
  'memory-nodes': { kind: small(16), text: 'memory nodes (default: 2; exhaustive: the replicas)' },
  replicas: { kind: small(3), text: 'copies of each entry (default: 1)' },
  spares: {
    kind: small(4),
    text: 'memory nodes that may take the place of lost ones (default: 0)',
  },
  standbys: { kind: small(4), text: 'nodes that may take over from servers (default: 0)' },
  'value-words': { kind: small(16), text: 'words of each value (default: 2; exhaustive: 1)' },
  durability: { kind: choice('assumed', 'flush'), text: 'assumed or flush (default: assumed)' },
  timing: {
    kind: choice('asynchronous', 'bounded'),
    text: "whether timers respect the bound on verbs (default: what the system's promises need)",
  },
  faults: {
    kind: { type: 'text' },
    text: 'crash, restart, lose, cut, pause; crash:2, restart@mn0, cut@ms0/writes, or none (default: crash)',
  },
  grain: {
    kind: choice('effects', 'waits', 'turns'),
    text: 'where programs of a node overtake: effects, waits or turns (default: effects; exhaustive: turns)',
  },
  recoverers: {
    kind: small(16),
    text: 'survivors that repair what a lost compute node left, all at once (default: 1)',
  },
  seed: { kind: { type: 'count', minimum: 0, maximum: 2 ** 31 }, text: 'seed (default: 1)' },
  threads: { kind: small(1024), text: 'cores to use (default: all)' },
  format: { kind: choice('table', 'json'), text: 'table or json (default: table)' },
  record: {
    kind: { type: 'text' },
    text: 'a Markdown file to append to: scenario, verdict, time, what was reached, how to repeat it',
  },
  out: { kind: { type: 'text' }, text: 'where a schedule that breaks a promise is saved' },
};

export type CheckSystemFlags = Readonly<
  Record<string, string | boolean | readonly string[] | undefined>
>;

export function addCheckSystemFlags(command: Command): Command {
  for (const [name, { text }] of Object.entries(flags)) {
    command.addOption(new Option(`--${name} <value>`, text));
  }
  return command
    .option('--no-recovery', 'tell nobody of faults: only safety among survivors is checked')
    .option('--linearizable', 'hold gets to be fresh, even where the system does not promise it')
    .option('--set <path=value>', 'a setting of the system', collect)
    .option('--replay <file>', 'run a saved schedule again, and draw it');
}

function collect(value: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, value];
}

/** `farside check SYSTEM`: schedules of a scenario against what the system promises. */
export async function checkSystem(
  system: string | undefined,
  given: CheckSystemFlags,
): Promise<void> {
  if (given.replay !== undefined) {
    await replayFile(given.replay as string, system);
    return;
  }
  if (system === undefined) {
    throw usageError(['check: expected a system, such as farside check direct, or --replay FILE']);
  }
  const { loadSystem } = await import('../lab/engine/prepare.ts');
  const { scenarioOf } = await import('../lab/check/draft.ts');
  const { stageOf } = await import('../lab/check/stage.ts');
  const loaded = await loadSystem(system);
  const read = reader(given);
  const scheduler = (read('scheduler') ?? 'random') as SchedulerName;
  const scenario = scenarioOf(draftOf(system, loaded, scheduler, given, read), loaded);
  const statesMax = (read('states') ?? 3_000_000) as number;
  const stage = stageOf(scenario, loaded);
  if (scheduler === 'exhaustive') {
    const { refuseLargeScope } = await import('../lab/check/large-scope.ts');
    refuseLargeScope(stage, statesMax);
  }
  const { check } = await import('../lab/check/check.ts');
  const options = {
    scenario,
    scheduler,
    schedules: (read('schedules') ?? 20_000) as number,
    statesMax,
    threads: read('threads') as number | undefined,
  };
  const record = read('record') as string | undefined;
  const out = (read('out') ?? `farside-schedule-${systemLabel(system)}.json`) as string;
  if (record !== undefined) ensureWritable('record', record);
  ensureWritable('out', out);
  const progress = progressOf(scheduler === 'exhaustive' ? undefined : options.schedules);
  const result = await interruptible(
    (signal) => check(options, { signal, ...progress }),
    clearProgress,
  );
  const file = result.failure === undefined ? undefined : await save(result.failure, out);
  process.stdout.write(
    read('format') === 'json' ? await jsonOf(result, file) : await tableOf(result, file),
  );
  if (record !== undefined && !result.partial) {
    const { appendRecord } = await import('./check-record.ts');
    appendRecord(record, result);
  }
  if (result.failure !== undefined) process.exitCode = exitCode.broken;
  else if (result.findings.exhaustive?.end === 'gave up' && !result.partial) {
    const { tooLarge } = await import('../lab/check/large-scope.ts');
    throw new FarsideError('FARSIDE_USAGE', tooLarge(stage, `more than ${statesMax}`, statesMax));
  } else if (result.partial) process.exitCode = exitCode.interrupted;
}

type Read = (name: string) => ParameterValue | undefined;

function reader(given: CheckSystemFlags): Read {
  return (name) => {
    const written = given[camelCase(name)];
    if (written === undefined) return undefined;
    const parsed = parseValue((flags[name] as { kind: ValueKind }).kind, written);
    if ('expected' in parsed) {
      const said = written === '' ? '""' : String(written);
      throw usageError([`--${name} ${said}: expected ${parsed.expected}`]);
    }
    return parsed.value;
  };
}

function draftOf(
  system: string,
  loaded: System,
  scheduler: SchedulerName,
  given: CheckSystemFlags,
  read: Read,
) {
  const count = (name: string): number | undefined => read(name) as number | undefined;
  return {
    system,
    scheduler,
    settings: settingsOf((given.set as readonly string[] | undefined) ?? [], system, loaded),
    script: read('script') as string | undefined,
    clients: count('clients'),
    operations: count('operations'),
    keys: count('keys'),
    computeNodes: count('compute-nodes'),
    memoryNodes: count('memory-nodes'),
    replicas: count('replicas') ?? 1,
    spares: count('spares') ?? 0,
    standbys: count('standbys') ?? 0,
    valueWords: count('value-words'),
    durability: (read('durability') ?? 'assumed') as Scenario['durability'],
    timing: read('timing') as Scenario['timing'] | undefined,
    faults: read('faults') as string | undefined,
    recovery: given.recovery !== false,
    recoverers: count('recoverers') ?? 1,
    linearizable: given.linearizable === true,
    grain: read('grain') as Scenario['grain'] | undefined,
    earlyTimers: earlyTimersIn(read('early-timers')),
    seed: count('seed') ?? 1,
  };
}

/** Infinity: any number. */
function earlyTimersIn(text: unknown): number | undefined {
  if (text === undefined) return undefined;
  if (text === 'any') return Number.POSITIVE_INFINITY;
  if (/^\d{1,2}$/.test(String(text))) return Number(text);
  throw new FarsideError(
    'FARSIDE_USAGE',
    `--early-timers ${String(text)}: expected a number from 0 to 99, or any`,
  );
}

/** Judged as those of `run` are: unknown settings, and values of a wrong type. */
function settingsOf(
  sets: readonly string[],
  name: string,
  system: System,
): Record<string, ParameterValue> {
  const label = system.name;
  const written = sets.map((text) => {
    const setting = fromSet(text);
    if (setting.values.length !== 1 || !setting.path.includes('.')) {
      throw usageError([`--set ${text}: expected one value of a setting, as ${label}.NAME=VALUE`]);
    }
    const owner = setting.path.slice(0, setting.path.lastIndexOf('.'));
    if (![name, label, systemLabel(name)].includes(owner)) {
      throw usageError([
        `--set ${text}: ${owner} is not checked; settings of ${label} begin with ${label}.`,
      ]);
    }
    return setting;
  });
  const { settings } = checkSystemSettings({ ...emptyDraft(), settings: written }, [
    { name, label, system },
  ]);
  return Object.fromEntries(
    settings.map(({ path, values }) => [path.slice(path.lastIndexOf('.') + 1), values[0]!]),
  );
}

/** How far a search is, on a terminal. */
function progressOf(total: number | undefined): {
  onProgress?: (schedules: number, states: number) => void;
} {
  if (!process.stderr.isTTY) return {};
  return {
    onProgress: (schedules, states) => {
      const seen = states > 0 ? `, ${states} states` : '';
      const all = total === undefined ? '' : ` of ${total}`;
      process.stderr.write(`\r\x1b[K ${schedules}${all} schedules${seen}`);
    },
  };
}

function clearProgress(): void {
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
}

async function save(failure: NonNullable<CheckResult['failure']>, out: string): Promise<string> {
  const { replayText } = await import('../lab/check/replay-file.ts');
  const { scenario, judgement, choices } = failure;
  try {
    writeFileSync(out, replayText(scenario, judgement, choices));
  } catch (cause) {
    throw new FarsideError('FARSIDE_OUTPUT', `--out ${out}: cannot be written`, { cause });
  }
  return out;
}

async function replayFile(name: string, system: string | undefined): Promise<void> {
  const { readReplayFile } = await import('../lab/check/replay-file.ts');
  const { openStage } = await import('../lab/check/stage.ts');
  const { replay } = await import('../lab/check/schedule.ts');
  const { scenario, choices } = readReplayFile(name, system);
  const { judgement, lines } = await inFile(name, async () => {
    const { judgement } = replay(await openStage(scenario), choices);
    return { judgement, lines: await drawn(scenario, judgement, choices) };
  });
  const { describeVerdict } = await import('../lab/check/report.ts');
  process.stdout.write(`${[...lines, '', describeVerdict(judgement)].join('\n')}\n`);
  if (judgement.kind !== 'kept') process.exitCode = exitCode.broken;
}

/** What `work` finds wrong with a file is said of that file. */
async function inFile<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof FarsideError)) throw error;
    throw new FarsideError(error.code, `${name}: ${error.message}`, { cause: error });
  }
}

async function drawn(
  scenario: Scenario,
  judgement: Judgement,
  choices: readonly string[],
): Promise<string[]> {
  const { drawSchedule } = await import('../lab/check/sequence.ts');
  const { openStage } = await import('../lab/check/stage.ts');
  const columns = process.stdout.columns ?? 120;
  return drawSchedule(await openStage(scenario), choices, judgement, columns, styleNow());
}

function styleNow(): Style {
  if (!colorWanted(process.stdout)) return plainStyle;
  return { bold: (text) => styleText('bold', text), dim: (text) => styleText('dim', text) };
}

async function tableOf(result: CheckResult, file: string | undefined): Promise<string> {
  const { coverage, describeResult, describeScenario, describeSearch } = await import(
    '../lab/check/report.ts'
  );
  const { findings, failure, plan } = result;
  const { reached, gaps } = coverage(result);
  const lines = [
    styleNow().bold(`${plan.scenario.system}: ${describeResult(result)}`),
    ...describeScenario(plan.scenario),
    describeSearch(result),
    `reached: ${reached.join('; ') || 'nothing rare'}`,
    `gaps (never reached): ${gaps.join('; ') || 'none'}`,
  ];
  if (findings.unrepaired > 0) {
    const why = plan.scenario.recovery
      ? 'that this system has no recovery for'
      : 'and nobody was told (--no-recovery)';
    lines.push(
      `in ${formatCount(findings.unrepaired)} schedules something failed ${why}: ` +
        'there, only safety among the survivors was checked',
    );
  }
  if (failure !== undefined && file !== undefined) {
    lines.push('', 'the smallest schedule found that breaks it:');
    lines.push(...(await drawn(failure.scenario, failure.judgement, failure.choices)));
    lines.push('', `saved: farside check --replay ${file}`);
  }
  if (process.stderr.isTTY) say('');
  return `${lines.join('\n')}\n`;
}

async function jsonOf(result: CheckResult, file: string | undefined): Promise<string> {
  const { coverage } = await import('../lab/check/report.ts');
  const { findings, failure, plan, seconds, threads, partial } = result;
  const json = {
    system: plan.scenario.system,
    verdict: failure?.judgement.kind ?? (findings.schedules === 0 ? 'unknown' : 'kept'),
    judgement: failure?.judgement ?? { kind: 'kept' },
    scenario: plan.scenario,
    scheduler: plan.scheduler,
    schedules: findings.schedules,
    steps: findings.steps,
    seconds,
    threads,
    partial,
    exhaustive: findings.exhaustive,
    unrepaired: findings.unrepaired,
    events: findings.events,
    gaps: coverage(result).gaps,
    replay: file,
  };
  return `${JSON.stringify(json, null, 2)}\n`;
}
