import type { Key } from '../core/key.ts';

/** Keys that a cache holds at most: some 250 MB. */
const keysHeldMax = 2 ** 20;

/**
 * Keys by record number. A `Key` costs half a microsecond to build, as much as half a simulated
 * get, so those in use are kept: direct-mapped, a record's place being its number modulo a power of
 * two. Up to 2^20 records nothing is ever built twice; beyond, popular records mostly stay, and
 * memory does not grow. All clients of a process share one cache.
 */
export class KeyCache {
  readonly #build: (record: number) => Key;
  readonly #mask: number;
  readonly #keys: (Key | undefined)[];
  readonly #records: Float64Array;
  /** Whether every record that was ever asked for has its place to itself: then it is not looked at. */
  #isAlone = true;

  constructor(recordCount: number, build: (record: number) => Key) {
    const places = 2 ** Math.ceil(Math.log2(Math.max(2, Math.min(recordCount, keysHeldMax))));
    this.#build = build;
    this.#mask = places - 1;
    this.#keys = new Array<Key | undefined>(places).fill(undefined);
    this.#records = new Float64Array(places).fill(-1);
  }

  /** Records are integers from 0 to 2^53 - 1. */
  at(record: number): Key {
    const place = record & this.#mask;
    if (place !== record) this.#isAlone = false;
    const key = this.#keys[place];
    if (key !== undefined && (this.#isAlone || this.#records[place] === record)) return key;
    const built = this.#build(record);
    this.#keys[place] = built;
    this.#records[place] = record;
    return built;
  }
}
