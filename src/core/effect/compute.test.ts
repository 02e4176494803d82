import { expect, test } from 'vitest';
import { computeIndex, computeKinds } from './compute.ts';

test('the index of a kind is its place in the list of all', () => {
  expect(computeKinds.map(computeIndex)).toEqual([...computeKinds.keys()]);
});
