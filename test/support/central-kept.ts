import { expect } from 'vitest';
import type { Key } from '../../src/core/key.ts';
import { type CentralBench, numberOf } from './central-bench.ts';
import { isLinearizable } from './key-operations.ts';

/**
 * What must hold in the end, whatever happened: every answer fits one order per key, the last get of
 * each key gives what is stored, every copy is there, and every buffer is in use once or free once.
 */
export function expectKept(bench: CentralBench, keys: readonly Key[], note: string): void {
  const errors = bench.errors.length;
  bench.settle(keys);
  expect([note, ...bench.errors.slice(errors)]).toEqual([note]);
  for (const [key, history] of bench.histories) {
    if (!isLinearizable(history)) {
      throw new Error(`${note}: ${key} is not linearizable: ${JSON.stringify(history)}`);
    }
  }
  const { violations, leaked, doubled, entries } = bench.audit();
  expect({ note, violations, leaked, doubled }).toEqual({
    note,
    violations: [],
    leaked: [],
    doubled: [],
  });
  for (const key of keys) {
    const last = bench.historyOf(key).at(-1);
    const stored = entries.find((entry) => entry.key === key.text);
    const value = stored === undefined ? undefined : numberOf(stored.value);
    expect([note, key.text, value]).toEqual([note, key.text, last?.value]);
  }
}
