import { keyOf } from '../../src/core/key.ts';
import { copyValue, encodeRecord, recordIsWhole, recordValueBytes } from '../../src/core/record.ts';
import type { RegionClient } from './region-client.ts';

const key = keyOf('log');
export const recordSlotBytes = 128;
const valueBytes = 88;
const batchRecords = 256;

/** What record `number` must hold: no two are alike. */
function expectedValue(number: number): Uint8Array {
  return Uint8Array.from(
    { length: valueBytes },
    (_, i) => (number * 31 + i * 7 + (number >> 8)) & 0xff,
  );
}

/** Records one after another in a region, each in one slot; the log ends at the first that is not whole. */
export class RecordLog {
  readonly #client: RegionClient;
  readonly #bytes = new Uint8Array(recordSlotBytes);

  constructor(client: RegionClient) {
    this.#client = client;
  }

  /** One WRITE. */
  append(number: number): void {
    encodeRecord(this.#bytes, 0, key, expectedValue(number), number);
    this.#client.write(number * recordSlotBytes, this.#bytes);
  }

  persist(number: number): void {
    this.#client.persist(number * recordSlotBytes, recordSlotBytes);
  }

  /** How many records are whole and hold what they must, from the first on. */
  recover(): number {
    const slots = Math.floor(this.#client.region.lengthBytes / recordSlotBytes);
    const value = new Uint8Array(valueBytes);
    for (let first = 0; first < slots; first += batchRecords) {
      const count = Math.min(batchRecords, slots - first);
      const bytes = this.#client.read(first * recordSlotBytes, count * recordSlotBytes);
      for (let i = 0; i < count; i++) {
        const at = i * recordSlotBytes;
        if (recordValueBytes(bytes, at, key) !== valueBytes || !recordIsWhole(bytes, at))
          return first + i;
        copyValue(bytes, at, value);
        if (!expectedValue(first + i).every((byte, j) => byte === value[j])) return first + i;
      }
    }
    return slots;
  }
}
