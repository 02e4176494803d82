import { align8 } from './address.ts';
import { crc32c } from './checksum.ts';
import { assert } from './errors.ts';
import { type Key, keyBytesMax } from './key.ts';
import { layout, u8, u16, u32, u53 } from './layout.ts';

/**
 * A stored record: what Direct's slots and Central's and Clover's buffers hold after their own
 * words. It describes itself, so that recovery can tell whose bytes it found and whether they are
 * whole:
 *
 *    0 +-----------------------+-------------+-------+-------+
 *      | checksum u32          | value u16   | key u8| flags |   lengths in bytes
 *    8 +-----------------------+-------------+-------+-------+
 *      | version u53                                         |
 *   16 +-----------------------------------------------------+
 *      | key | value | zero padding to 8                     |
 *
 * The checksum is CRC-32C over every byte from 4 to the end of the value.
 */
export const recordHead = layout('record head', {
  checksum: u32,
  valueBytes: u16,
  keyBytes: u8,
  flags: u8,
  version: u53,
});

export const recordFlags = { tombstone: 1 } as const;

/** The largest value of any store: 32 KiB. */
export const valueBytesMax = 32 * 1024;

/** Bytes of a record with these lengths, a multiple of 8. */
export function recordBytes(keyBytes: number, valueBytes: number): number {
  return align8(recordHead.sizeBytes + keyBytes + valueBytes);
}

/** The largest record there is. */
export const recordBytesMax = recordBytes(keyBytesMax, valueBytesMax);

/** Writes a whole record at `at` (its padding too) and gives its length in bytes. */
export function encodeRecord(
  bytes: Uint8Array,
  at: number,
  key: Key,
  value: Uint8Array,
  version: number,
  flags = 0,
): number {
  const length = layRecord(bytes, at, key, value, flags);
  sealRecord(bytes, at, version);
  return length;
}

/**
 * The first half of `encodeRecord`: everything but version and checksum, for a record whose version
 * someone else draws. Gives its length in bytes.
 */
export function layRecord(
  bytes: Uint8Array,
  at: number,
  key: Key,
  value: Uint8Array,
  flags = 0,
): number {
  const { text } = key;
  const keyBytes = text.length;
  const end = recordHead.sizeBytes + keyBytes + value.length;
  const length = align8(end);
  assert(
    value.length <= valueBytesMax,
    () => `a value of ${value.length} bytes: expected at most ${valueBytesMax}`,
    'FARSIDE_VALUE',
  );
  assert(at + length <= bytes.length, () => `a record of ${length} B does not fit at ${at}`);
  const f = recordHead.field;
  f.checksum.set(bytes, at, 0);
  f.valueBytes.set(bytes, at, value.length);
  f.keyBytes.set(bytes, at, keyBytes);
  f.flags.set(bytes, at, flags);
  f.version.set(bytes, at, 0);
  // From the text, and byte by byte: an array is three objects, which are seldom all in the CPU's cache.
  const keyAt = at + recordHead.sizeBytes;
  for (let i = 0; i < keyBytes; i++) bytes[keyAt + i] = text.charCodeAt(i);
  bytes.set(value, keyAt + keyBytes);
  for (let i = end; i < length; i++) bytes[at + i] = 0;
  return length;
}

/** The second half: sets the version of the record laid out at `at`, then its checksum. */
export function sealRecord(bytes: Uint8Array, at: number, version: number): void {
  const f = recordHead.field;
  f.version.set(bytes, at, version);
  const end = at + recordHead.sizeBytes + f.keyBytes.get(bytes, at) + f.valueBytes.get(bytes, at);
  assert(end <= bytes.length, () => `a record at ${at} that ends at ${end} of ${bytes.length} B`);
  f.checksum.set(bytes, at, crc32c(bytes, at + 4, end));
}

/** The value's length where a record lies at `at` with that key, else undefined. No checksum. */
export function recordValueBytes(bytes: Uint8Array, at: number, key: Key): number | undefined {
  const keyBytes = recordHead.field.keyBytes.get(bytes, at);
  if (keyBytes !== key.bytes.length) return undefined;
  const start = at + recordHead.sizeBytes;
  for (let i = 0; i < keyBytes; i++) if (bytes[start + i] !== key.bytes[i]) return undefined;
  return recordHead.field.valueBytes.get(bytes, at);
}

/** Whether the lengths are possible within `bytes` and the checksum covers what is there. */
export function recordIsWhole(bytes: Uint8Array, at: number): boolean {
  const f = recordHead.field;
  const end = recordHead.sizeBytes + f.keyBytes.get(bytes, at) + f.valueBytes.get(bytes, at);
  if (at + end > bytes.length || f.keyBytes.get(bytes, at) === 0) return false;
  return crc32c(bytes, at + 4, at + end) === f.checksum.get(bytes, at);
}

/** Where the value starts, counted from the record's start. */
export function recordValueOffset(bytes: Uint8Array, at: number): number {
  return recordHead.sizeBytes + recordHead.field.keyBytes.get(bytes, at);
}

/** Copies the value into `into` and gives its length; FARSIDE_VALUE where `into` is too small. */
export function copyValue(bytes: Uint8Array, at: number, into: Uint8Array): number {
  const start = at + recordValueOffset(bytes, at);
  return copyInto(bytes.subarray(start, start + recordHead.field.valueBytes.get(bytes, at)), into);
}

/** As `copyValue`, of a value that has been found. */
export function copyInto(value: Uint8Array, into: Uint8Array): number {
  assert(
    value.length <= into.length,
    () => `the value has ${value.length} bytes, the buffer for it ${into.length}`,
    'FARSIDE_VALUE',
  );
  into.set(value);
  return value.length;
}
