import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fnv1a32 } from './hash.ts';
import { keyBytesMax, keyOf } from './key.ts';

test('a key of bytes and the key of their characters are one key', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: keyBytesMax }), (bytes) => {
      const fromBytes = keyOf(bytes);
      const fromText = keyOf(String.fromCharCode(...bytes));
      expect(fromBytes.text).toBe(fromText.text);
      expect(fromBytes.bytes).toEqual(bytes);
      expect(fromText.bytes).toEqual(bytes);
      expect(fromBytes.hash).toBe(fromText.hash);
    }),
  );
});

test('a key keeps its bytes when the caller changes his', () => {
  const bytes = Uint8Array.of(1, 2, 3);
  const key = keyOf(bytes);
  bytes[0] = 9;
  expect(key.bytes[0]).toBe(1);
});

test.each(['', 'x'.repeat(keyBytesMax + 1), 'snow\u2603'])('%j is refused', (text) => {
  expect(() => keyOf(text)).toThrow(expect.objectContaining({ code: 'FARSIDE_KEY' }));
});

test('hashes are spread: no bit of 4096 numbered keys is lopsided', () => {
  const ones = new Array<number>(32).fill(0);
  for (let i = 0; i < 4096; i++) {
    const { hash } = keyOf(`user${i}`);
    for (let bit = 0; bit < 32; bit++) ones[bit]! += (hash >>> bit) & 1;
  }
  // Five standard deviations of a fair coin tossed 4096 times are 160.
  for (const count of ones) expect(Math.abs(count - 2048)).toBeLessThan(160);
});

test('FNV-1a gives its published values', () => {
  expect(fnv1a32('')).toBe(0x811c9dc5);
  expect(fnv1a32('a')).toBe(0xe40c292c);
  expect(fnv1a32('foobar')).toBe(0xbf9cf968);
});
