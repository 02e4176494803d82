import { Argument, Command, Option } from 'commander';
import { fabricKinds } from '../core/context.ts';
import type { BenchOptions } from '../lab/bench/options.ts';
import { benchVerbs } from '../lab/bench/options.ts';
import { usageError } from '../lab/experiment/setting.ts';
import { parseValue, type ValueKind } from '../lab/experiment/values.ts';
import type { ParameterValue } from '../lab/result.ts';
import { camelCase } from './camel-case.ts';

const help = `
Latency is of one verb outstanding at a time; typical is the median. The rate is of --tx-depth verbs
outstanding on each queue pair. Where time is real, 100k verbs warm up before each, or 5 s and more while
the rate still rises, 30 s at most. flush is a WRITE and the FLUSH that makes it durable, in one doorbell.
On verbs the memory node serves a region called bench, which is overwritten.

Examples:
  farside bench read
  farside bench write --fabric shared -s 4KiB
  farside bench cas --fabric verbs --memory 10.0.0.5:7471 --lat -n 1000
  farside bench read --fabric verbs --memory 10.0.0.5:7471 --bw -s 64 -q 2 -t 128 -l 16 --json`;

interface BenchFlag {
  readonly short?: string;
  readonly kind: ValueKind;
  readonly default?: string;
  readonly text: string;
  /** Where it has an effect; it is refused elsewhere. */
  readonly only?: { readonly flag: 'fabric' | 'bw' | 'flush'; readonly value?: string };
}

const flags = {
  fabric: {
    kind: { type: 'choice', choices: fabricKinds },
    default: 'sim',
    text: 'sim: virtual time; shared: threads on shared memory; verbs: RDMA',
  },
  memory: {
    kind: { type: 'addresses' },
    text: 'verbs only: where farside memory-node listens',
    only: { flag: 'fabric', value: 'verbs' },
  },
  profile: {
    kind: { type: 'text' },
    default: 'connectx4-100g',
    text: 'sim only: cost model',
    only: { flag: 'fabric', value: 'sim' },
  },
  size: {
    short: 's',
    kind: { type: 'bytes', minimum: 8, maximum: 8 << 20 },
    default: '64, and 8 for atomics',
    text: 'bytes of each verb, a multiple of 8',
  },
  qp: {
    short: 'q',
    kind: { type: 'count', minimum: 1, maximum: 1024 },
    default: '1',
    text: 'queue pairs of the rate',
    only: { flag: 'bw' },
  },
  'tx-depth': {
    short: 't',
    kind: { type: 'count', minimum: 1, maximum: 4096 },
    default: '128, and 64 for flush',
    text: 'verbs outstanding on each queue pair, for the rate',
    only: { flag: 'bw' },
  },
  'post-list': {
    short: 'l',
    kind: { type: 'count', minimum: 1, maximum: 4096 },
    default: '1',
    text: 'verbs of a doorbell, which are waited for together; a divisor of --tx-depth',
    only: { flag: 'bw' },
  },
  iters: {
    short: 'n',
    kind: { type: 'count', minimum: 1, maximum: 1e9 },
    default: '10k, and 1M on shared',
    text: 'measured verbs of each queue pair',
  },
  'flush-by': {
    kind: { type: 'choice', choices: ['flush', 'read'] },
    default: 'flush',
    text: 'verbs only, of flush: read declares that a READ after WRITEs makes them durable there',
    only: { flag: 'flush', value: 'verbs' },
  },
} as const satisfies Record<string, BenchFlag>;

type FlagName = keyof typeof flags;
type Given = Readonly<Record<string, string | boolean | undefined>>;

/** `farside bench VERB`: latency and rate of one verb, on any fabric. */
export function benchCommand(): Command {
  const command = new Command('bench')
    .summary('measure latency and rate of one verb')
    .description('Measures latency and rate of one verb of a fabric, in the words of perftest.')
    .addArgument(new Argument('<verb>', benchVerbs.join(', ')));
  for (const [name, flag] of Object.entries<BenchFlag>(flags)) {
    const short = flag.short === undefined ? '' : `-${flag.short}, `;
    const otherwise = flag.default === undefined ? '' : ` (default: ${flag.default})`;
    command.addOption(new Option(`${short}--${name} <value>`, `${flag.text}${otherwise}`));
  }
  return command
    .option('--lat', 'latency only')
    .option('--bw', 'rate and bandwidth only')
    .option('--json', 'print JSON in place of a table')
    .addHelpText('after', help)
    .action(bench);
}

async function bench(verb: string, given: Given): Promise<void> {
  const options = optionsOf(verb, given);
  const { checkBench } = await import('../lab/bench/options.ts');
  checkBench(options);
  const { runBench } = await import('../lab/bench/bench.ts');
  const { benchJson, benchText } = await import('../lab/bench/report.ts');
  const result = await runBench(options);
  process.stdout.write(given.json === true ? benchJson(result) : benchText(result));
}

function optionsOf(verbText: string, given: Given): BenchOptions {
  const parsed = parseValue({ type: 'choice', choices: [...benchVerbs] }, verbText);
  if ('expected' in parsed) throw usageError([`bench ${verbText}: expected ${parsed.expected}`]);
  const verb = parsed.value as BenchOptions['verb'];
  const value = <T extends ParameterValue>(name: FlagName, otherwise: T): T =>
    flagValue(name, given, otherwise);
  const fabric = value<BenchOptions['fabric']>('fabric', 'sim');
  if (given.lat === true && given.bw === true) {
    throw usageError(['--lat and --bw: each says that the other is not measured; leave both out']);
  }
  const isFlush = verb === 'flush';
  refuseIdle(given, fabric, isFlush);
  const memory = value<string>('memory', '');
  if (fabric === 'verbs' && (memory === '' || memory.includes(','))) {
    const wanted = 'where farside memory-node --region bench:dram:SIZE listens';
    throw usageError([
      `${memory === '' ? '--fabric verbs' : `--memory ${memory}`}: expected one --memory ADDRESS, ${wanted}`,
    ]);
  }
  return {
    verb,
    fabric,
    sizeBytes: value('size', verb === 'cas' || verb === 'faa' ? 8 : 64),
    queuePairs: value('qp', 1),
    txDepth: value('tx-depth', isFlush ? 64 : 128),
    postList: value('post-list', 1),
    iterations: value('iters', fabric === 'shared' ? 1e6 : 10_000),
    latency: given.bw !== true,
    rate: given.lat !== true,
    profile: value('profile', flags.profile.default),
    memory: memory === '' ? undefined : memory,
    flushBy: value<BenchOptions['flushBy']>('flush-by', 'flush'),
  };
}

function flagValue<T extends ParameterValue>(name: FlagName, given: Given, otherwise: T): T {
  const written = given[camelCase(name)];
  if (written === undefined) return otherwise;
  const parsed = parseValue(flags[name].kind, written);
  if ('expected' in parsed) throw usageError([`--${name} ${written}: expected ${parsed.expected}`]);
  return parsed.value as T;
}

/** What a user asked for in vain is an error: one line for each. */
function refuseIdle(given: Given, fabric: string, isFlush: boolean): void {
  const problems = Object.entries<BenchFlag>(flags).flatMap(([name, { only }]) => {
    if (only === undefined || given[camelCase(name)] === undefined) return [];
    const what = `--${name} ${given[camelCase(name)]}: it has no effect`;
    if (only.flag === 'bw') {
      return given.lat === true ? [`${what} with --lat, which keeps one outstanding`] : [];
    }
    if (fabric !== only.value) return [`${what} on fabric ${fabric}; it is for ${only.value}`];
    return only.flag === 'flush' && !isFlush ? [`${what} but on farside bench flush`] : [];
  });
  if (problems.length > 0) throw usageError(problems);
}
