import type { RandomStream } from '../../core/random.ts';
import type { Distribution } from './distribution.ts';
import { type Fnv64, fnv64Modulo, ycsbHash } from './fnv64.ts';

/**
 * What YCSB itself draws for `requestdistribution=zipfian` (its ScrambledZipfianGenerator), number
 * for number: a Zipf rank with θ = 0.99 over 10^10 + 1 items by the approximation of Gray et al.
 * (SIGMOD 1994), with YCSB's hard-coded zeta, hashed with FNV-64 and taken modulo the count of
 * records.
 *
 * It is not Zipf over the records: the head is that of a law over 10^10 items (the most popular
 * record gets 1 / 26.47 = 3.8 % whatever the count), and the hash puts several ranks on one record
 * and none on others. Use it to compare with published YCSB figures.
 */
export class YcsbScrambled implements Distribution {
  readonly #count: number;
  readonly #hash: Fnv64 = { high: 0, low: 0 };

  constructor(count: number) {
    this.#count = count;
  }

  next(random: RandomStream): number {
    return this.fromRank(ycsbZipfianRank(random.unit()));
  }

  fromRank(rank: number): number {
    return fnv64Modulo(ycsbHash(rank, this.#hash), this.#count);
  }
}

const theta = 0.99;
const items = 10_000_000_001;
const zeta = 26.46902820178302;
const zetaTwo = 1 + 0.5 ** theta;
const alpha = 1 / (1 - theta);
const eta = (1 - (2 / items) ** (1 - theta)) / (1 - zetaTwo / zeta);

/** Gray's quick Zipf: the rank for a uniform `u` in [0, 1). */
export function ycsbZipfianRank(u: number): number {
  const scaled = u * zeta;
  if (scaled < 1) return 0;
  if (scaled < zetaTwo) return 1;
  return Math.floor(items * (eta * u - eta + 1) ** alpha);
}
