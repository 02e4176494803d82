import { mix32 } from '../core/hash.ts';
import { type Key, keyBytesMax, keyOf } from '../core/key.ts';
import { valueBytesMax } from '../core/record.ts';
import type { SizeTable } from './cachebench-config.ts';
import { Scatter } from './distributions/scatter.ts';
import { Weighted } from './distributions/weighted.ts';
import { KeyCache } from './key-cache.ts';
import type { Operation, OperationKind } from './workload.ts';

const letters = 'abcdefghijklmnopqrstuvwxyz';

/** Keys, sizes and presence of the records. */
export class CacheBenchRecords {
  readonly keyBytesMax: number;
  readonly values: Sizes;
  readonly #keySizes: Sizes;
  readonly #keys: KeyCache;
  readonly #scatter: Scatter;
  /** Letters that tell all records apart. */
  readonly #digits: number;
  readonly #absent = new Set<number>();
  /** Deletes and refills that have begun: their keys' records. */
  readonly #changing = new Map<Key, number>();

  constructor(count: number, keySizes: SizeTable, valueSizes: SizeTable) {
    this.#digits = Math.max(1, Math.ceil(Math.log(count) / Math.log(26) - 1e-9));
    this.#scatter = new Scatter(count);
    this.#keySizes = new Sizes(keySizes, keyBytesMax, 'key');
    this.values = new Sizes(valueSizes, valueBytesMax, 'value');
    this.keyBytesMax = Math.max(24, this.#digits, this.#keySizes.bytesMax);
    this.#keys = new KeyCache(count, (record) => this.#build(record));
  }

  isAbsent(record: number): boolean {
    return this.#absent.has(record);
  }

  fill(into: Operation, kind: OperationKind, record: number): void {
    into.kind = kind;
    into.key = this.#keys.at(record);
    into.valueBytes = kind === 'update' || kind === 'insert' ? this.values.of(record, 2) : 0;
    into.scanLength = 0;
    into.atNs = 0;
    if (kind === 'delete') this.#changing.set(into.key, record);
    // From here on others may find it, or not yet; nobody fills it in a second time.
    if (kind === 'insert' && this.#absent.delete(record)) this.#changing.set(into.key, record);
  }

  /** A read of a key that no record has: records' keys have no digits in them. */
  fillUnknown(into: Operation, name: string): void {
    into.kind = 'read';
    into.key = keyOf(name);
    into.valueBytes = 0;
    into.scanLength = 0;
    into.atNs = 0;
  }

  ended({ kind, key }: Operation): void {
    if (kind !== 'delete' && kind !== 'insert') return;
    const record = this.#changing.get(key);
    if (record === undefined) return;
    this.#changing.delete(key);
    if (kind === 'delete') this.#absent.add(record);
  }

  reset(): void {
    this.#absent.clear();
    this.#changing.clear();
  }

  /** Letters that count in base 26, then letters that fill it up to its length. */
  #build(record: number): Key {
    let text = '';
    let rest = this.#scatter.at(record);
    for (let i = 0; i < this.#digits; i++, rest = Math.floor(rest / 26)) text += letters[rest % 26];
    const bytes = this.#keySizes.of(record, 1);
    for (let i = this.#digits; i < bytes; i++) text += letters[mix32(record * 255 + i) % 26];
    return keyOf(text);
  }
}

/** A size for each record, always the same one. */
class Sizes {
  readonly bytesMax: number;
  readonly bytesMean: number;
  readonly warnings: readonly string[];
  readonly #table: Weighted;
  readonly #sizes: readonly number[];
  readonly #ranges: boolean;
  readonly #most: number;

  constructor({ sizes, weights }: SizeTable, most: number, what: string) {
    this.#table = new Weighted(weights);
    this.#sizes = sizes;
    this.#ranges = sizes.length > weights.length;
    this.#most = most;
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    let mean = 0;
    let clipped = 0;
    for (const [i, weight] of weights.entries()) {
      const from = sizes[i] as number;
      const to = this.#ranges ? (sizes[i + 1] as number) : from;
      mean += (this.#clip((from + to) / 2) * weight) / total;
      if (to > most) clipped += weight / total;
    }
    this.bytesMean = mean;
    this.bytesMax = this.#clip(sizes.reduce((largest, size) => Math.max(largest, size), 0));
    const percent = Number((clipped * 100).toPrecision(3));
    this.warnings =
      clipped === 0 ? [] : [`${percent} % of ${what} sizes exceed ${most} bytes and are clipped`];
  }

  of(record: number, salt: number): number {
    const low = mix32(record ^ mix32(salt));
    const i = this.#table.at(low / 2 ** 32);
    const from = this.#sizes[i] as number;
    if (!this.#ranges) return this.#clip(from);
    const width = (this.#sizes[i + 1] as number) - from;
    return this.#clip(from + Math.floor((mix32(low) / 2 ** 32) * width));
  }

  #clip(size: number): number {
    return Math.max(1, Math.min(this.#most, size));
  }
}
