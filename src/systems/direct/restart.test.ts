import { expect, test } from 'vitest';
import { FaultBench } from '../../../test/support/direct-faults.ts';
import { expectClean } from '../../../test/support/direct-recovery.ts';
import type { Fault } from '../recovery.ts';

const all = [0, 1, 2, 3];
const spare = 3;
/** The others have recovered from the loss of a compute node by then: fencing takes most of it. */
const recoveredNs = 6_000_000;

/** Compute node 0 is lost and starts anew, and then another memory node takes a place. */
function run(seed: number, faultOf: (node: number) => Fault, replicas: number): FaultBench {
  const bench = new FaultBench({ seed, replicas, operations: 4, shape: { spares: 1 } });
  const loss = bench.lossOf(0);
  const node = seed % 3;
  const startNs = 4000 + (seed % 4) * 1500;
  bench.after(2000, () => bench.crash(0));
  // Of the loss the others hear before the new start or after it.
  bench.after(6000, () => bench.tell([1, 2, 3], loss));
  bench.after(startNs, () => bench.store.restart(0));
  const lostNs = recoveredNs + ((seed * 7919) % 30_000);
  bench.after(lostNs - 1000, () => {
    bench.start(0, (client) => bench.load.mixed(client, 500 + seed, 60));
    for (const i of [1, 2, 3])
      bench.start(i, (client) => bench.load.mixed(client, 90 * seed + i, 10));
  });
  const fault = faultOf(node);
  if (fault.kind === 'memoryLost') bench.after(lostNs, () => bench.crashMemory(node));
  bench.after(lostNs + 1000, () => bench.tell([1, 2, 3], fault));
  // Told last, it would be the one to write while others copy.
  bench.after(lostNs + 1000 + (seed % 5) * 100_000, () => bench.recover(0, fault));
  bench.clients();
  bench.sim.run();
  const sinceNs = bench.sim.nowNs;
  bench.finish(all);
  const where = `seed ${seed}`;
  expect([...bench.errors, ...bench.load.errors], where).toEqual([]);
  expect(bench.load.torn, where).toBe(0);
  if (fault.kind === 'memoryLost') {
    expect(bench.load.unexplainedSince(sinceNs), where).toBeUndefined();
  } else expect(bench.load.unexplained, where).toBeUndefined();
  expectClean(bench.audit([]), where);
  return bench;
}

test('a memory node is moved: a compute node that has started anew lets its writes end, too', () => {
  for (let seed = 1; seed <= 8; seed++) {
    run(seed, (node) => ({ kind: 'memoryMoved', node, to: spare }), 1 + (seed % 3));
  }
}, 60_000);

test('a memory node is lost: the same', () => {
  for (let seed = 1; seed <= 8; seed++) {
    run(seed, (node) => ({ kind: 'memoryLost', node, spare }), 2 + (seed % 2));
  }
}, 60_000);

test('one that has started anew does not wait for those that were lost before', () => {
  const bench = new FaultBench({ seed: 1, operations: 3, shape: { spares: 1 } });
  const [first, second] = [bench.lossOf(0), bench.lossOf(1)];
  bench.after(1000, () => bench.crash(1));
  bench.after(2000, () => bench.tell([0, 2, 3], second));
  bench.after(2_000_000, () => bench.crash(0));
  bench.after(2_001_000, () => bench.tell([2, 3], first));
  bench.after(4_000_000, () => {
    bench.store.restart(0);
    // Alone: it leads, and nobody has told it of node 1.
    for (const i of [2, 3]) bench.crash(i);
    bench.recover(0, { kind: 'memoryMoved', node: 1, to: spare });
    for (const i of [2, 3]) bench.recover(0, bench.lossOf(i));
  });
  bench.clients();
  bench.finish([0]);
  expect(bench.errors).toEqual([]);
  expect(bench.load.unexplained).toBeUndefined();
  expectClean(bench.audit([1, 2, 3]));
}, 60_000);

test('one that starts anew learns which memory node has taken a place, though nobody tells it', () => {
  const bench = new FaultBench({ seed: 3, operations: 0, shape: { spares: 1 } });
  const move: Fault = { kind: 'memoryMoved', node: 1, to: spare };
  bench.after(1000, () => bench.tell(all, move));
  bench.sim.run();
  const loss = bench.lossOf(0);
  bench.crash(0);
  bench.tell([1, 2, 3], loss);
  bench.sim.run();
  for (let i = 0; i < 5; i++) bench.start(1, (client) => bench.load.perform(client, 'put', i));
  bench.sim.run();
  bench.store.restart(0);
  bench.finish(all);
  expect([...bench.errors, ...bench.load.errors]).toEqual([]);
  expect(bench.node(0).geometry.holder(1)).toBe(spare);
  expect(bench.load.unexplained).toBeUndefined();
  expectClean(bench.audit([]));
});
