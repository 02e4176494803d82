import { describe, expect, test } from 'vitest';
import { sampleResult } from '../../../test/support/results.ts';
import type { ExperimentResult, FaultResult } from '../result.ts';
import { faultTable } from './fault-rows.ts';

const fault: FaultResult = {
  text: 'lose mn1 at 6ms',
  atNs: 6e6,
  timeToRecoverNs: 2e6,
  timeToServeNs: 3e6,
  operationsFailed: 4,
  operationsUnknown: 2,
  clientsNeverServed: 0,
  recoveries: 2,
  recoveryRetries: 0,
  locksBroken: 1,
  entriesRepaired: 10,
  buffersReclaimed: 0,
  bytesMoved: 1024,
  recoveryVerbs: 9,
  recoveryBytesOut: 1024,
  recoveryBytesIn: 0,
};

/** One system, and what the fault did with each seed. */
function withFaults(changes: readonly Partial<FaultResult>[]): ExperimentResult {
  const seeds = changes.map((_, i) => i + 1);
  const result = sampleResult({ systems: ['clover'], computeNodes: [8], seeds, samples: 50 });
  const runs = result.runs.map((run, i) => ({
    ...run,
    faults: {
      faults: [{ ...fault, ...changes[i] }],
      operationsFailed: 0,
      operationsUnknown: 0,
      programsEnded: 0,
      served: { fromNs: 0, intervalNs: 1e6, operations: [] },
    },
  }));
  return { ...result, runs };
}

describe('the table of faults', () => {
  test('of one seed has what the fault did', () => {
    const { heads, rows } = faultTable(withFaults([{}]));
    expect(heads).toContain('seed');
    expect(rows).toEqual([
      // biome-ignore format: one row
      ['clover', '1', 'lose mn1 at 6ms', '6.00 ms', '2.00 ms', '3.00 ms', '4', '2', '1 lock, 10 entries',
        '1.00 KiB'],
    ]);
  });

  test('of several seeds has medians, and the interval of the time to recover', () => {
    const { heads, rows } = faultTable(
      withFaults([
        { timeToRecoverNs: 2e6, operationsFailed: 9 },
        { timeToRecoverNs: 3e6, operationsFailed: 1, locksBroken: 0 },
        { timeToRecoverNs: 9e6, operationsFailed: 3, locksBroken: 0, timeToServeNs: undefined },
      ]),
    );
    expect(heads).not.toContain('seed');
    expect(rows).toEqual([
      // biome-ignore format: one row
      ['clover', 'lose mn1 at 6ms', '6.00 ms', '3.00 ms', '2.00–9.00 ms', '3.00 ms', '3', '2', '10 entries',
        '1.00 KiB'],
    ]);
  });

  test('says in how many seeds clients were never served again, and in how many it happened', () => {
    const notDue = { atNs: undefined, timeToRecoverNs: undefined, timeToServeNs: undefined };
    const { heads, rows } = faultTable(withFaults([{ clientsNeverServed: 2 }, {}, notDue]));
    expect(rows[0]?.[heads.indexOf('at')]).toBe('6.00 ms (2 of 3 seeds)');
    expect(rows[0]?.[heads.indexOf('served again\nafter')]).toBe('never (1 of 2 seeds)');
    const never = faultTable(withFaults([notDue, notDue]));
    expect(never.rows[0]?.[never.heads.indexOf('at')]).toBe('did not happen');
    expect(never.rows[0]).toHaveLength(never.heads.length);
  });
});
