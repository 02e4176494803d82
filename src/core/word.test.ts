import fc from 'fast-check';
import { expect, test } from 'vitest';
import { highHalf, loadHalf, loadWord, lowHalf, packWord, storeHalf, storeWord } from './word.ts';

const word = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });

test('halves take a word apart and put it together', () => {
  fc.assert(
    fc.property(word, (w) => {
      expect(BigInt(highHalf(w)) * 2n ** 32n + BigInt(lowHalf(w))).toBe(w);
      expect(packWord(highHalf(w), lowHalf(w))).toBe(w);
      expect(packWord(highHalf(w) | 0, lowHalf(w) | 0)).toBe(w);
    }),
  );
});

test('bytes in memory are little-endian, as DataView says', () => {
  fc.assert(
    fc.property(word, fc.nat(8), (w, at) => {
      const bytes = new Uint8Array(16).fill(0xaa);
      storeWord(bytes, at, w);
      expect(new DataView(bytes.buffer).getBigUint64(at, true)).toBe(w);
      expect(loadWord(bytes, at)).toBe(w);
      expect([...bytes.slice(0, at), ...bytes.slice(at + 8)].every((b) => b === 0xaa)).toBe(true);
    }),
  );
});

test('a half is unsigned when loaded, whatever its sign when stored', () => {
  const bytes = new Uint8Array(4);
  storeHalf(bytes, 0, -1);
  expect(loadHalf(bytes, 0)).toBe(0xffffffff);
});
