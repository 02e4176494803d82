import { describe, expect, test } from 'vitest';
import { costOf } from './cost.ts';

const eightAndEight = { computeNodes: 8, memoryNodes: 8, usefulNs: 0, operations: 0 };

describe('the cost of a cluster', () => {
  test('is what Table 1 says for 8 compute and 8 memory nodes', () => {
    expect(costOf({ ...eightAndEight, servers: 0 }).capexUsd).toBe(53_096);
    expect(costOf({ ...eightAndEight, servers: 1 }).capexUsd).toBe(58_096);
  });

  test('grows by a server for each further metadata server', () => {
    expect(costOf({ ...eightAndEight, servers: 3 }).capexUsd).toBe(68_096);
  });

  test('charges 30 W for the useful time of an operation', () => {
    const cost = costOf({ ...eightAndEight, servers: 0, usefulNs: 3_000_000, operations: 2000 });
    expect(cost.energyMicrojoulePerOperation).toBeCloseTo(45, 10);
  });

  test('is no energy where nothing ran', () => {
    const cost = costOf({ ...eightAndEight, servers: 0, usefulNs: 10, operations: 0 });
    expect(cost.energyMicrojoulePerOperation).toBe(0);
  });

  test('refuses what cannot be', () => {
    expect(() => costOf({ ...eightAndEight, servers: -1 })).toThrow(/a cluster of/);
    expect(() => costOf({ ...eightAndEight, servers: 0, usefulNs: Number.NaN })).toThrow(/NaN ns/);
  });
});
