import fc from 'fast-check';
import { expect, test } from 'vitest';
import { crc32c } from './checksum.ts';

const ascii = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));

/** The definition: a bit at a time. */
function bitwise(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

test('gives the published check values (RFC 3720, B.4)', () => {
  expect(crc32c(ascii('123456789'))).toBe(0xe3069283);
  expect(crc32c(new Uint8Array(0))).toBe(0);
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
  expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
  expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
  expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => 31 - i))).toBe(0x113fdb5c);
});

test('agrees with the definition on any bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      expect(crc32c(bytes)).toBe(bitwise(bytes));
    }),
  );
});

test('continues over pieces, at any split and inside a larger array', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(60), fc.nat(60), (bytes, a, b) => {
      const [start, middle] = [
        Math.min(a, b, bytes.length),
        Math.min(Math.max(a, b), bytes.length),
      ];
      const whole = crc32c(bytes, start);
      expect(whole).toBe(crc32c(bytes.slice(start)));
      expect(crc32c(bytes, middle, bytes.length, crc32c(bytes, start, middle))).toBe(whole);
    }),
  );
});

test('notices every change of one bit', () => {
  const bytes = Uint8Array.from({ length: 40 }, (_, i) => i * 11);
  const before = crc32c(bytes);
  for (let bit = 0; bit < 8 * bytes.length; bit++) {
    bytes[bit >>> 3]! ^= 1 << (bit & 7);
    expect(crc32c(bytes)).not.toBe(before);
    bytes[bit >>> 3]! ^= 1 << (bit & 7);
  }
});
