import { FarsideError } from '../core/errors.ts';
import { type ValueLength, weightedLength } from './value-length.ts';

/** Buckets of one histogram. */
const bucketsMax = 2 ** 16;

/**
 * YCSB's field length histogram:
 *
 *   BlockSize<tab>1000
 *   0<tab>7             weight of lengths in the first block; bucket i is (i + 1) blocks long
 *   1<tab>3
 *
 * Buckets may come in any order; those that are not named weigh nothing.
 */
export function lengthHistogram(file: string, text: string): ValueLength {
  const lines = text.split(/\r?\n/);
  const blockSize = parsePair(file, 1, lines[0] ?? '', 'BlockSize<tab>bytes', /^BlockSize$/)[1];
  const weights: number[] = [];
  for (const [i, line] of lines.entries()) {
    if (i === 0 || line.trim() === '') continue;
    const [bucket, weight] = parsePair(file, i + 1, line, 'bucket<tab>weight', /^\d+$/);
    if (bucket >= bucketsMax) fail(file, i + 1, line, `a bucket below ${bucketsMax}`);
    while (weights.length <= bucket) weights.push(0);
    weights[bucket] = weight;
  }
  if (!weights.some((weight) => weight > 0) || blockSize === 0) {
    fail(
      file,
      lines.length,
      '',
      'at least one bucket with a weight above 0, and BlockSize above 0',
    );
  }
  const lengths = weights.map((_, bucket) => (bucket + 1) * blockSize);
  return weightedLength(lengths, weights, `lengths as in ${file}`);
}

function parsePair(
  file: string,
  lineNumber: number,
  line: string,
  expected: string,
  first: RegExp,
): [number, number] {
  const [left = '', right = ''] = line.trim().split(/\t+| +/);
  if (!first.test(left) || !/^\d+$/.test(right)) fail(file, lineNumber, line, expected);
  return [Number(left), Number(right)];
}

function fail(file: string, lineNumber: number, line: string, expected: string): never {
  throw new FarsideError(
    'FARSIDE_INPUT',
    `${file}:${lineNumber}: got ${JSON.stringify(line)}, expected ${expected}`,
  );
}
