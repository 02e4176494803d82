import { FarsideError } from '../../../core/errors.ts';
import { u53 } from '../../../core/layout.ts';
import { requestHead } from '../messages.ts';

const counter = u53.at(0);

/**
 * Load balancing, level 1: how many bytes each memory node moved in the last window, as reported by
 * compute nodes. Reports are kept per compute node and summed, so that the last one to report does not
 * stand for all.
 */
export class LoadReports {
  readonly #buckets: number;
  readonly #byNode = new Map<number, number[]>();
  readonly #sums: number[];

  constructor(buckets: number) {
    this.#buckets = buckets;
    this.#sums = new Array<number>(buckets).fill(0);
  }

  /** Bytes moved at each memory node in the last window of every compute node. */
  get sums(): readonly number[] {
    return this.#sums;
  }

  accept(from: number, body: Uint8Array): void {
    if (body.length < requestHead.sizeBytes + 8 * this.#buckets) {
      throw new FarsideError('FARSIDE_CORRUPT', `node ${from} reports too few memory nodes`);
    }
    const before = this.#byNode.get(from);
    const bytes: number[] = [];
    for (let d = 0; d < this.#buckets; d++) {
      const moved = counter.get(body, requestHead.sizeBytes + 8 * d);
      bytes.push(moved);
      this.#sums[d] = (this.#sums[d] as number) + moved - (before?.[d] ?? 0);
    }
    this.#byNode.set(from, bytes);
  }

  /** More buffers from lighter memory nodes, fewer from heavier ones: 1 to twice what was asked. */
  scale(bucket: number, count: number): number {
    const mean = this.#sums.reduce((sum, bytes) => sum + bytes, 0) / this.#buckets;
    const own = this.#sums[bucket] as number;
    if (mean === 0) return count;
    const scaled = own === 0 ? 2 * count : Math.round((count * mean) / own);
    return Math.max(1, Math.min(2 * count, scaled));
  }
}
