import { describe, expect, test } from 'vitest';
import { FaultBench } from '../../../test/support/direct-faults.ts';
import { expectClean } from '../../../test/support/direct-recovery.ts';
import { InThreadStore } from '../../../test/support/in-thread.ts';
import { once, patterned } from '../../../test/support/values.ts';
import { type Key, keyOf } from '../../core/key.ts';
import { loadWord } from '../../core/word.ts';
import type { Fault } from '../recovery.ts';
import { sourceWord, unpackDecision } from './control-words.ts';
import { direct } from './index.ts';
import type { DirectNode } from './node.ts';

const all = [0, 1, 2, 3];
const spare = 3;

interface Scenario {
  readonly fault: (node: number) => Fault;
  readonly medium?: 'pm' | 'dram';
  readonly crashes: boolean;
  readonly restarts: boolean;
  readonly replicas: readonly number[];
}

const scenarios: Record<string, Scenario> = {
  'starts anew with what its pm kept': {
    fault: (node) => ({ kind: 'memoryRestarted', node, start: 1 }),
    crashes: true,
    restarts: true,
    replicas: [1, 2, 3],
  },
  'starts anew and its dram has lost all': {
    fault: (node) => ({ kind: 'memoryRestarted', node, start: 1 }),
    medium: 'dram',
    crashes: true,
    restarts: true,
    replicas: [2, 3],
  },
  'is lost, and a spare takes its place': {
    fault: (node) => ({ kind: 'memoryLost', node, spare }),
    crashes: true,
    restarts: false,
    replicas: [2, 3],
  },
  'is moved to another, on purpose': {
    fault: (node) => ({ kind: 'memoryMoved', node, to: spare }),
    crashes: false,
    restarts: false,
    replicas: [1, 2, 3],
  },
};

/** Runs one seed of a scenario; with `withCompute`, a compute node is lost at about the same time. */
function run(scenario: Scenario, seed: number, withCompute: boolean): FaultBench {
  const { replicas, fault, medium = 'pm', crashes, restarts } = scenario;
  const bench = new FaultBench({
    seed,
    durability: seed % 2 === 0 ? 'flush' : 'assumed',
    replicas: replicas[seed % replicas.length] as number,
    operations: 3,
    shape: { spares: 1, medium },
  });
  const node = seed % 3;
  const left = withCompute ? all.slice(1) : all;
  const atNs = 500 + ((seed * 7919) % 15_000);
  if (crashes) bench.after(atNs, () => bench.crashMemory(node));
  if (withCompute) bench.after(atNs + (seed % 7) * 300, () => bench.crash(0));
  bench.after(atNs + 2000, () => {
    if (restarts) bench.restartMemory(node);
    for (const i of left) bench.recover(i, fault(node));
  });
  if (withCompute) {
    bench.after(atNs + 5000, () => bench.tell(left, bench.lossOf(0)));
  }
  bench.after(atNs + 2000 + (seed % 5) * 1000, () => {
    for (const i of left) {
      bench.start(i, (client) => bench.load.mixed(client, 1000 + seed * 10 + i, 2));
    }
  });
  bench.clients();
  bench.sim.run();
  const where = `seed ${seed}`;
  const sinceNs = bench.sim.nowNs;
  bench.finish(left);
  // Told of the loss of a compute node while a memory node does not answer, recovery says so.
  const errors = bench.errors.filter((text) => !withCompute || !/unknown|failed/.test(text));
  expect([...errors, ...bench.load.errors], where).toEqual([]);
  expect(bench.load.torn, where).toBe(0);
  expect(bench.load.unexplainedSince(sinceNs), where).toBeUndefined();
  expectClean(bench.audit(withCompute ? [0] : []), where);
  return bench;
}

describe.each(Object.entries(scenarios))('a memory node %s', (_, scenario) => {
  test('all that was acknowledged is there, copies are level, no space is lost', () => {
    const failed = Array.from(
      { length: 24 },
      (_, i) => run(scenario, i + 1, false).load.failed.length,
    );
    const sum = failed.reduce((total, n) => total + n, 0);
    if (scenario.crashes) expect(sum).toBeGreaterThan(10);
    else expect(sum).toBe(0);
  }, 60_000);

  test('the same where a compute node is lost as well', () => {
    for (let seed = 101; seed <= 116; seed++) run(scenario, seed, true);
  }, 60_000);
});

test('one that leads a move and is lost is followed by another', () => {
  let followed = 0;
  for (let seed = 1; seed <= 12; seed++) {
    const bench = new FaultBench({ seed, operations: 3, shape: { spares: 1 } });
    const fault = { kind: 'memoryMoved', node: 1, to: spare } as const;
    const crashNs = 3000 + seed * 17_000;
    bench.after(2000, () => bench.tell(all, fault));
    bench.after(crashNs, () => bench.crash(0));
    bench.after(crashNs + 2000, () => bench.tell(all.slice(1), bench.lossOf(0)));
    bench.clients();
    bench.finish();
    expect([...bench.errors, ...bench.load.errors], `seed ${seed}`).toEqual([]);
    expect(bench.load.unexplained, `seed ${seed}`).toBeUndefined();
    expectClean(bench.audit([0]), `seed ${seed}`);
    const moved = bench.reports.filter(({ bytesMoved }) => bytesMoved > 100_000);
    if (moved.length > 0) followed++;
  }
  expect(followed).toBeGreaterThan(3);
}, 60_000);

/**
 * Memory node 1 is moved to 3, which is lost so long after; each node hears of that at another time. With
 * `next`, that one is named to take the place.
 */
function loseNewNode(seed: number, afterNs: number, next?: number): FaultBench {
  const bench = new FaultBench({
    ...{ seed, operations: 12, shape: { spares: 2 } },
    durability: seed % 2 === 0 ? 'flush' : 'assumed',
    // One copy: what the old node holds is all there is.
    replicas: 1 + (seed % 2),
  });
  bench.after(2000, () => bench.tell(all, { kind: 'memoryMoved', node: 1, to: spare }));
  bench.after(2000 + afterNs, () => bench.crashMemory(spare));
  for (const i of all) {
    const told = afterNs + 3000 + ((seed * (i + 1) * 7919) % 20_000);
    bench.after(told, () => bench.recover(i, { kind: 'memoryLost', node: spare, spare: next }));
  }
  bench.clients();
  bench.sim.run();
  return bench;
}

/** Whether that was too late: nodes went on with the new one before it was lost. */
function isFinal(bench: FaultBench): boolean {
  const bytes = new Uint8Array(8);
  bench.sim.inspect(bench.node(0).geometry.control(1, sourceWord), bytes);
  const decision = unpackDecision(loadWord(bytes, 0));
  return decision?.to === spare && decision.leaves;
}

describe('the new node of a move is lost before its end', () => {
  test('without a spare, all turn back to the old one, which holds everything', () => {
    let turnedBack = 0;
    let left = 0;
    for (let seed = 1; seed <= 45; seed++) {
      const bench = loseNewNode(seed, seed * 3000);
      const where = `seed ${seed}`;
      const holders = all.map((i) => bench.node(i).geometry.holder(1));
      const holder = isFinal(bench) ? spare : 1;
      expect(holders, where).toEqual(all.map(() => holder));
      if (holder === spare) {
        left++;
        continue;
      }
      turnedBack++;
      bench.finish();
      expect([...bench.errors, ...bench.load.errors], where).toEqual([]);
      expect(bench.load.unexplained, where).toBeUndefined();
      expectClean(bench.audit([]), where);
    }
    expect(turnedBack).toBeGreaterThan(20);
    expect(left).toBeGreaterThan(5);
  }, 120_000);

  test('a spare takes the place from what the old one holds', () => {
    let turnedBack = 0;
    for (let seed = 1; seed <= 40; seed++) {
      const bench = loseNewNode(seed, seed * 3000, spare + 1);
      // The lost one had the only copy.
      if (isFinal(bench) && seed % 2 === 0) continue;
      if (!isFinal(bench)) turnedBack++;
      const where = `seed ${seed}`;
      const holders = all.map((i) => bench.node(i).geometry.holder(1));
      expect(holders, where).toEqual(all.map(() => spare + 1));
      bench.finish();
      expect([...bench.errors, ...bench.load.errors], where).toEqual([]);
      expect(bench.load.unexplained, where).toBeUndefined();
      expectClean(bench.audit([]), where);
    }
    expect(turnedBack).toBeGreaterThan(20);
  }, 60_000);
});

test('without a spare, gets of what is cached go on from the copies, and the audit finds every entry', () => {
  const bench = new FaultBench({ seed: 1, replicas: 2 });
  const place = bench.node(1).geometry.primaryOf(bench.load.keys[0] as Key);
  bench.crashMemory(place);
  bench.tell(all, { kind: 'memoryLost', node: place, spare: undefined });
  bench.start(1, (client) => bench.load.perform(client, 'get', 0));
  bench.sim.run();
  expect(bench.load.histories[0]?.at(-1)?.value).toBe(1);
  expect(bench.reports).toHaveLength(4);
  const audit = bench.audit([]);
  expectClean(audit);
  const keys = audit.entries.map(({ key }) => key).sort();
  expect(keys).toEqual(['key 0', 'key 2', 'key 4']);
});

test('a node that has not been told holds a move up, and the error names it', () => {
  const store = new InThreadStore(
    direct,
    { memoryNodes: 2, spares: 1, computeNodes: 2 },
    { lockRetriesMax: 50 },
  );
  once(store, (client) => client.insert(keyOf('here'), patterned(100, 1)));
  const [node, other] = store.systemNodes as [DirectNode, DirectNode];
  const move = () => once(store, () => node.recover({ kind: 'memoryMoved', node: 0, to: 2 }));
  expect(move).toThrow(`nodes ${other.context.node} have not drained`);
});

test('a move stops writes for a while and no get, and nothing changes its cost after it', () => {
  const bench = new FaultBench({ seed: 1, replicas: 2, shape: { spares: 1 } });
  const waits: Record<'get' | 'put', number> = { get: 0, put: 0 };
  const trips: Record<'get' | 'put', number> = { get: 0, put: 0 };
  const node = bench.node(1);
  const place = node.geometry.primaryOf(bench.load.keys[0] as Key);
  bench.after(5000, () => {
    for (const i of all) bench.recover(i, { kind: 'memoryMoved', node: place, to: spare });
  });
  for (const kind of ['get', 'put'] as const) {
    bench.start(1, function* (client) {
      for (let i = 0; i < 200; i++) {
        const startNs = bench.sim.nowNs;
        node.context.counters.reset(1);
        const key = bench.load.keys[0] as Key;
        if (kind === 'get') yield* client.get(key, new Uint8Array(4096));
        else yield* client.put(key, patterned(60, i));
        waits[kind] = Math.max(waits[kind], bench.sim.nowNs - startNs);
        trips[kind] = node.context.counters.roundTrips;
      }
    });
  }
  bench.sim.run();
  expect(bench.reports).toHaveLength(4);
  expect(trips).toEqual({ get: 1, put: 4 });
  // Gets are slowed by the copying, and wait for nobody; writes wait for all of it.
  expect(waits.get).toBeLessThan(60_000);
  expect(waits.put).toBeGreaterThan(2 * waits.get);
});
