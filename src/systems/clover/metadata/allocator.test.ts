import { beforeEach, expect, test } from 'vitest';
import { smallShape } from '../../../../test/support/in-thread.ts';
import { assembleCluster } from '../../assemble.ts';
import { system } from '../index.ts';
import { CloverLayout } from '../layout.ts';
import { handleOf, type Reference, reference, versionOf } from '../pointer.ts';
import { classBytes } from '../pools.ts';
import { Allocator, epochsToWait, versionMax } from './allocator.ts';

const shape = { ...smallShape, keysMax: 10, memoryBytes: 1_500_000 };
const config = system.configure({}, shape);
const layout = new CloverLayout(assembleCluster(system, shape, config), shape, config);
const delayNs = 100;
const lessee = 7;
const everything = 1_000_000;
let allocator: Allocator;
let pool: number;

beforeEach(() => {
  allocator = new Allocator(layout, 0, delayNs);
  pool = layout.plan.buffers[0] as number;
});

test('a retired buffer comes back at the next version, after the delay and not before', () => {
  const taken = allocator.take(1, 0, everything, 0, lessee);
  expect(taken).toHaveLength(pool);
  expect(allocator.usedBytes).toBe(pool * 128);
  const target = taken[3] as Reference;
  expect(versionOf(target)).toBe(1);
  allocator.retire(target, 50);
  expect(allocator.take(1, 0, 1, 149, lessee)).toEqual([]);
  expect(allocator.take(0, 0, 0, 150, lessee)).toEqual([]);
  expect(allocator.take(1, 0, 5, 150, lessee)).toEqual([reference(handleOf(target), 2)]);
});

test('what came back is handed out before what was never used, oldest first', () => {
  const [a, b] = allocator.take(0, 0, 2, 0, lessee) as [Reference, Reference];
  allocator.retire(b, 0);
  allocator.retire(a, 0);
  const [first, second, third] = allocator.take(0, 0, 3, delayNs, lessee) as Reference[];
  expect([first, second]).toEqual([b + 1, a + 1]);
  expect(versionOf(third as Reference)).toBe(1);
});

test('whoever asks gets every free buffer of a pool: there is one list, not one per handler', () => {
  let count = 0;
  for (let i = 0; i < 2 * pool; i++) count += allocator.take(0, 0, 1, 0, lessee).length;
  expect(count).toBe(pool);
});

test('at its last version a buffer waits for three epochs and starts again at 1', () => {
  const [, ...others] = allocator.take(0, 0, everything, 0, lessee);
  const worn = reference(handleOf(others[0] as Reference), versionMax);
  allocator.enter(7);
  allocator.retire(worn, 0);
  expect(allocator.take(0, 0, 1, delayNs, lessee)).toEqual([]);
  expect(allocator.overflowing).toBe(1);
  for (let epoch = 8; epoch < 7 + epochsToWait; epoch++) {
    allocator.enter(epoch);
    expect(allocator.take(0, 0, 1, delayNs, lessee)).toEqual([]);
  }
  allocator.enter(7 + epochsToWait);
  expect(allocator.take(0, 0, 1, delayNs, lessee)).toEqual([reference(handleOf(worn), 1)]);
});

test('a buffer passes through all versions and none beyond', () => {
  const [target] = allocator.take(0, 3, 1, 0, lessee) as [Reference];
  const seen: number[] = [];
  let now = 0;
  for (let current = target; ; ) {
    seen.push(versionOf(current));
    allocator.retire(current, now);
    now += delayNs;
    allocator.settle(now);
    if (allocator.overflowing > 0) break;
    [current] = allocator.take(0, 3, 1, now, lessee) as [Reference];
    expect(handleOf(current)).toBe(handleOf(target));
  }
  expect(seen).toEqual(Array.from({ length: versionMax }, (_, i) => i + 1));
});

test('a buffer that a verb in doubt names starts no new round of versions until the verb is none', () => {
  const named = new Set<number>();
  allocator = new Allocator(layout, 0, delayNs, (target) => named.has(handleOf(target)));
  const [, ...others] = allocator.take(0, 0, everything, 0, lessee);
  const worn = reference(handleOf(others[0] as Reference), versionMax);
  allocator.retire(worn, 0);
  allocator.settle(delayNs);
  named.add(handleOf(worn));
  for (let epoch = 1; epoch <= 3 * epochsToWait; epoch++) allocator.enter(epoch);
  expect(allocator.take(0, 0, 1, delayNs, lessee)).toEqual([]);
  expect([...allocator.unused()]).toContain(worn);
  // No epoch passes for its sake.
  expect(allocator.overflowing).toBe(0);
  named.clear();
  for (let epoch = 1; epoch <= epochsToWait; epoch++) allocator.enter(3 * epochsToWait + epoch);
  expect(allocator.take(0, 0, 1, delayNs, lessee)).toEqual([reference(handleOf(worn), 1)]);
});

test('nor when a rebuild lets all others start anew', () => {
  const target = reference(layout.handle(0, 0, 0), 1);
  allocator = new Allocator(layout, 0, delayNs, (other) => handleOf(other) === handleOf(target));
  const last = reference(layout.handle(0, 0, 2), 7);
  expect(allocator.adopt([last], 0)).toBe(2);
  expect(allocator.take(0, 0, 1, 0, lessee)).toEqual([reference(handleOf(target) + 1, 1)]);
  expect([...allocator.unused()]).toContain(target);
});

test('nor when it lies behind all that are in use, among those never used', () => {
  const named = new Set([layout.handle(0, 0, 5)]);
  allocator = new Allocator(layout, 0, delayNs, (target) => named.has(handleOf(target)));
  allocator.adopt([reference(layout.handle(0, 0, 2), 7)], 0);
  const usedBytes = allocator.usedBytes;
  const taken = allocator.take(0, 0, everything, 0, lessee);
  expect(taken).not.toContain(reference(layout.handle(0, 0, 5), 1));
  named.clear();
  allocator.enter(1);
  expect(allocator.take(0, 0, 1, 0, lessee)).toEqual([reference(layout.handle(0, 0, 5), 1)]);
  expect(allocator.usedBytes).toBe(usedBytes + taken.length * classBytes(0));
});
