import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseValue, type ValueKind } from './values.ts';

const count: ValueKind = { type: 'count', minimum: 1, maximum: 1e12 };
const bytes: ValueKind = { type: 'bytes', minimum: 1, maximum: 32_768 };
const duration: ValueKind = { type: 'duration' };
const number: ValueKind = { type: 'number', minimum: 0, maximum: 1 };

test.each<[ValueKind, unknown, unknown]>([
  [count, 8, 8],
  [count, '8', 8],
  [count, '100k', 100_000],
  [count, '1.1k', 1100],
  [count, '1.5M', 1_500_000],
  [count, '2G', 2_000_000_000],
  [count, '1e5', 100_000],
  [count, '100_000', 100_000],
  [bytes, '4KiB', 4096],
  [bytes, '4kB', 4000],
  [bytes, '4 KiB', 4096],
  [bytes, '100B', 100],
  [bytes, 1000, 1000],
  [duration, '10s', 10e9],
  [duration, '500ms', 500e6],
  [duration, '2m', 120e9],
  [duration, '1.5us', 1500],
  [number, '.5', 0.5],
  [number, 1, 1],
  [{ type: 'boolean' }, 'true', true],
  [{ type: 'boolean' }, false, false],
  [{ type: 'property' }, 0.5, '0.5'],
])('%j reads %j as %j', (kind, raw, value) => {
  expect(parseValue(kind, raw)).toEqual({ value });
});

test.each<[ValueKind, unknown, string]>([
  [count, 0, 'a whole number of at least 1'],
  [count, 1.5, 'a whole number'],
  [count, '1.2345k', 'a whole number'],
  [count, '8x', 'a whole number'],
  [count, '4KiB', 'a whole number'],
  [count, '', 'a whole number'],
  [count, null, 'a whole number'],
  [count, true, 'a whole number'],
  [count, Number.NaN, 'a whole number'],
  [count, 'constructor', 'a whole number'],
  [bytes, '4k', 'a size in bytes from 1 to 32768, such as 1000 or 4KiB'],
  [bytes, '64KiB', 'from 1 to 32768'],
  [duration, 10, 'a time above 0 with its unit, such as 500ms, 10s or 2m'],
  [duration, '10', 'a time above 0 with its unit'],
  [duration, '0s', 'a time above 0 with its unit'],
  [duration, '-1s', 'a time above 0 with its unit'],
  [number, 2, 'a number from 0 to 1'],
  [{ type: 'boolean' }, 'yes', 'true or false'],
  [{ type: 'choice', choices: ['sim', 'shared'] }, 'simm', 'one of sim, shared; did you mean sim?'],
  [{ type: 'text' }, 5, 'a text'],
])('%j refuses %j and says what it expects', (kind, raw, expected) => {
  const parsed = parseValue(kind, raw);
  expect('expected' in parsed && parsed.expected).toContain(expected);
});

test('a whole number reads the same as a YAML number and as a flag', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_000_000_000 }), (n) => {
      expect(parseValue(count, String(n))).toEqual({ value: n });
      expect(parseValue(count, `${n}k`)).toEqual({ value: n * 1000 });
      expect(parseValue(count, n)).toEqual({ value: n });
    }),
  );
});

test('a bound that is usually of no help is said to who passes it', () => {
  const beyond = parseValue(count, '99999999999999');
  expect('expected' in beyond && beyond.expected).toMatch(/, and at most 1000000000000$/);
  const below = parseValue(count, '0');
  expect('expected' in below && below.expected).not.toContain('at most');
});
