import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  align8,
  formatAddress,
  globalAddress,
  nodeCountMax,
  nodeOf,
  nodeSpaceBytes,
  offsetOf,
} from './address.ts';

test('an address gives back its node and offset, and neighbours differ by one', () => {
  const node = fc.integer({ min: 0, max: nodeCountMax - 1 });
  const offset = fc.maxSafeNat().map((n) => n % nodeSpaceBytes);
  fc.assert(
    fc.property(node, offset, (n, o) => {
      const address = globalAddress(n, o);
      expect(Number.isSafeInteger(address)).toBe(true);
      expect(nodeOf(address)).toBe(n);
      expect(offsetOf(address)).toBe(o);
    }),
  );
  const last = globalAddress(nodeCountMax - 1, nodeSpaceBytes - 1);
  expect(last).toBe(2 ** 52 - 1);
  expect(globalAddress(1, 0) - globalAddress(0, nodeSpaceBytes - 1)).toBe(1);
});

test.each([
  [-1, 0],
  [nodeCountMax, 0],
  [0.5, 0],
  [0, -1],
  [0, nodeSpaceBytes],
  [0, 0.5],
  [Number.NaN, 0],
])('node %s, offset %s is refused', (node, offset) => {
  expect(() => globalAddress(node, offset)).toThrow(
    expect.objectContaining({ code: 'FARSIDE_ADDRESS' }),
  );
});

test('people read node:offset', () => {
  expect(formatAddress(globalAddress(3, 0x1f40))).toBe('3:0x1f40');
});

test('lengths round up to a word', () => {
  expect([0, 1, 8, 9].map(align8)).toEqual([0, 8, 8, 16]);
});
