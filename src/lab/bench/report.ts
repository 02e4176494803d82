import { formatBytes, formatCount, formatNs, formatSi } from '../output/format.ts';
import { farsideVersion } from '../package.ts';
import type { BenchResult } from './bench.ts';
import type { BenchOptions } from './options.ts';

/** The result as `--json` prints it: plain, with units in its names, in perftest's words. */
export function benchJson(result: BenchResult): string {
  const { options, latencyNs, rate, flush } = result;
  const { verb, fabric, sizeBytes, queuePairs, txDepth, postList, iterations } = options;
  const data = {
    farsideVersion,
    verb,
    fabric,
    ...(fabric === 'sim' ? { profile: options.profile } : {}),
    ...(fabric === 'verbs' ? { memory: options.memory } : {}),
    sizeBytes,
    iterations,
    latencyNs: latencyNs && {
      count: latencyNs.count,
      min: latencyNs.min,
      typical: latencyNs.p50,
      mean: latencyNs.mean,
      p99: latencyNs.p99,
      p999: latencyNs.p999,
      max: latencyNs.max,
    },
    rate: rate && { queuePairs, txDepth, postList, ...rate },
    flush: flush && { durability: flush.mode, by: flush.flushedBy, because: flush.because },
  };
  return `${JSON.stringify(data, undefined, 2)}\n`;
}

/** The result as a terminal gets it. */
export function benchText(result: BenchResult): string {
  const { options, latencyNs, rate, flush } = result;
  const lines = [heading(options)];
  if (flush !== undefined) lines.push(flushLine(flush));
  if (latencyNs !== undefined) {
    const { count, min, p50, p99, p999, max, mean } = latencyNs;
    lines.push(
      '',
      `latency: one outstanding on one queue pair, ${formatCount(count)} times`,
      ...table([
        ['min', 'typical', 'mean', 'p99', 'p99.9', 'max'],
        [min, p50, mean, p99, p999, max].map(formatNs),
      ]),
    );
  }
  if (rate !== undefined) {
    const { queuePairs, txDepth, postList } = options;
    const lists = postList === 1 ? 'one a doorbell' : `${postList} a doorbell`;
    const pairs = queuePairs === 1 ? 'one queue pair' : `each of ${queuePairs} queue pairs`;
    lines.push(
      '',
      `rate: ${txDepth} outstanding on ${pairs}, ${lists}, ${formatCount(rate.verbs)} verbs`,
      ...table([
        ['verbs/s', 'bandwidth', 'time'],
        [formatSi(rate.verbsPerS), `${formatBytes(rate.bytesPerS)}/s`, formatNs(rate.durationNs)],
      ]),
    );
  }
  return `${lines.join('\n')}\n`;
}

function heading({ verb, fabric, sizeBytes, profile, memory }: BenchOptions): string {
  const what = verb === 'flush' ? 'WRITE and FLUSH' : verbNames[verb];
  const where = {
    sim: profile,
    shared: 'threads on shared memory',
    verbs: `memory node ${memory}`,
  }[fabric];
  return `${what} of ${formatBytes(sizeBytes)} on ${fabric} (${where})`;
}

const verbNames = { read: 'READ', write: 'WRITE', cas: 'CAS', faa: 'FETCH_ADD' } as const;

function flushLine({ mode, flushedBy, because }: NonNullable<BenchResult['flush']>): string {
  const by = flushedBy === 'FLUSH' ? 'FLUSH' : 'a READ in place of FLUSH';
  return because === undefined
    ? `by ${by}, durability ${mode}`
    : `by ${by}, durability ${mode}: ${because}`;
}

/** Columns of equal width below one another, flush right. */
function table(rows: readonly (readonly string[])[]): string[] {
  const width = 2 + Math.max(...rows.flat().map((cell) => cell.length));
  return rows.map((row) => row.map((cell) => cell.padStart(width)).join(''));
}
