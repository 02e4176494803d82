import { describe, expect, test } from 'vitest';
import { sampleResult } from '../../../test/support/results.ts';
import { kindsOf, orderedKinds, summarize, systemsOf } from './summary.ts';

describe('a summary', () => {
  const result = sampleResult();
  const groups = summarize(result);

  test('has one group for each system and point, in the order of runs', () => {
    expect(groups).toHaveLength(12);
    expect(groups.slice(0, 4).map((group) => group.system)).toEqual([
      'direct',
      'central',
      'clover',
      'direct',
    ]);
    expect(groups.every((group) => group.runs.length === 3)).toBe(true);
    expect(systemsOf(groups)).toEqual(['direct', 'central', 'clover']);
  });

  test('takes medians over seeds', () => {
    const [group] = groups;
    const sorted = group!.runs.map((run) => run.throughputOpsPerS).sort((a, b) => a - b);
    expect(group!.throughputOpsPerS.median).toBe(sorted[1]);
    expect(group!.throughputOpsPerS.interval).toEqual({ low: sorted[0], high: sorted[2] });
  });

  test('adds counts, and shares round trips among all operations', () => {
    const read = groups[0]!.operations.get('read')!;
    expect(read.count).toBe(3 * 190_000);
    expect(read.roundTripShares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12);
    expect(read.roundTrips).toMatchObject({ min: 1, max: 3 });
  });

  test('turns CPU time into busy cores and time per operation', () => {
    const clover = groups.find((group) => group.system === 'clover')!;
    expect(clover.usefulNsPerOperation.median).toBeCloseTo(1500, 6);
    const cores = [...clover.cpu.values()].reduce((sum, cpu) => sum + cpu.useful.median, 0);
    expect(cores).toBeCloseTo(clover.usefulCores.median, 1);
  });

  test('does without a kind that a short run never drew', () => {
    const [first, ...others] = sampleResult({ systems: ['clover'], computeNodes: [1] }).runs;
    const { read } = first!.perOperation;
    const runs = [{ ...first!, perOperation: { read: read! } }, ...others];
    const [group] = summarize({ ...result, axes: [], runs });
    expect(group!.operations.get('update')!.count).toBe(20_000);
    expect(kindsOf([group!])).toEqual(['read', 'update']);
  });

  test('orders kinds as YCSB names them, and others behind', () => {
    expect(orderedKinds(['transfer', 'insert', 'read', 'audit'])).toEqual([
      'read',
      'insert',
      'transfer',
      'audit',
    ]);
  });
});
