import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { keyOf } from '../core/key.ts';
import { checkValue, fillValue, plainValue, stampedBytesMin, stampOf } from './values.ts';

const bytes = (length: number, offset = 0): Uint8Array =>
  new Uint8Array(new ArrayBuffer(length + offset), offset, length);

function filled(name: string, length: number, stamp: number, offset = 0): Uint8Array {
  const value = bytes(length, offset);
  fillValue(keyOf(name), value, stamp);
  return value;
}

const anyWrite = fc.record({
  length: fc.integer({ min: 1, max: 300 }),
  stamp: fc.maxSafeNat(),
  offset: fc.integer({ min: 0, max: 7 }),
});

describe('values of data-integrity mode', () => {
  test('give back the stamp of their write, if they are whole and of their key', () => {
    fc.assert(
      fc.property(anyWrite, ({ length, stamp, offset }) => {
        const value = filled('k', length, stamp, offset);
        expect(stampOf(keyOf('k'), value)).toBe(length < stampedBytesMin ? 0 : stamp);
        value[length - 1] = (value[length - 1] as number) ^ 1;
        expect(stampOf(keyOf('k'), value)).toBeUndefined();
      }),
    );
  });

  test('are accepted for their key, wherever they lie', () => {
    fc.assert(
      fc.property(
        anyWrite,
        fc.integer({ min: 0, max: 7 }),
        ({ length, stamp, offset }, elsewhere) => {
          const value = filled('k', length, stamp, offset);
          expect(checkValue(keyOf('k'), value)).toBe(true);
          const copy = bytes(length, elsewhere);
          copy.set(value);
          expect(checkValue(keyOf('k'), copy)).toBe(true);
        },
      ),
    );
  });

  test('are refused for another key', () => {
    fc.assert(
      fc.property(anyWrite, ({ length, stamp }) => {
        if (length >= 4) expect(checkValue(keyOf('l'), filled('k', length, stamp))).toBe(false);
      }),
    );
  });

  test('are refused with any byte changed, or cut short', () => {
    fc.assert(
      fc.property(
        anyWrite,
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        ({ length, stamp }, at, by) => {
          const value = filled('k', length, stamp);
          value[at % length] = (value[at % length] as number) ^ by;
          expect(checkValue(keyOf('k'), value)).toBe(false);
          if (length > 12) {
            expect(checkValue(keyOf('k'), filled('k', length, stamp).subarray(0, -1))).toBe(false);
          }
        },
      ),
    );
  });

  test('any mix of words of two writes of one key is found', () => {
    const mask = fc.array(fc.boolean(), { minLength: 38, maxLength: 38 });
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 38 }), fc.nat(), mask, (words, stamp, fromSecond) => {
        const first = filled('k', words * 8, stamp);
        const second = filled('k', words * 8, stamp + 1);
        const torn = first.slice();
        for (let i = 0; i < words; i++) {
          if (fromSecond[i]) torn.set(second.subarray(i * 8, i * 8 + 8), i * 8);
        }
        const parts = new Set(fromSecond.slice(0, words));
        expect(checkValue(keyOf('k'), torn)).toBe(parts.size === 1);
      }),
      { numRuns: 300 },
    );
  });
});

test('plain values do not repeat themselves', () => {
  const value = bytes(1024);
  plainValue(value);
  expect(new Set(value).size).toBeGreaterThan(200);
});
