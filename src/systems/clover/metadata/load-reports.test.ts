import { expect, test } from 'vitest';
import { u53 } from '../../../core/layout.ts';
import { newRequest, operations, requestHead } from '../messages.ts';
import { LoadReports } from './load-reports.ts';

function report(...bytes: number[]): Uint8Array {
  const request = newRequest(operations.report, 8 * bytes.length);
  for (const [d, moved] of bytes.entries()) {
    u53.at(0).set(request, requestHead.sizeBytes + 8 * d, moved);
  }
  return request;
}

test('loads are summed over compute nodes; a later report replaces only its own node', () => {
  const loads = new LoadReports(3);
  loads.accept(11, report(1000, 0, 5));
  loads.accept(12, report(0, 3000, 5));
  expect(loads.sums).toEqual([1000, 3000, 10]);
  loads.accept(11, report(200, 100, 0));
  expect(loads.sums).toEqual([200, 3100, 5]);
});

test('lighter memory nodes are given more buffers, heavier ones fewer, never none', () => {
  const loads = new LoadReports(3);
  expect(loads.scale(0, 16)).toBe(16);
  loads.accept(11, report(1000, 2000, 600_000));
  const [light, middle, heavy] = [0, 1, 2].map((bucket) => loads.scale(bucket, 16));
  expect([light, middle, heavy]).toEqual([32, 32, 5]);
  loads.accept(11, report(0, 1, 10 ** 9));
  expect([loads.scale(0, 16), loads.scale(2, 1)]).toEqual([32, 1]);
});
