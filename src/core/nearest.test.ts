import { expect, test } from 'vitest';
import { didYouMean, editDistance, nearest } from './nearest.ts';

test('edits are insertions, deletions, replacements and swaps of neighbours', () => {
  expect(editDistance('', 'abc')).toBe(3);
  expect(editDistance('replica', 'replicas')).toBe(1);
  expect(editDistance('kyes', 'keys')).toBe(1);
  expect(editDistance('kitten', 'sitting')).toBe(3);
  expect(editDistance('same', 'same')).toBe(0);
});

test('the nearest name is found whatever its case, and a different word is not offered', () => {
  const names = ['replicas', 'memoryNodes', 'computeNodes', 'seed'];
  expect(nearest('replcas', names)).toBe('replicas');
  expect(nearest('computenodes', names)).toBe('computeNodes');
  expect(nearest('seeds', names)).toBe('seed');
  expect(nearest('bandwidth', names)).toBeUndefined();
});

test('a hint is only given where there is one', () => {
  expect(didYouMean('sede', ['seed'])).toBe('; did you mean seed?');
  expect(didYouMean('bandwidth', ['seed'])).toBe('');
});
