import { runOne } from '../src/lab/run.ts';
import type { RunSpec } from '../src/lab/spec.ts';
import { median } from './alternate.ts';

/**
 * `node dist/bench/sim-clover.js [operations] [compute nodes x clients x outstanding x memory nodes]
 * [records] [rounds]`: how fast one core simulates the whole Clover stack under YCSB-B with 1 KiB buffers,
 * histograms on, in verbs of all phases per second of real time (load phase included), and whether memory
 * stays flat. In the first rounds V8 compiles; the median is of those behind them.
 */
const operations = Number(process.argv[2] ?? 2_000_000);
const [computeNodes = 1, clients = 8, outstanding = 5, memoryNodes = 4] = (
  process.argv[3] ?? '1x8x5x4'
)
  .split('x')
  .map(Number);
const records = Number(process.argv[4] ?? 1000);
const rounds = Number(process.argv[5] ?? 7);
const warmUpRounds = Math.min(2, rounds - 1);

const spec: RunSpec = {
  system: 'clover',
  settings: {},
  fabric: 'sim',
  profile: 'connectx4-100g',
  profileOverrides: {},
  durability: 'assumed',
  seed: 1,
  cluster: {
    computeNodes,
    clients,
    outstanding,
    memoryNodes,
    replicas: 1,
    medium: 'pm',
    memoryBytes: undefined,
  },
  workload: {
    file: 'b',
    format: 'ycsb',
    properties: { recordcount: String(records), valuebytes: '960' },
    skipBadLines: 0,
    dataIntegrity: false,
  },
  phases: {
    warmupOperations: 100_000,
    operations,
    durationNs: undefined,
    targetOpsPerS: undefined,
    arrivals: 'poisson',
  },
  point: {},
};

const rates: number[] = [];
let heapMaxBytes = 0;
for (let round = 0; round < rounds; round++) {
  const result = await runOne(spec, {
    onProgress() {
      heapMaxBytes = Math.max(heapMaxBytes, process.memoryUsage.rss());
    },
  });
  const rate = result.verbs / (result.wallClockNs / 1e9);
  rates.push(rate);
  console.log(
    `round ${round}: ${(rate / 1e6).toFixed(2)} M verbs/s, ${result.verbs} verbs, ` +
      `${(result.throughputOpsPerS / 1e6).toFixed(2)} Mops/s simulated, hash ${result.eventHash}, ` +
      `rss max ${(heapMaxBytes / 2 ** 20).toFixed(0)} MiB`,
  );
}
const warm = rates.slice(warmUpRounds);
console.log(
  `median of the last ${warm.length}: ${(median(warm) / 1e6).toFixed(2)} M verbs/s (target 1.5)`,
);
