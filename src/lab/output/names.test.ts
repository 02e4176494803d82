import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { axisLabel, fileName, pointLabel, pointName, systemLabel, uniqueNames } from './names.ts';

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
