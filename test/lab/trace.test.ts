import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runOne } from '../../src/lab/run.ts';
import { smallSpec } from '../support/specs.ts';

/** Twitter's columns: time, key, key bytes, value bytes, client, operation, time to live. */
const lines = [
  '0,alice,5,0,1,get,0',
  '0,bob,3,40,1,set,0',
  '1,bob,3,40,1,get,0',
  'this line does not parse',
  '1,carol,5,20,2,add,0',
  '2,carol,5,24,2,replace,0',
  '2,bob,3,0,1,delete,0',
  '3,bob,3,0,1,get,0',
];

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'farside-trace-'));
  const text = `${lines.join('\n')}\n`;
  writeFileSync(path.join(folder, 'small.csv'), text);
  writeFileSync(path.join(folder, 'small.csv.gz'), gzipSync(text));
});
afterAll(() => rmSync(folder, { recursive: true }));

const replayed = (name: string) =>
  smallSpec({
    workload: { file: path.join(folder, name), properties: {}, skipBadLines: 1, format: 'twitter' },
    phases: { warmupOperations: 0, operations: undefined },
  });

test.each(['small.csv', 'small.csv.gz'])('%s is replayed to its end', async (name) => {
  for (const fabric of ['sim', 'shared'] as const) {
    const { perOperation, operations, skippedLines } = await runOne({ ...replayed(name), fabric });
    expect({ operations, skippedLines }).toEqual({ operations: 7, skippedLines: 1 });
    const counts = Object.entries(perOperation).map(([kind, { count, notFound, failed }]) => [
      kind,
      { count, notFound, failed },
    ]);
    expect(Object.fromEntries(counts)).toEqual({
      // The last get asks for what was deleted before.
      read: { count: 3, notFound: 1, failed: 0 },
      insert: { count: 2, notFound: 0, failed: 0 },
      update: { count: 1, notFound: 0, failed: 0 },
      delete: { count: 1, notFound: 0, failed: 0 },
    });
  }
});

test('as recorded, operations begin when the trace says', async () => {
  const base = replayed('small.csv');
  const spec = { ...base, phases: { ...base.phases, arrivals: 'as-recorded' as const } };
  const { durationNs, perOperation } = await runOne(spec);
  // The last of seven operations comes in the fourth second.
  expect(durationNs).toBeGreaterThanOrEqual(3e9);
  expect(durationNs).toBeLessThan(4e9);
  expect(perOperation.read!.intendedLatencyNs!.count).toBe(3);
});

test('a trace without times is not replayed as recorded', async () => {
  const file = path.join(folder, 'untimed.csv');
  writeFileSync(file, 'key,op,size,op_count,key_size\nalice,GET,5,1,5\nbob,SET,5,2,3\n');
  const spec = smallSpec({
    workload: { file, properties: {}, format: 'meta' },
    phases: { warmupOperations: 0, operations: undefined, arrivals: 'as-recorded' },
  });
  await expect(runOne(spec)).rejects.toMatchObject({
    code: 'FARSIDE_USAGE',
    message: 'untimed.csv has no times; use poisson or constant',
  });
});

test('a bad line without leave for it is named', async () => {
  const spec = replayed('small.csv');
  const strict = { ...spec, workload: { ...spec.workload, skipBadLines: 0 } };
  await expect(runOne(strict)).rejects.toThrow(/small\.csv:4: /);
});

test('a trace that ends within the warm-up measures nothing, and says so', async () => {
  const spec = replayed('small.csv');
  const warm = { ...spec, phases: { ...spec.phases, warmupOperations: 100 } };
  await expect(runOne(warm)).rejects.toThrow(
    /nothing was measured, since the workload ended before its warm-up of 100 operations did/,
  );
});

describe('on threads, which part the lines by key', () => {
  // One key has three quarters of the lines: an even split would leave most of them out.
  const skewed = Array.from({ length: 400 }, (_, i) => {
    const key = i % 4 === 0 ? `key${i % 13}` : 'hot';
    return `${i},${key},5,20,1,${i % 2 === 0 ? 'get' : 'set'},0`;
  });
  const spec = (phases: { warmupOperations: number; operations: number }) => {
    const file = path.join(folder, 'skewed.csv');
    writeFileSync(file, `${skewed.join('\n')}\n`);
    return smallSpec({
      fabric: 'shared',
      cluster: { computeNodes: 2, clients: 2 },
      workload: { file, properties: {}, format: 'twitter' },
      phases,
    });
  };

  test('the whole trace is replayed, whoever has how much of it', async () => {
    const whole = await runOne(spec({ warmupOperations: 0, operations: 400 }));
    expect(whole.operations).toBe(400);
  });

  test('a count ends the replay at one line for all', async () => {
    const { perOperation, operations } = await runOne(
      spec({ warmupOperations: 0, operations: 200 }),
    );
    expect(operations).toBe(200);
    // Of the first 200 lines, half are gets.
    expect(perOperation.read?.count).toBe(100);
  });
});
