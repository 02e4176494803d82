import { expect, test } from 'vitest';
import { operationNumbers } from './numbering.ts';

test('processes share the numbers among them and none is 0, which means background', () => {
  const numbers = [0, 1, 2].flatMap((index) => {
    const next = operationNumbers({ index, of: 3 });
    return Array.from({ length: 100 }, next);
  });
  expect(new Set(numbers).size).toBe(300);
  expect(Math.min(...numbers)).toBe(1);
  expect(Math.max(...numbers)).toBe(300);
});

test('numbers fit 32 bits and start anew beyond', () => {
  const next = operationNumbers({ index: 1, of: 2 ** 31 });
  expect([next(), next(), next(), next()]).toEqual([2, 2 ** 31 + 2, 2, 2 ** 31 + 2]);
});
