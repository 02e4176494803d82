import { type RandomStream, randomStream } from '../../src/core/random.ts';
import { costOf } from '../../src/lab/cost.ts';
import {
  type CpuResult,
  type ExperimentResult,
  type LatencyResult,
  type OperationResult,
  type RunResult,
  resultVersion,
} from '../../src/lab/result.ts';
import { LatencyRecorder } from '../../src/lab/statistics/latency.ts';

/**
 * A made-up experiment with the shape and roughly the numbers of a real one: the three systems of
 * the paper on YCSB-B, with 1, 2, 4 and 8 compute nodes and three seeds. Reports are developed
 * and tested against it, so that they need no run.
 */
export function sampleResult(overrides: Partial<SampleOptions> = {}): ExperimentResult {
  const options = { ...defaults, ...overrides };
  const runs: RunResult[] = [];
  for (const computeNodes of options.computeNodes) {
    for (const system of options.systems) {
      for (const seed of options.seeds) runs.push(sampleRun(options, system, computeNodes, seed));
    }
  }
  return {
    resultVersion,
    farsideVersion: '0.1.0',
    name: 'YCSB-B on three disaggregation models',
    description: 'What each model makes of more compute nodes',
    commandLine: ['farside', 'compare', 'experiments/ycsb-b.yaml', '--out', 'results/ycsb b'],
    host: {
      node: 'v20.19.0',
      platform: 'linux x64',
      cpuModel: 'Example CPU @ 2.50 GHz',
      cores: 2,
      memoryBytes: 8 * 2 ** 30,
    },
    startedAt: '2026-01-15T10:00:00.000Z',
    partial: false,
    axes:
      options.computeNodes.length > 1
        ? [{ path: 'cluster.computeNodes', values: [...options.computeNodes] }]
        : [],
    seeds: [...options.seeds],
    runs,
    failures: [],
  };
}

export interface SampleOptions {
  readonly systems: readonly string[];
  readonly computeNodes: readonly number[];
  readonly seeds: readonly number[];
  readonly samples: number;
  readonly openLoop: boolean;
}

const defaults: SampleOptions = {
  systems: ['direct', 'central', 'clover'],
  computeNodes: [1, 2, 4, 8],
  seeds: [1, 2, 3],
  samples: 2000,
  openLoop: false,
};

interface Model {
  /** Million operations a second at 1, 2, 4, 8 compute nodes. */
  readonly mops: readonly [number, number, number, number];
  readonly readUs: number;
  readonly updateUs: number;
  readonly readTrips: number;
  readonly updateTrips: number;
  readonly readBytes: readonly [number, number];
  readonly updateBytes: readonly [number, number];
  readonly cpuUs: number;
  readonly server: 'coordinator' | 'metadata' | undefined;
  readonly metadataShare: number;
}

const models: Readonly<Record<string, Model>> = {
  direct: {
    mops: [1.38, 2.74, 5.31, 6.2],
    readUs: 4.5,
    updateUs: 9,
    readTrips: 1,
    updateTrips: 4,
    readBytes: [0, 1040],
    updateBytes: [2096, 8],
    cpuUs: 3.9,
    server: undefined,
    metadataShare: 0.06,
  },
  central: {
    mops: [1.13, 1.88, 2.6, 2.93],
    readUs: 5.2,
    updateUs: 4.4,
    readTrips: 2,
    updateTrips: 2,
    readBytes: [25, 2072],
    updateBytes: [2072, 16],
    cpuUs: 5.1,
    server: 'coordinator',
    metadataShare: 0.02,
  },
  clover: {
    mops: [5.3, 6.3, 6.5, 6.45],
    readUs: 2.4,
    updateUs: 4.5,
    readTrips: 1,
    updateTrips: 2,
    readBytes: [0, 1032],
    updateBytes: [1056, 40],
    cpuUs: 1.5,
    server: 'metadata',
    metadataShare: 0.012,
  },
};

function sampleRun(
  options: SampleOptions,
  system: string,
  computeNodes: number,
  seed: number,
): RunResult {
  const model = models[system] ?? models.clover!;
  const random = randomStream(seed, `${system} ${computeNodes}`);
  const step = Math.min(3, Math.log2(computeNodes));
  const noise = 1 + (random.unit() - 0.5) * 0.06;
  const throughputOpsPerS = model.mops[Math.round(step)]! * 1e6 * noise;
  const operations = 200_000;
  const durationNs = (operations / throughputOpsPerS) * 1e9;
  const load = 1 + step * 0.35;
  const usefulNs = operations * model.cpuUs * 1000;
  const dataBytes = 100_000 * 1024 * (1 + 0.02 * random.unit());
  return {
    system,
    fabric: 'sim',
    profile: 'connectx4-100g',
    durability: 'assumed',
    flushedBy: undefined,
    durabilityBecause: undefined,
    workload: 'workloadb',
    workloadSummary:
      'YCSB: 95 % read, 5 % update; zipfian 0.99 over 100,000 records; values of 1,000 B',
    seed,
    point: options.computeNodes.length > 1 ? { 'cluster.computeNodes': computeNodes } : {},
    parameters: {
      'cluster.computeNodes': computeNodes,
      'cluster.clients': 8,
      'cluster.memoryNodes': 4,
      'cluster.replicas': 1,
      'workload.file': 'b',
      'workload.valueBytes': 1000,
    },
    durationNs,
    operations,
    throughputOpsPerS,
    perOperation: {
      read: sampleOperation(options, random, {
        count: 190_000,
        latencyUs: model.readUs * load,
        trips: model.readTrips,
        retryShare: 0.02,
        bytes: model.readBytes,
      }),
      update: sampleOperation(options, random, {
        count: 10_000,
        latencyUs: model.updateUs * load,
        trips: model.updateTrips,
        retryShare: 0.03 * step + 0.01,
        bytes: model.updateBytes,
      }),
    },
    background: { verbs: 21_000, doorbells: 1300, bytesOut: 800_000, bytesIn: 120_000 },
    cpu: sampleCpu(model, computeNodes, usefulNs, durationNs),
    memory: {
      dataBytes: Math.round(dataBytes),
      metadataBytes: Math.round(dataBytes * model.metadataShare),
      computeMetadataBytes: computeNodes * (model.server === 'coordinator' ? 4096 : 2_400_000),
      serverMetadataBytes: model.server === undefined ? 0 : 6_400_000,
    },
    cost: costOf({
      computeNodes,
      memoryNodes: 4,
      servers: model.server === undefined ? 0 : 1,
      usefulNs,
      operations,
    }),
    events: { linksLost: Math.round(300 * step * random.unit()), chainHops: 1200 },
    faults: undefined,
    memoryNodes: undefined,
    processes: undefined,
    eventHash: random.next32().toString(16).padStart(8, '0').repeat(4),
    verbs: 620_000,
    wallClockNs: 420_000_000,
    skippedLines: 0,
  };
}

interface OperationModel {
  readonly count: number;
  readonly latencyUs: number;
  readonly trips: number;
  readonly retryShare: number;
  readonly bytes: readonly [number, number];
}

function sampleOperation(
  options: SampleOptions,
  random: RandomStream,
  model: OperationModel,
): OperationResult {
  const { count, trips, retryShare, bytes } = model;
  const retried = Math.round(count * retryShare);
  const twice = Math.round(retried * retryShare);
  const roundTripCounts = new Array<number>(9).fill(0);
  roundTripCounts[trips] = count - retried - twice;
  roundTripCounts[trips + 1] = retried;
  roundTripCounts[trips + 2] = twice;
  return {
    count,
    failed: 0,
    notFound: 0,
    corrupt: 0,
    latencyNs: sampleLatency(options.samples, random, model.latencyUs, 0),
    intendedLatencyNs: options.openLoop
      ? sampleLatency(options.samples, random, model.latencyUs, 3)
      : undefined,
    roundTrips: { mean: trips + retryShare * 1.1, min: trips, max: trips + 2 },
    roundTripCounts,
    verbs: trips + 1,
    doorbells: trips + 0.5,
    bytesOut: bytes[0] * (1 + retryShare),
    bytesIn: bytes[1] * (1 + retryShare),
  };
}

/** A least time, a little noise, and a tail that queues make. */
function sampleLatency(
  samples: number,
  random: RandomStream,
  latencyUs: number,
  waitUs: number,
): LatencyResult {
  const recorder = new LatencyRecorder();
  for (let sample = 0; sample < samples; sample++) {
    const queued = -Math.log(1 - random.unit()) * latencyUs * 0.25;
    const tail = random.unit() < 0.01 ? -Math.log(1 - random.unit()) * latencyUs * 2 : 0;
    const waited = -Math.log(1 - random.unit()) * waitUs;
    recorder.record((latencyUs * 0.9 + queued + tail + waited) * 1000);
  }
  const result = recorder.toResult();
  recorder.destroy();
  return result;
}

function sampleCpu(
  model: Model,
  computeNodes: number,
  usefulNs: number,
  durationNs: number,
): Record<string, CpuResult> {
  const serverShare = model.server === undefined ? 0 : model.server === 'coordinator' ? 0.55 : 0.04;
  const compute: CpuResult = {
    cores: 8 * computeNodes,
    usefulNs: usefulNs * (1 - serverShare),
    pollingNs: Math.max(0, 8 * computeNodes * durationNs - usefulNs * (1 - serverShare)) * 0.9,
  };
  if (model.server === undefined) return { compute };
  const cores = model.server === 'coordinator' ? 12 : 8;
  const server: CpuResult = {
    cores,
    usefulNs: usefulNs * serverShare,
    pollingNs: Math.max(0, cores * durationNs - usefulNs * serverShare),
  };
  return { compute, [model.server]: server };
}
