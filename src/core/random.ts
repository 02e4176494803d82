import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { assert } from './errors.ts';
import { fnv1a32, mix32 } from './hash.ts';

/**
 * Seeded dice. One stream per purpose, so that adding a draw in one place moves nothing elsewhere:
 * `randomStream(7, 'node 3 client 2 keys')` depends on those two arguments and on nothing else.
 */
export interface RandomStream {
  /** A 32-bit unsigned integer. */
  next32(): number;
  /** A double in [0, 1) with 53 random bits. */
  unit(): number;
  /** An integer in [0, bound), bound at most 2^53; unbiased to within 2^-53. */
  below(bound: number): number;
}

class XoroshiroStream implements RandomStream {
  readonly #generator: ReturnType<typeof xoroshiro128plus>;

  constructor(seed: number) {
    this.#generator = xoroshiro128plus(seed);
  }

  next32(): number {
    return this.#generator.next() >>> 0;
  }

  unit(): number {
    const high = this.#generator.next() >>> 5;
    const low = this.#generator.next() >>> 6;
    return (high * 0x4000000 + low) / 0x20000000000000;
  }

  below(bound: number): number {
    assert(bound >= 1, () => `random.below(${bound}): the bound must be at least 1`);
    return Math.floor(this.unit() * bound);
  }
}

export function randomStream(seed: number, purpose: string): RandomStream {
  // The generator's first output is the complement of its seed, and FNV-1a leaves texts that
  // differ in their last letters close together: unmixed, clients 1, 2, 3 … would begin with
  // nearly one key.
  return new XoroshiroStream(mix32(fnv1a32(`${purpose}#${seed}`) ^ (seed | 0)));
}

/**
 * The streams of one start of a node, one for each purpose, made when it is first asked for. A first
 * start, whose incarnation is the node's id, is named by the node; a later one draws anew.
 */
export function streamsOf(
  seed: number,
  node: number,
  incarnation = node,
): (purpose: string) => RandomStream {
  const who = incarnation === node ? `node ${node}` : `start ${incarnation}`;
  const streams = new Map<string, RandomStream>();
  return (purpose) => {
    let stream = streams.get(purpose);
    if (stream === undefined) {
      stream = randomStream(seed, `${who} ${purpose}`);
      streams.set(purpose, stream);
    }
    return stream;
  };
}
