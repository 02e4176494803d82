import { fabricKinds } from '../../core/context.ts';
import type { ParameterValue } from '../result.ts';
import { expectation, type ValueKind } from './values.ts';

/**
 * Every parameter of an experiment, declared once: the schema of experiment files, the flags of the
 * command line, `--set`, the pre-run checks and both reference pages are made from this table.
 * Settings of systems, numbers of a profile and properties of YCSB come on top, from their own
 * declarations.
 */
export interface Parameter {
  /** Where it stands in an experiment file, and its name as an axis of a sweep. */
  readonly path: string;
  /** The flag that stands for it, without the dashes. */
  readonly flag?: string;
  readonly kind: ValueKind;
  /** Undefined: decided by something else, and `otherwise` says by what. */
  readonly default?: ParameterValue;
  readonly otherwise?: string;
  readonly summary: string;
}

const countMax = 1e12;

function count(minimum: number, maximum = countMax): ValueKind {
  return { type: 'count', minimum, maximum };
}

const cluster: readonly Parameter[] = [
  {
    path: 'cluster.computeNodes',
    flag: 'compute-nodes',
    kind: count(1, 1024),
    default: 4,
    summary:
      'compute nodes; where time is real, threads of this process, or with --processes or --listen processes',
  },
  {
    path: 'cluster.clients',
    flag: 'clients',
    kind: count(1, 256),
    default: 8,
    summary: 'client threads on each compute node, one core each',
  },
  {
    path: 'cluster.outstanding',
    flag: 'outstanding',
    kind: count(1, 1024),
    default: 1,
    summary: 'operations that each client keeps in flight',
  },
  {
    path: 'cluster.memoryNodes',
    flag: 'memory-nodes',
    kind: count(1, 1024),
    default: 4,
    summary: 'memory nodes',
  },
  {
    path: 'cluster.memory',
    flag: 'memory',
    kind: { type: 'addresses' },
    otherwise: 'none; verbs needs one for each memory node',
    summary: 'verbs only: where farside memory-node listens, one address for each memory node',
  },
  {
    path: 'cluster.processes',
    flag: 'processes',
    kind: { type: 'boolean' },
    default: false,
    summary: 'verbs only: compute nodes and servers are processes of this host, and not threads',
  },
  {
    path: 'cluster.listen',
    flag: 'listen',
    kind: { type: 'hostPort' },
    otherwise: 'none: nodes are threads or, with processes, started here',
    summary: 'verbs only: where nodes join that farside node starts, on this host or others',
  },
  {
    path: 'cluster.joinTimeout',
    flag: 'join-timeout',
    kind: { type: 'duration' },
    otherwise: '60s',
    summary: 'how long to wait until all nodes have joined',
  },
  {
    path: 'cluster.queuePairs',
    flag: 'queue-pairs',
    kind: count(1, 4096),
    otherwise:
      'one for each operation that a node keeps in flight, and for each background program',
    summary: 'verbs only: queue pairs from each node to each node that it sends verbs to',
  },
  {
    path: 'cluster.mtu',
    flag: 'mtu',
    kind: { type: 'choice', choices: ['256', '512', '1024', '2048', '4096'] },
    otherwise: 'what the path takes',
    summary: 'verbs only: path MTU of connections, in bytes',
  },
  {
    path: 'cluster.gidIndex',
    flag: 'gid-index',
    kind: count(0, 255),
    otherwise: 'the first that RoCE v2 routes over IPv4',
    summary: "verbs only: of each node's device, the GID whose address the node listens at",
  },
  {
    path: 'cluster.ackTimeout',
    flag: 'ack-timeout',
    kind: count(1, 31),
    otherwise: '14, which is 67 ms',
    summary:
      'verbs only: how long a packet is waited for before it is sent again, as the power of two ' +
      'that 4.096 us are multiplied by',
  },
  {
    path: 'cluster.retries',
    flag: 'retries',
    kind: count(0, 7),
    otherwise: '6',
    summary: 'verbs only: how often a packet is sent again before its queue pair breaks',
  },
  {
    path: 'cluster.flushBy',
    flag: 'flush-by',
    kind: { type: 'choice', choices: ['flush', 'read'] },
    otherwise:
      'flush; without it in device, kernel and libibverbs the run is in durability assumed',
    summary:
      'verbs only: read declares that a READ after WRITEs makes them durable on this platform',
  },
  {
    path: 'cluster.spares',
    flag: 'spares',
    kind: count(0, 1024),
    default: 0,
    summary: 'further memory nodes, empty until one takes the place of a lost one',
  },
  {
    path: 'cluster.standbys',
    flag: 'standbys',
    kind: count(0, 16),
    default: 0,
    summary: 'further server nodes, idle until one takes over from a crashed one',
  },
  {
    path: 'cluster.replicas',
    flag: 'replicas',
    kind: count(1, 3),
    default: 1,
    summary: 'copies of each entry, each on another memory node',
  },
  {
    path: 'cluster.medium',
    kind: { type: 'choice', choices: ['pm', 'dram'] },
    default: 'pm',
    summary: 'what memory nodes are made of: persistent memory or DRAM',
  },
  {
    path: 'cluster.memoryBytes',
    kind: { type: 'bytes', minimum: 4096, maximum: 2 ** 40 },
    otherwise: 'as much as the data needs',
    summary: 'memory of each memory node',
  },
];

const workload: readonly Parameter[] = [
  {
    path: 'workload.file',
    flag: 'workload',
    kind: { type: 'text' },
    default: 'b',
    summary:
      'a to f (YCSB), or a file: YCSB properties, CacheBench, key file, Twitter or Meta trace',
  },
  {
    path: 'workload.format',
    kind: {
      type: 'choice',
      choices: ['auto', 'ycsb', 'cachebench', 'keys', 'twitter', 'meta'],
    },
    default: 'auto',
    summary: "the file's format; auto looks at its name and first lines",
  },
  {
    path: 'workload.keys',
    flag: 'keys',
    kind: count(1),
    otherwise: '100k for a to f, otherwise what the file says',
    summary: 'entries that the load phase inserts (recordcount of YCSB)',
  },
  {
    path: 'workload.valueBytes',
    flag: 'value-bytes',
    kind: { type: 'bytes', minimum: 1, maximum: 32_768 },
    otherwise: '1000 for a to f, otherwise what the file says',
    summary: 'bytes of every value, up to 32 KiB',
  },
  {
    path: 'workload.skipBadLines',
    flag: 'skip-bad-lines',
    kind: count(0),
    default: 0,
    summary: 'lines of a trace or key file that may fail to parse',
  },
  {
    path: 'workload.dataIntegrity',
    flag: 'data-integrity',
    kind: { type: 'boolean' },
    default: false,
    summary: 'compare each value read with what its key says it must be; a mismatch exits 1',
  },
];

const phases: readonly Parameter[] = [
  {
    path: 'phases.warmup',
    flag: 'warmup',
    kind: count(0),
    otherwise: 'a tenth of the operations, or 10k',
    summary: 'operations of all clients together before measuring begins',
  },
  {
    path: 'phases.operations',
    flag: 'operations',
    kind: count(1),
    otherwise: '100k for a to f unless a duration is set, otherwise what the file says',
    summary: 'measured operations of all clients together',
  },
  {
    path: 'phases.duration',
    flag: 'duration',
    kind: { type: 'duration' },
    otherwise: 'none: the count decides; with both, whichever comes first',
    summary: 'measured time, virtual on sim',
  },
  {
    path: 'phases.target',
    flag: 'target',
    kind: { type: 'number', minimum: 1e-3, maximum: 1e12 },
    otherwise: 'none: closed loop',
    summary: 'open loop: operations per second of all clients together',
  },
  {
    path: 'phases.arrivals',
    flag: 'arrivals',
    kind: { type: 'choice', choices: ['poisson', 'constant', 'as-recorded'] },
    default: 'poisson',
    summary: "open loop: how starts are spaced; as-recorded takes the trace's own times",
  },
];

const machine: readonly Parameter[] = [
  {
    path: 'fabric',
    flag: 'fabric',
    kind: { type: 'choice', choices: fabricKinds },
    default: 'sim',
    summary: 'sim: virtual time; shared: threads on shared memory; verbs: RDMA',
  },
  {
    path: 'profile.name',
    flag: 'profile',
    kind: { type: 'text' },
    default: 'connectx4-100g',
    summary: 'cost model of sim: the name of a shipped profile or a file',
  },
  {
    path: 'durability',
    flag: 'durability',
    kind: { type: 'choice', choices: ['assumed', 'flush'] },
    default: 'assumed',
    summary: 'assumed: a completed write is durable; flush: after a FLUSH of it',
  },
];

/** In the order in which help and references show them. */
export const parameters: readonly Parameter[] = [...machine, ...workload, ...cluster, ...phases];

export const parameterByPath: ReadonlyMap<string, Parameter> = new Map(
  parameters.map((parameter) => [parameter.path, parameter]),
);

/** First parts of paths; a system cannot have one of these names. */
export const sections: ReadonlySet<string> = new Set(
  parameters
    .filter(({ path }) => path.includes('.'))
    .map(({ path }) => path.split('.')[0] as string),
);

/** `clover.cursorsMax`, whatever the system is. */
export function isSystemSetting(path: string): boolean {
  const dot = path.lastIndexOf('.');
  return dot > 0 && !sections.has(path.slice(0, path.indexOf('.')));
}

/** `4`, or what decides where nothing is given. */
export function defaultText(parameter: Parameter): string {
  return parameter.default === undefined
    ? (parameter.otherwise ?? 'none')
    : String(parameter.default);
}

/** `count`, `bytes`, `time`, …: what stands behind a flag in help. */
export function placeholder(kind: ValueKind): string {
  if (kind.type === 'choice') return kind.choices.join('|');
  const words = {
    addresses: 'address,…',
    hostPort: 'host:port',
    count: 'count',
    bytes: 'bytes',
    duration: 'time',
    number: 'number',
  } as const;
  if (kind.type === 'boolean' || kind.type === 'text' || kind.type === 'property') return kind.type;
  return words[kind.type];
}

/** The kind of a number in a profile (`profile.cpu.postNs`): the profile itself knows its range. */
export const profileNumber: ValueKind = { type: 'number' };

export function expects(parameter: Parameter): string {
  return expectation(parameter.kind);
}
