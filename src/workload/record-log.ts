import { FarsideError } from '../core/errors.ts';
import type { Population } from './distributions/distribution.ts';
import type { Share } from './workload.ts';

/**
 * Which records exist, as far as this process knows: those of the load phase, then inserts of the
 * run phase in the order in which they were acknowledged. Distributions draw an index into that
 * sequence, so that no draw names a record whose insert has not ended, and `latest` follows the
 * newest one.
 *
 * Record numbers of inserts are dealt out like cards: client i of n takes first + i, first + i + n,
 * … No two clients ever insert the same record, without a counter shared between threads or hosts.
 */
export class RecordLog implements Population {
  readonly #loadedFrom: number;
  readonly #loaded: number;
  readonly #insertsFrom: number;
  readonly #insertsMax: number;
  #acknowledged = new Float64Array(64);
  #acknowledgedCount = 0;
  /** Inserts begun, by client. */
  readonly #begun = new Map<number, number>();
  #begunCount = 0;

  constructor(of: {
    /** Records `loadedFrom` to `loadedFrom + loaded - 1` are there from the start. */
    readonly loadedFrom: number;
    readonly loaded: number;
    readonly insertsFrom: number;
    readonly insertsMax: number;
  }) {
    this.#loadedFrom = of.loadedFrom;
    this.#loaded = of.loaded;
    this.#insertsFrom = of.insertsFrom;
    this.#insertsMax = of.insertsMax;
  }

  get count(): number {
    return this.#loaded + this.#acknowledgedCount;
  }

  /** The record number of the `index`-th that exists. */
  recordAt(index: number): number {
    if (index < this.#loaded) return this.#loadedFrom + index;
    return this.#acknowledged[index - this.#loaded] as number;
  }

  /** The number of the record that this client inserts next. */
  begin(share: Share): number {
    if (this.#begunCount === this.#insertsMax) {
      throw new FarsideError(
        'FARSIDE_CAPACITY',
        `the run phase inserts more than the ${this.#insertsMax} records that operationcount and ` +
          'insertproportion foresee: raise operationcount (--operations N)',
      );
    }
    this.#begunCount++;
    const mine = this.#begun.get(share.index) ?? 0;
    this.#begun.set(share.index, mine + 1);
    return this.#insertsFrom + share.index + share.of * mine;
  }

  acknowledge(record: number): void {
    if (this.#acknowledgedCount === this.#acknowledged.length) {
      const larger = new Float64Array(this.#acknowledged.length * 2);
      larger.set(this.#acknowledged);
      this.#acknowledged = larger;
    }
    this.#acknowledged[this.#acknowledgedCount++] = record;
  }

  /** Back to what the load phase makes. */
  reset(): void {
    this.#acknowledgedCount = 0;
    this.#begunCount = 0;
    this.#begun.clear();
  }
}
