import { describe, expect, test } from 'vitest';
import { sampleResult } from '../../../test/support/results.ts';
import type { RunResult } from '../result.ts';
import { heading } from './heading.ts';

const sample = sampleResult({ computeNodes: [8], seeds: [1], samples: 100 });

function withRuns(change: (run: RunResult, index: number) => RunResult) {
  return { ...sample, runs: sample.runs.map(change) };
}

describe('what stands above the numbers', () => {
  test('says what for, on which workload, on which machine', () => {
    expect(heading(sample)).toEqual([
      'What each model makes of more compute nodes',
      'workloadb, YCSB: 95 % read, 5 % update; zipfian 0.99 over 100,000 records; values of 1,000 B',
      '8 compute nodes, 8 clients a compute node, 4 memory nodes, 1 copy of each entry',
      'fabric sim with connectx4-100g; durability assumed; seed 1',
    ]);
  });

  test('leaves to the columns what is swept', () => {
    const lines = heading(sampleResult({ samples: 100 }));
    expect(lines[2]).toBe('8 clients a compute node, 4 memory nodes, 1 copy of each entry');
  });

  test('of workloads that differ says the names only', () => {
    const lines = heading(
      withRuns((run, i) => ({
        ...run,
        workload: `trace${i % 2}`,
        workloadSummary: `summary ${i}`,
      })),
    );
    expect(lines[1]).toBe('trace0 / trace1');
  });

  test('of results without a summary, which older versions wrote, says the name', () => {
    expect(heading(withRuns((run) => ({ ...run, workloadSummary: undefined })))[1]).toBe(
      'workloadb',
    );
  });

  test('has spares, standbys and operations outstanding where there are some', () => {
    const more = { 'cluster.outstanding': 4, 'cluster.spares': 1, 'cluster.standbys': 2 };
    const [, , cluster] = heading(
      withRuns((run) => ({ ...run, parameters: { ...run.parameters, ...more } })),
    );
    expect(cluster).toContain('4 operations outstanding each');
    expect(cluster).toMatch(/1 spare, 2 standbys$/);
  });
});
