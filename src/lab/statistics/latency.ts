import {
  build,
  decodeFromCompressedBase64,
  encodeIntoCompressedBase64,
  type Histogram,
  initWebAssemblySync,
} from 'hdr-histogram-js';
import { FarsideError } from '../../core/errors.ts';
import type { LatencyResult } from '../result.ts';

/**
 * Latencies up to an hour, to three significant digits. A longer one counts as an hour in
 * percentiles; `max` and `mean` stay exact.
 */
export const latencyNsMax = 3_600_000_000_000;

/** Shorter ones are counted here first; longer ones are rare. */
const countedHereNs = 2 ** 31;
/** 2^11 values have a bucket each; above, each power of two is cut into 2^10 buckets. */
const exactBits = 11;
const bucketCount = (33 - exactBits) << (exactBits - 1);

/**
 * Latencies of one operation kind on one thread. Percentiles come from an HdrHistogram (the WebAssembly
 * build). To call it costs some 15 ns, so latencies are counted here, in buckets with its bounds, and
 * handed over when somebody looks. Least, mean and greatest are kept exactly beside it, since a histogram
 * only knows them to three digits.
 *
 * The histogram lives in WebAssembly memory, which no garbage collector of JavaScript's frees:
 * whoever makes a recorder calls `destroy`.
 */
export class LatencyRecorder {
  readonly #histogram: Histogram;
  /** Undefined: destroyed. */
  #counts: Float64Array | undefined = new Float64Array(bucketCount);
  #sumNs = 0;
  #minNs = Number.POSITIVE_INFINITY;
  #maxNs = 0;

  constructor() {
    initWebAssemblySync();
    this.#histogram = build({
      bitBucketSize: 32,
      autoResize: false,
      lowestDiscernibleValue: 1,
      highestTrackableValue: latencyNsMax,
      numberOfSignificantValueDigits: 3,
      useWebAssembly: true,
    });
  }

  get count(): number {
    return this.#handOver().totalCount;
  }

  /** `ns` is rounded to a whole number: virtual time has fractions. */
  record(ns: number): void {
    // Not Math.round, which V8 does not turn into one instruction: 6 ns more, of 25.
    const whole = Math.floor(ns + 0.5);
    // Not `assert`: its message's closure costs here, too. NaN fails the comparison as well.
    if (!(whole >= 0)) throw clockRanBackwards(ns);
    const counts = this.#counts;
    if (whole < countedHereNs && counts !== undefined) {
      const bucket = bucketOf(whole);
      counts[bucket] = (counts[bucket] as number) + 1;
    } else this.#histogram.recordValue(Math.min(whole, latencyNsMax));
    this.#sumNs += whole;
    if (whole < this.#minNs) this.#minNs = whole;
    if (whole > this.#maxNs) this.#maxNs = whole;
  }

  /** Adds what another thread or process recorded, from its result. */
  add(other: LatencyResult): void {
    if (other.count === 0) return;
    withHistogram(other, (histogram) => this.#histogram.add(histogram));
    this.#sumNs += other.mean * other.count;
    if (other.min < this.#minNs) this.#minNs = other.min;
    if (other.max > this.#maxNs) this.#maxNs = other.max;
  }

  toResult(): LatencyResult {
    const histogram = this.#handOver();
    const count = histogram.totalCount;
    const min = count === 0 ? 0 : this.#minNs;
    const max = this.#maxNs;
    // A percentile is the upper end of its bucket, which may lie beyond the greatest latency seen.
    const at = (percentile: number): number =>
      count === 0 ? 0 : Math.min(max, Math.max(min, histogram.getValueAtPercentile(percentile)));
    return {
      count,
      min,
      mean: count === 0 ? 0 : this.#sumNs / count,
      p50: at(50),
      p90: at(90),
      p95: at(95),
      p99: at(99),
      p999: at(99.9),
      max,
      histogram: encodeIntoCompressedBase64(histogram),
    };
  }

  /** Forgets everything recorded, as after a warm-up. */
  reset(): void {
    this.#counts?.fill(0);
    this.#histogram.reset();
    this.#sumNs = 0;
    this.#minNs = Number.POSITIVE_INFINITY;
    this.#maxNs = 0;
  }

  /** Gives the histogram with all that has been counted. */
  #handOver(): Histogram {
    const counts = this.#counts;
    for (let bucket = 0; counts !== undefined && bucket < bucketCount; bucket++) {
      const count = counts[bucket] as number;
      if (count > 0) this.#histogram.recordValueWithCount(leastIn(bucket), count);
      counts[bucket] = 0;
    }
    return this.#histogram;
  }

  /** Frees the histogram; any later use throws. */
  destroy(): void {
    this.#counts = undefined;
    this.#histogram.destroy();
  }
}

/** Of a whole number below 2^31. */
function bucketOf(value: number): number {
  const shift = 32 - exactBits - Math.clz32(value | (2 ** exactBits - 1));
  return (shift << (exactBits - 1)) + (value >>> shift);
}

function leastIn(bucket: number): number {
  const shift = Math.max(0, (bucket >> (exactBits - 1)) - 1);
  return (bucket - (shift << (exactBits - 1))) << shift;
}

function clockRanBackwards(ns: number): FarsideError {
  return new FarsideError('FARSIDE_INTERNAL', `latency ${ns} ns: the clock ran backwards`);
}

/** One distribution out of several: of threads, of nodes, or of a run's operation kinds. */
export function mergeLatencies(parts: readonly LatencyResult[]): LatencyResult {
  const recorder = new LatencyRecorder();
  try {
    for (const part of parts) recorder.add(part);
    return recorder.toResult();
  } finally {
    recorder.destroy();
  }
}

/** Decodes the histogram of a result for the duration of `use`. */
export function withHistogram<T>(latency: LatencyResult, use: (histogram: Histogram) => T): T {
  initWebAssemblySync();
  const histogram = decodeFromCompressedBase64(latency.histogram, 32, true);
  try {
    return use(histogram);
  } finally {
    histogram.destroy();
  }
}

export interface LatencyPoint {
  readonly latencyNs: number;
  /** Share of operations that took at most that long, 0 to 1. */
  readonly share: number;
}

/**
 * The cumulative distribution, at one point a percent and ever finer towards the tail, where the
 * interesting percent is: up to 99.999 %, as far as there are operations to tell.
 */
export function cumulativeDistribution(latency: LatencyResult): LatencyPoint[] {
  if (latency.count === 0) return [];
  const shares: number[] = [];
  for (let percent = 1; percent < 99; percent++) shares.push(percent / 100);
  for (let tail = 0.01; tail > 1 / latency.count && tail > 1e-5; tail *= 0.8) shares.push(1 - tail);
  return withHistogram(latency, (histogram) => {
    const points: LatencyPoint[] = [{ latencyNs: latency.min, share: 0 }];
    for (const share of shares) {
      const value = histogram.getValueAtPercentile(share * 100);
      const latencyNs = Math.min(latency.max, Math.max(latency.min, value));
      points.push({ latencyNs, share });
    }
    points.push({ latencyNs: latency.max, share: 1 });
    return points;
  });
}
