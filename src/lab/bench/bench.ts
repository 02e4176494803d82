import { SimCluster } from '../../../sim/index.ts';
import { FarsideError } from '../../core/errors.ts';
import { ringShape } from '../../core/mailbox.ts';
import { InThreadCluster } from '../../fabric/in-thread.ts';
import { openFabric } from '../../fabric/index.ts';
import type { DurabilityUsed, FabricCluster } from '../../fabric/job.ts';
import { ClusterMap } from '../../memory/cluster.ts';
import { openProfile } from '../profiles.ts';
import type { LatencyResult } from '../result.ts';
import { inlineMore } from '../tune.ts';
import type { BenchJob, BenchPart, RateResult } from './job.ts';
import { type BenchOptions, benchRegion, checkBench, regionBytes } from './options.ts';

export interface BenchResult {
  readonly options: BenchOptions;
  /** Absent where only the rate was asked for; without its histogram. */
  readonly latencyNs: Omit<LatencyResult, 'histogram'> | undefined;
  readonly rate:
    | (RateResult & { readonly verbsPerS: number; readonly bytesPerS: number })
    | undefined;
  /** Of `flush`: what a FLUSH was, and whether anybody says that it makes durable. */
  readonly flush: DurabilityUsed | undefined;
}

const seed = 1;

/**
 * Latency and rate of one verb on one fabric: first one verb at a time on one queue pair, then as many
 * outstanding as was asked for. The same program runs on all fabrics. FARSIDE_USAGE and FARSIDE_UNSUPPORTED
 * where the fabric cannot do what was asked for.
 */
export async function runBench(options: BenchOptions): Promise<BenchResult> {
  checkBench(options);
  inlineMore();
  let flush: DurabilityUsed | undefined;
  const measure = async (what: BenchJob['what']): Promise<BenchPart> => {
    const cluster = openCluster(options);
    const module = new URL('./job.js', import.meta.url).href;
    const dataOf = (): BenchJob => ({ options, what });
    const parts = await cluster.run({ module, name: 'benchJob', dataOf });
    if (options.verb === 'flush') {
      flush = cluster.durabilityUsed ?? { mode: 'flush', flushedBy: 'FLUSH' };
    }
    return [...parts.values()][0] as BenchPart;
  };
  const latency = options.latency ? ((await measure('latency')) as LatencyResult) : undefined;
  const rate = options.rate ? ((await measure('rate')) as RateResult) : undefined;
  return {
    options,
    latencyNs: latency && withoutHistogram(latency),
    rate: rate && perSecond(rate, options.sizeBytes),
    flush,
  };
}

/**
 * One memory node and one compute node with one core. Memory nodes of verbs are not asked for `pm`: a FLUSH
 * of dram is one, too.
 */
function mapOf(options: BenchOptions): ClusterMap {
  const isPm = options.verb === 'flush' && options.fabric === 'sim';
  const region = {
    name: benchRegion,
    medium: isPm ? 'pm' : 'dram',
    sizeBytes: regionBytes(options),
  } as const;
  return new ClusterMap(
    [
      { name: 'mn0', role: 'memory', cores: 0, regions: [region], peers: [] },
      { name: 'cn0', role: 'compute', cores: 1, regions: [], peers: [] },
    ],
    ringShape(1, 8),
  );
}

function openCluster(options: BenchOptions): FabricCluster {
  const map = mapOf(options);
  const { fabric, verb, memory, flushBy } = options;
  const durability = verb === 'flush' ? 'flush' : 'assumed';
  if (fabric === 'sim') {
    const sim = new SimCluster(map, {
      seed,
      durability,
      profile: openProfile(options.profile, {}),
    });
    return new InThreadCluster(map, [sim.runtime(map.byName('cn0').id)], () => sim.run());
  }
  return openFabric(fabric, map, {
    seed,
    durability,
    flushBy,
    ...(memory === undefined ? {} : { memory: memory === 'fake' ? memory : [memory] }),
  });
}

function withoutHistogram({ histogram: _, ...numbers }: LatencyResult): BenchResult['latencyNs'] {
  return numbers;
}

function perSecond(rate: RateResult, sizeBytes: number): BenchResult['rate'] {
  if (!(rate.durationNs > 0)) {
    throw new FarsideError('FARSIDE_LIMIT', `${rate.verbs} verbs took no time: use more (--iters)`);
  }
  const verbsPerS = (rate.verbs / rate.durationNs) * 1e9;
  return { ...rate, verbsPerS, bytesPerS: verbsPerS * sizeBytes };
}
