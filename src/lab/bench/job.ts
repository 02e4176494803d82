import { type Program, sleep, spawn } from '../../core/effect.ts';
import type { JobEnd, JobSite } from '../../fabric/job.ts';
import type { LatencyResult } from '../result.ts';
import { LatencyRecorder } from '../statistics/latency.ts';
import { Lane } from './lane.ts';
import { type BenchOptions, benchRegion, strideBytes } from './options.ts';
import { WarmUp } from './warm-up.ts';

/** What one thread is told to measure: the latency of one verb at a time, or the rate of many. */
export interface BenchJob {
  readonly options: BenchOptions;
  readonly what: 'latency' | 'rate';
}

export interface RateResult {
  /** Measured verbs of all queue pairs. */
  readonly verbs: number;
  readonly durationNs: number;
}

/** What its thread gives back. */
export type BenchPart = LatencyResult | RateResult;

/** How often a queue pair's program looks whether all its lists have come back. */
const looksNs = 10_000;

/** The one compute node of a benchmark, on any fabric; loaded by path in whatever thread is that node. */
export function benchJob(site: JobSite): JobEnd {
  const { options, what } = site.data as BenchJob;
  return what === 'latency' ? latencyJob(site, options) : rateJob(site, options);
}

/** Addresses of the verbs that one queue pair has outstanding, list by list. */
function lanesOf(site: JobSite, options: BenchOptions, queuePair: number): Lane[] {
  const { txDepth, postList } = options;
  const memory = site.cluster.byName('mn0');
  const start = site.cluster.region(memory.id, benchRegion).address;
  const stride = strideBytes(options);
  return Array.from({ length: txDepth / postList }, (_, list) => {
    const first = queuePair * txDepth + list * postList;
    const targets = Array.from({ length: postList }, (_, i) => start + (first + i) * stride);
    return new Lane(options, targets);
  });
}

/** As perftest's latency: one verb at a time on one queue pair, from its posting to its completion. */
function latencyJob(site: JobSite, options: BenchOptions): JobEnd {
  const { context } = site.runtime;
  const latencies = new LatencyRecorder();
  const [lane] = lanesOf(site, { ...options, txDepth: 1, postList: 1 }, 0) as [Lane];
  const measure = function* (): Program {
    const warmUp = new WarmUp(options.fabric);
    for (let verbs = 0; !warmUp.isWarm(verbs, context.nowNs()); verbs++) yield* lane.again();
    for (let i = 0; i < options.iterations && !site.stopRequested(); i++) {
      const beginNs = context.nowNs();
      yield* lane.again();
      latencies.record(context.nowNs() - beginNs);
    }
  };
  site.runtime.start(measure(), { label: 'latency', thread: 0 });
  return () => {
    const result = latencies.toResult();
    latencies.destroy();
    return result;
  };
}

/**
 * As perftest's bandwidth: each queue pair has its lists in flight, and posts one again as soon as all of
 * it has completed. The clock runs from the completion that ends the warm-up, when all queues are full, to
 * the last one that is counted; what is in flight then is only waited for.
 */
function rateJob(site: JobSite, options: BenchOptions): JobEnd {
  const { context } = site.runtime;
  const { queuePairs, postList, iterations } = options;
  const wanted = queuePairs * Math.ceil(iterations / postList);
  const lists = { posted: 0, completed: 0, last: Number.POSITIVE_INFINITY };
  const warmUp = new WarmUp(options.fabric);
  let beginNs = 0;
  let endNs = 0;
  const completed = (): void => {
    lists.completed++;
    if (lists.completed === lists.last) endNs = context.nowNs();
    if (lists.last !== Number.POSITIVE_INFINITY) return;
    beginNs = context.nowNs();
    const isWarm = warmUp.isWarm(lists.completed * postList, beginNs);
    if (isWarm) lists.last = lists.completed + wanted;
  };
  const repeat = function* (lane: Lane): Program {
    while (lists.posted < lists.last && !site.stopRequested()) {
      lists.posted++;
      yield* lane.again();
      completed();
    }
  };
  const queuePair = function* (lanes: readonly Lane[]): Program {
    const [first, ...others] = lanes;
    for (const lane of others) yield* spawn(repeat(lane), 'post list');
    yield* repeat(first as Lane);
    while (lists.completed < lists.posted) yield* sleep(looksNs);
  };
  for (let i = 0; i < queuePairs; i++) {
    const lanes = lanesOf(site, options, i);
    site.runtime.start(queuePair(lanes), { label: 'queue pair', thread: 0 });
  }
  return (): RateResult => ({ verbs: wanted * postList, durationNs: endNs - beginNs });
}
