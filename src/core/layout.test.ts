import fc from 'fast-check';
import { expect, test } from 'vitest';
import { layout, u8, u16, u32, u53, u64 } from './layout.ts';

const head = layout('test', { word: u64, big: u53, half: u32, short: u16, byte: u8, last: u8 });

const values = fc.record({
  word: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  big: fc.maxSafeNat(),
  half: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  short: fc.integer({ min: 0, max: 2 ** 16 - 1 }),
  byte: fc.integer({ min: 0, max: 255 }),
  last: fc.integer({ min: 0, max: 255 }),
});

test('fields lie in order without gaps', () => {
  const { word, big, half, short, byte, last } = head.field;
  expect([word, big, half, short, byte, last].map((f) => f.offsetBytes)).toEqual([
    0, 8, 16, 20, 22, 23,
  ]);
  expect(head.sizeBytes).toBe(24);
  expect(layout('one byte', { only: u8 }).sizeBytes).toBe(8);
});

test('what is set is got, in any order, and nothing else is touched', () => {
  type Name = keyof typeof head.field;
  const names = Object.keys(head.field) as Name[];
  fc.assert(
    fc.property(values, fc.shuffledSubarray(names, { minLength: names.length }), (v, order) => {
      const bytes = new Uint8Array(40).fill(0x5a);
      for (const name of order) {
        const field = head.field[name] as { set(b: Uint8Array, at: number, v: unknown): void };
        field.set(bytes, 8, v[name]);
      }
      for (const name of names) expect(head.field[name].get(bytes, 8)).toBe(v[name]);
      expect(bytes.subarray(0, 8).every((b) => b === 0x5a)).toBe(true);
      expect(bytes.subarray(32).every((b) => b === 0x5a)).toBe(true);
    }),
  );
});

test('a field off its alignment is an error of the declaration', () => {
  expect(() => layout('gap', { byte: u8, half: u32 })).toThrow(/half would lie at 1/);
});
