import { describe, expect, test } from 'vitest';
import { sampleResult } from '../../../test/support/results.ts';
import type { ExperimentResult, RunResult } from '../result.ts';
import { colorWanted, renderTable } from './table.ts';

const sweep = sampleResult({ samples: 100 });
const open = sampleResult({ samples: 100, openLoop: true });
const single = sampleResult({ computeNodes: [8], seeds: [1], samples: 100 });

const plain = { columns: 100, color: false };

function rowOf(text: string, block: string, system: string): string {
  const lines = text.split('\n');
  const from = lines.indexOf(block);
  const row = lines.slice(from).find((line) => line.trimStart().startsWith(system));
  expect(row, `${system} under ${block}`).toBeDefined();
  return row as string;
}

function withRuns(result: ExperimentResult, change: (run: RunResult) => RunResult) {
  return { ...result, runs: result.runs.map(change) };
}

describe('the terminal table', () => {
  test('fits 100 columns with a sweep and in open loop', () => {
    for (const result of [sweep, open, single]) {
      const widths = renderTable(result, plain)
        .split('\n')
        .map((line) => line.length);
      expect(Math.max(...widths)).toBeLessThanOrEqual(100);
    }
  });

  test('has a block for throughput, one for each operation kind, one for resources', () => {
    const lines = renderTable(sweep, plain).split('\n');
    for (const title of ['throughput and cost', 'read', 'update', 'CPU and memory']) {
      expect(lines).toContain(title);
    }
  });

  test('says in which durability runs were, and by what, where that is not what was asked for', () => {
    const said = (change: Partial<RunResult>): string | undefined =>
      renderTable(
        withRuns(single, (run) => ({ ...run, ...change })),
        plain,
      )
        .split('\n')
        .find((line) => line.startsWith('fabric '));
    expect(said({})).toContain('; durability assumed;');
    expect(said({ durability: 'flush', flushedBy: 'FLUSH' })).toContain('; durability flush;');
    expect(said({ durability: 'flush', flushedBy: 'READ' })).toContain(' flush by READ;');
    expect(said({ durabilityBecause: 'device rxe0 has no FLUSH' })).toContain(
      '; durability assumed, not flush (device rxe0 has no FLUSH);',
    );
  });

  test('shows the median of the seeds with units', () => {
    const base = sampleResult({ systems: ['direct'], computeNodes: [8] });
    const [first, second, third] = base.runs as [RunResult, RunResult, RunResult];
    const text = renderTable(
      {
        ...base,
        runs: [
          { ...first, throughputOpsPerS: 6_000_000 },
          { ...second, throughputOpsPerS: 8_000_000 },
          { ...third, throughputOpsPerS: 6_120_000 },
        ],
      },
      plain,
    );
    const row = rowOf(text, 'throughput and cost', 'direct');
    expect(row).toContain('6.12 M');
    expect(row).toContain('6.00–8.00 M');
    expect(row).toContain('$46,548');
  });

  test('has no interval where there is one seed', () => {
    const text = renderTable(single, plain);
    expect(text).not.toContain('interval');
    expect(text).toContain('seed 1');
  });

  test('shows intended latencies in open loop only', () => {
    expect(renderTable(open, plain)).toContain('intended');
    expect(renderTable(sweep, plain)).not.toContain('intended');
  });

  test('names the point on a line of its own where columns would be too wide', () => {
    const result = sweep;
    const axes = ['valueBytes', 'zipfian', 'replicas', 'outstandingOperations'].map((name) => ({
      path: `workload.${name}`,
      values: [1, 2],
    }));
    const point = Object.fromEntries(axes.map((axis) => [axis.path, 1024]));
    const wide = withRuns({ ...result, axes: [...result.axes, ...axes] }, (run) => ({
      ...run,
      point: { ...run.point, ...point },
    }));
    const lines = renderTable(wide, plain).split('\n');
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100);
    expect(lines.some((line) => line.startsWith('compute nodes 8, value (bytes) 1024'))).toBe(true);
  });

  test('says what went wrong', () => {
    const result = withRuns(single, (run) => ({
      ...run,
      skippedLines: 3,
      perOperation: { read: { ...run.perOperation.read!, failed: 2, corrupt: 1 } },
    }));
    const text = renderTable({ ...result, partial: true }, plain);
    expect(text).toContain('partial: interrupted after 3 runs');
    expect(text).toContain('clover, read: 2 failed, 1 read a value that its key cannot have, of');
    expect(text).toContain('direct: skipped 3 bad trace lines');
  });

  test('names the runs that failed, those that failed alike in one line', () => {
    const failed = { system: 'clover', fabric: 'sim', point: { 'cluster.computeNodes': 8 } };
    const failures = [1, 2, 3].map((seed) => ({
      ...failed,
      seed,
      code: 'FARSIDE_CAPACITY',
      message: 'the heap is full',
    }));
    const text = renderTable({ ...single, failures }, plain);
    expect(text.split('\n')).toContain(
      'failed: clover, compute nodes 8, seed 1: the heap is full (and 2 more runs of clover)',
    );
  });

  test('survives a result without runs', () => {
    const text = renderTable({ ...sweep, runs: [], partial: true }, plain);
    expect(text).toContain('no run finished');
  });

  test('has escape sequences where asked for, and nowhere else', () => {
    const result = single;
    expect(renderTable(result, plain)).not.toContain('\u001b');
    expect(renderTable(result, { columns: 100, color: true })).toContain('\u001b[1m');
    expect(colorWanted({})).toBe(false);
  });
});
