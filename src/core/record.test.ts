import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { keyBytesMax, keyOf } from './key.ts';
import {
  copyValue,
  encodeRecord,
  layRecord,
  recordBytes,
  recordBytesMax,
  recordFlags,
  recordHead,
  recordIsWhole,
  recordValueBytes,
  recordValueOffset,
  sealRecord,
  valueBytesMax,
} from './record.ts';

const keys = fc.uint8Array({ minLength: 1, maxLength: keyBytesMax }).map((bytes) => keyOf(bytes));
const values = fc.uint8Array({ maxLength: 300 });

describe('a record', () => {
  test('gives back what was put in, wherever it lies', () => {
    fc.assert(
      fc.property(keys, values, fc.maxSafeNat(), fc.nat(3), (key, value, version, words) => {
        const at = 8 * words;
        const bytes = new Uint8Array(at + recordBytes(key.bytes.length, value.length) + 8).fill(7);
        const length = encodeRecord(bytes, at, key, value, version, recordFlags.tombstone);
        expect(length).toBe(recordBytes(key.bytes.length, value.length));
        expect(recordIsWhole(bytes, at)).toBe(true);
        expect(recordValueBytes(bytes, at, key)).toBe(value.length);
        expect(recordHead.field.version.get(bytes, at)).toBe(version);
        expect(recordHead.field.flags.get(bytes, at)).toBe(recordFlags.tombstone);
        const into = new Uint8Array(value.length);
        expect(copyValue(bytes, at, into)).toBe(value.length);
        expect(into).toEqual(value);
        expect(bytes.subarray(at + length).every((b) => b === 7)).toBe(true);
      }),
    );
  });

  test('laid and sealed apart is the record encoded at once', () => {
    fc.assert(
      fc.property(keys, values, fc.maxSafeNat(), (key, value, version) => {
        const length = recordBytes(key.bytes.length, value.length);
        const [once, twice] = [new Uint8Array(length), new Uint8Array(length).fill(9)];
        encodeRecord(once, 0, key, value, version);
        layRecord(twice, 0, key, value);
        expect(recordIsWhole(twice, 0)).toBe(false);
        sealRecord(twice, 0, version);
        expect(twice).toEqual(once);
      }),
    );
  });

  test('is not whole when any bit of it has changed', () => {
    const key = keyOf('user7');
    const value = Uint8Array.from({ length: 20 }, (_, i) => i);
    const bytes = new Uint8Array(recordBytes(5, 20));
    encodeRecord(bytes, 0, key, value, 41);
    for (let bit = 0; bit < 8 * (recordHead.sizeBytes + 25); bit++) {
      bytes[bit >>> 3]! ^= 1 << (bit & 7);
      expect(recordIsWhole(bytes, 0)).toBe(false);
      bytes[bit >>> 3]! ^= 1 << (bit & 7);
    }
    expect(recordIsWhole(bytes, 0)).toBe(true);
  });

  test('is not whole with words of another record, however they are mixed', () => {
    const key = keyOf('user7');
    const encode = (fill: number, version: number): Uint8Array => {
      const bytes = new Uint8Array(recordBytes(5, 64));
      encodeRecord(bytes, 0, key, new Uint8Array(64).fill(fill), version);
      return bytes;
    };
    const [a, b] = [encode(1, 1), encode(2, 2)];
    const words = a.length / 8;
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** (words - 1) - 2 }), (mask) => {
        const mixed = a.map((byte, i) => (mask & (1 << (i >>> 3)) ? (b[i] as number) : byte));
        const same = [a, b].some((whole) => whole.every((byte, i) => byte === mixed[i]));
        expect(recordIsWhole(mixed, 0)).toBe(same);
      }),
    );
  });

  test('of another key is not taken for this one', () => {
    const bytes = new Uint8Array(64);
    encodeRecord(bytes, 0, keyOf('user1'), Uint8Array.of(1), 1);
    expect(recordValueBytes(bytes, 0, keyOf('user1'))).toBe(1);
    expect(recordValueBytes(bytes, 0, keyOf('user2'))).toBeUndefined();
    expect(recordValueBytes(bytes, 0, keyOf('user11'))).toBeUndefined();
    expect(recordValueOffset(bytes, 0)).toBe(recordHead.sizeBytes + 5);
  });

  test('zeroes and lengths that lead outside are not a record', () => {
    expect(recordIsWhole(new Uint8Array(64), 0)).toBe(false);
    const bytes = new Uint8Array(64);
    encodeRecord(bytes, 0, keyOf('k'), new Uint8Array(40), 1);
    expect(recordIsWhole(bytes.subarray(0, 48), 0)).toBe(false);
  });

  test('of the largest key and value fits the largest record', () => {
    const key = keyOf('k'.repeat(keyBytesMax));
    const bytes = new Uint8Array(recordBytesMax);
    expect(encodeRecord(bytes, 0, key, new Uint8Array(valueBytesMax), 1)).toBe(recordBytesMax);
    expect(recordIsWhole(bytes, 0)).toBe(true);
    expect(() => encodeRecord(bytes, 0, key, new Uint8Array(valueBytesMax + 1), 1)).toThrow(
      expect.objectContaining({ code: 'FARSIDE_VALUE' }),
    );
  });

  test('does not overrun the buffer it is copied to', () => {
    const bytes = new Uint8Array(64);
    encodeRecord(bytes, 0, keyOf('k'), new Uint8Array(10), 1);
    expect(() => copyValue(bytes, 0, new Uint8Array(9))).toThrow(
      expect.objectContaining({ code: 'FARSIDE_VALUE' }),
    );
  });
});
