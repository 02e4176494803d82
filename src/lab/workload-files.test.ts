import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { WorkloadSpec } from './spec.ts';
import { openWorkload } from './workload-files.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'farside-workloads-'));

function file(name: string, content: string | Uint8Array): string {
  const full = path.join(folder, name);
  writeFileSync(full, content);
  return full;
}

function spec(name: string, changes: Partial<WorkloadSpec> = {}): WorkloadSpec {
  const plain = { format: 'auto', properties: {}, skipBadLines: 0, dataIntegrity: false } as const;
  return { file: name, ...plain, ...changes };
}

describe('YCSB property files', () => {
  test.each([
    ['a', 'YCSB: 50 % read, 50 % update; zipfian (exact, θ = 0.99) over 1000 records'],
    ['b', 'YCSB: 95 % read, 5 % update; zipfian (exact, θ = 0.99) over 1000 records'],
    ['c', 'YCSB: 100 % read; zipfian (exact, θ = 0.99) over 1000 records'],
    ['d', 'YCSB: 95 % read, 5 % insert; latest (exact zipfian by age, θ = 0.99) over 1000 records'],
    ['e', 'YCSB: 5 % insert, 95 % scan; zipfian (exact, θ = 0.99) over 1000 records'],
    ['f', 'YCSB: 50 % read, 50 % readmodifywrite; zipfian (exact, θ = 0.99) over 1000 records'],
  ])('%s is the shipped one', (name, summary) => {
    const workload = openWorkload(spec(name));
    expect(workload.summary).toBe(`${summary}; values of 1000 B`);
    expect(workload.warnings).toEqual([]);
    expect(openWorkload(spec(`workload${name}`)).summary).toBe(workload.summary);
  });

  test('the command line wins over the file', () => {
    const properties = {
      recordcount: '77',
      requestdistribution: 'ycsb-scrambled',
      valuebytes: '64',
    };
    const workload = openWorkload(spec('a', { properties }));
    expect(workload.recordCount).toBe(77);
    expect(workload.summary).toMatch(/ycsb-scrambled .* over 77 records; values of 64 B/);
  });

  test('a wrong value names its line', () => {
    const name = file('bad', '# mine\nrecordcount = 5\nreadproportion=lots\n');
    expect(() => openWorkload(spec(name))).toThrow(
      `${name}:3: readproportion = "lots": expected a number of at least 0`,
    );
    const properties = { readproportion: 'none' };
    expect(() => openWorkload(spec(name, { properties }))).toThrow(/^-p: readproportion = "none"/);
  });

  test('an unknown name gets the nearest one', () => {
    expect(() => openWorkload(spec('worklodb'))).toThrow(/worklodb: .*; did you mean workloadb\?/);
  });
});
