import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ExperimentResult } from '../result.ts';
import {
  axisLabel,
  fileName,
  pointLabel,
  pointName,
  seedList,
  seedsRun,
  systemLabel,
  uniqueNames,
} from './names.ts';

describe('names', () => {
  test('of a system by path are its file', () => {
    expect(systemLabel('clover')).toBe('clover');
    expect(systemLabel('./stores/mine.js')).toBe('mine');
    expect(systemLabel('C:\\stores\\mine.mjs')).toBe('mine');
  });

  test('of axes are words with their unit', () => {
    expect(axisLabel('cluster.computeNodes')).toBe('compute nodes');
    expect(axisLabel('workload.valueBytes')).toBe('value (bytes)');
    expect(axisLabel('phases.targetOpsPerS')).toBe('target (operations/s)');
    expect(axisLabel('clover.retireNs')).toBe('retire (ns)');
  });

  test('of points list every axis', () => {
    const point = { 'cluster.computeNodes': 8, 'workload.file': 'b' };
    expect(pointLabel(point)).toBe('compute nodes 8, workload b');
    expect(pointName('clover', point)).toBe('clover-computeNodes=8-workload=b');
    expect(pointLabel({})).toBe('');
  });

  test('of files hold nothing that a file system or a shell minds', () => {
    expect(fileName('../../etc/passwd')).toBe('etc-passwd');
    expect(fileName('a b/ü*?')).toBe('a-b-u');
    expect(fileName('***')).toBe('unnamed');
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(fileName(text)).toMatch(/^[A-Za-z0-9=_][A-Za-z0-9.=_-]{0,119}$/);
      }),
    );
  });

  test('of files never collide', () => {
    expect(uniqueNames(['a b', 'a/b', 'A-b', 'c'])).toEqual(['a-b', 'a-b-2', 'A-b-3', 'c']);
  });
});

test('seeds in a row are a range where they are many; those without a run are left out', () => {
  expect(seedList([1, 2, 3])).toBe('1, 2, 3');
  expect(seedList(Array.from({ length: 400 }, (_, i) => i + 3))).toBe('3 to 402');
  expect(seedList([...Array.from({ length: 11 }, (_, i) => i), 99])).toContain('9, 10, 99');
  const result = {
    seeds: [1, 2, 3],
    runs: [{ seed: 2 }, { seed: 1 }],
  } as unknown as ExperimentResult;
  expect(seedsRun(result)).toEqual([1, 2]);
});
