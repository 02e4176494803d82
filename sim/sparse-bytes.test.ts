import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SparseBytes } from './sparse-bytes.ts';

const chunkBytes = 1 << 18;
const spaceBytes = 3 * chunkBytes;
/** Word offsets, many of them near the borders of chunks. */
const offset = fc
  .tuple(fc.constantFrom(0, chunkBytes, 2 * chunkBytes), fc.integer({ min: -8, max: 8 }))
  .map(([border, words]) => Math.max(0, border + words * 8));

test('equals an array that is all there', () => {
  const write = fc.record({
    at: offset,
    words: fc.integer({ min: 1, max: 16 }),
    value: fc.nat(255),
  });
  fc.assert(
    fc.property(fc.array(write), offset, (writes, readAt) => {
      const sparse = new SparseBytes();
      const model = new Uint8Array(spaceBytes);
      for (const { at, words, value } of writes) {
        const bytes = new Uint8Array(words * 8).fill(value);
        sparse.write(at, bytes);
        model.set(bytes, at);
      }
      const into = new Uint8Array(256).fill(1);
      sparse.read(readAt, into);
      expect(into).toEqual(model.slice(readAt, readAt + 256));
      const view = new DataView(model.buffer);
      expect(sparse.low(readAt)).toBe(view.getInt32(readAt, true));
      expect(sparse.high(readAt)).toBe(view.getInt32(readAt + 4, true));
      const copy = new SparseBytes();
      copy.copyFrom(sparse, 0, spaceBytes);
      let differences = 0;
      copy.eachDifference(sparse, 0, spaceBytes, () => differences++);
      expect(differences).toBe(0);
      copy.setWord(readAt, ~sparse.low(readAt), 0);
      copy.eachDifference(sparse, 0, spaceBytes, (at) => {
        expect(at).toBe(readAt);
        differences++;
      });
      expect(differences).toBe(1);
    }),
    { numRuns: 30 },
  );
});

test('holds only what was written, at any offset below 2^40', () => {
  const sparse = new SparseBytes();
  const last = 2 ** 40 - 8;
  sparse.setWord(last, 1, 2);
  sparse.setWord(2 ** 33, 3, 4);
  expect([sparse.low(last), sparse.high(last), sparse.low(2 ** 33), sparse.low(8)]).toEqual([
    1, 2, 3, 0,
  ]);
  expect(sparse.touchedBytes).toBe(2 * chunkBytes);
  const into = new Uint8Array(1024).fill(9);
  sparse.read(2 ** 39, into);
  expect(into).toEqual(new Uint8Array(1024));
  sparse.zero(2 ** 33, 8);
  expect([sparse.low(2 ** 33), sparse.high(2 ** 33)]).toEqual([0, 0]);
  expect(sparse.touchedBytes).toBe(2 * chunkBytes);
});
