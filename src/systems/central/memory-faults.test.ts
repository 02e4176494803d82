import { describe, expect, test } from 'vitest';
import { benchKeys, CentralBench } from '../../../test/support/central-bench.ts';
import { expectKept } from '../../../test/support/central-kept.ts';
import { sleep } from '../../core/effect.ts';
import { type Key, keyOf } from '../../core/key.ts';
import type { System } from '../system.ts';
import { system as central } from './index.ts';

const system = central as System;
const keys = Array.from({ length: 12 }, (_, i) => keyOf(`key ${i}`));
const shape = { keysMax: 16, memoryNodes: 3, replicas: 2 };

/** Every key is there; then clients put, get, delete and insert for a while. */
function startWork(bench: CentralBench, rounds = 25): void {
  for (let node = 0; node < 2; node++) {
    for (let client = 0; client < 2; client++) {
      bench.client(node, function* (store) {
        const mine = keys.filter((_, i) => i % 4 === 2 * node + client);
        for (const key of mine) yield* store.insert(key);
        for (let round = 0; round < rounds; round++) {
          const key = mine[round % mine.length] as Key;
          yield* store.put(key);
          yield* store.get(key);
          yield* store.get(keys[(round * 7) % keys.length] as Key);
          if (round % 6 === 5) yield* store.delete(key);
          if (round % 6 === 5) yield* store.insert(key);
          yield* sleep(3000);
        }
      });
    }
  }
}

const durabilities = ['assumed', 'flush'] as const;

describe.each(durabilities)('a memory node crashes and comes back, %s', (durability) => {
  test.each([1, 2])('with %i of the copies elsewhere or none', (replicas) => {
    for (let seed = 1; seed <= 12; seed++) {
      const bench = new CentralBench(system, { seed, durability, shape: { ...shape, replicas } });
      startWork(bench);
      bench.later(40_000 + seed * 9000, () => bench.sim.crashMemory(seed % 3));
      bench.later(200_000 + seed * 9000, () => bench.sim.restartMemory(seed % 3));
      bench.later(230_000 + seed * 9000, () =>
        bench.tell(bench.server, bench.coordinator, {
          kind: 'memoryRestarted',
          node: seed % 3,
          start: 1,
        }),
      );
      bench.run();
      expectKept(bench, keys, `seed ${seed}`);
      expect(bench.errors).toEqual([]);
      expect(bench.server.statistics.events.nodesDown).toBeGreaterThan(0);
      expect(bench.server.statistics.events.buffersOwed).toBe(0);
    }
  });
});

test('handlers that were idle while a memory node started anew do not write to its former start', () => {
  const bench = new CentralBench(system, { shape });
  bench.client(0, function* (store) {
    for (const key of keys) yield* store.insert(key);
    yield* sleep(1_000_000);
    for (const key of keys) yield* store.put(key);
    for (const key of keys) yield* store.delete(key);
    for (const key of keys) yield* store.insert(key);
  });
  bench.later(500_000, () => bench.sim.crashMemory(1));
  bench.later(600_000, () => bench.sim.restartMemory(1));
  bench.later(700_000, () =>
    bench.tell(bench.server, bench.coordinator, { kind: 'memoryRestarted', node: 1, start: 1 }),
  );
  bench.run();
  expectKept(bench, keys, 'idle');
  expect(bench.errors).toEqual([]);
  expect(bench.server.statistics.events).toMatchObject({ nodesDown: 0, buffersOwed: 0 });
});

test('dram that comes back empty is filled again from the other copies', () => {
  const bench = new CentralBench(system, { shape: { ...shape, medium: 'dram' } });
  startWork(bench);
  bench.later(60_000, () => bench.sim.crashMemory(1));
  bench.later(100_000, () => bench.sim.restartMemory(1));
  bench.later(110_000, () =>
    bench.tell(bench.server, bench.coordinator, { kind: 'memoryRestarted', node: 1, start: 1 }),
  );
  bench.run();
  expectKept(bench, keys, 'dram');
  expect(bench.reports.at(-1)?.bytesMoved).toBeGreaterThan(0);
});

test.each([2, 3])(
  'R - 1 memory nodes are lost for good, of %i copies; nothing else is',
  (replicas) => {
    let entriesRepaired = 0;
    for (let seed = 1; seed <= 8; seed++) {
      const bench = new CentralBench(system, {
        seed,
        shape: { ...shape, memoryNodes: 4, spares: replicas - 1, replicas },
      });
      startWork(bench);
      for (let lost = 0; lost < replicas - 1; lost++) {
        const node = (seed + lost) % 4;
        const atNs = 40_000 + seed * 9000 + lost * 60_000;
        bench.later(atNs, () => bench.sim.crashMemory(node));
        bench.later(atNs + 30_000, () => {
          const fault = { kind: 'memoryLost', node, spare: 4 + lost } as const;
          bench.tell(bench.server, bench.coordinator, fault);
          if (seed % 2 === 0) bench.tell(bench.server, bench.coordinator, fault);
        });
      }
      bench.run();
      expectKept(bench, keys, `seed ${seed}`);
      expect(bench.errors).toEqual([]);
      for (const report of bench.reports) entriesRepaired += report.entriesRepaired;
    }
    expect(entriesRepaired).toBeGreaterThan(10);
  },
);

test('a memory node is moved to a spare while clients run, and back', () => {
  for (let seed = 1; seed <= 8; seed++) {
    const bench = new CentralBench(system, { seed, shape });
    startWork(bench, 60);
    const fault = (node: number, to: number) => ({ kind: 'memoryMoved', node, to }) as const;
    bench.later(40_000 + seed * 9000, () =>
      bench.tell(bench.server, bench.coordinator, fault(1, 3)),
    );
    bench.later(250_000 + seed * 9000, () =>
      bench.tell(bench.server, bench.coordinator, fault(3, 1)),
    );
    bench.run();
    expectKept(bench, keys, `seed ${seed}`);
    expect(bench.errors).toEqual([]);
    const moved = bench.reports.map((report) => report.bytesMoved);
    expect(moved).toHaveLength(2);
    expect(Math.min(...moved)).toBeGreaterThan(0);
    expect(bench.audit().entries).toHaveLength(keys.length);
  }
});

test('the coordinator stops at any verb of a move or of a replacement; its standby ends it', () => {
  for (const how of ['memoryMoved', 'memoryLost'] as const) {
    for (let verb = 1; verb <= 60; verb += 2) {
      const bench = new CentralBench(system, { seed: verb, shape });
      startWork(bench);
      const fault =
        how === 'memoryMoved'
          ? ({ kind: how, node: 1, to: 3 } as const)
          : ({ kind: how, node: 1, spare: 3 } as const);
      bench.later(80_000, () => {
        if (how === 'memoryLost') bench.sim.crashMemory(1);
        bench.tell(bench.server, bench.coordinator, fault);
        bench.atVerb(bench.coordinator, bench.verbsOf(bench.coordinator) + verb, () => {
          const lost = bench.lost(bench.coordinator);
          bench.sim.crashCompute(bench.coordinator);
          bench.later(20_000, () => {
            const server = bench.takeOver(bench.standby(), lost);
            bench.tell(server, bench.standby(), fault);
          });
        });
      });
      bench.run();
      expectKept(bench, keys, `${how}, verb ${verb}`);
    }
  }
});

test('a compute node stops at any verb of its calls: no lock, buffer or credit stays behind', () => {
  for (let verb = 1; verb <= 40; verb++) {
    const bench = new CentralBench(system, { seed: verb, shape: { ...shape, computeNodes: 3 } });
    const [key] = benchKeys as [Key];
    bench.client(0, function* (store) {
      yield* store.insert(key);
      for (let i = 0; i < 60; i++) yield* store.put(key);
    });
    bench.client(2, function* (store) {
      for (let i = 0; ; i++) yield* i % 3 === 0 ? store.get(key) : store.put(key);
    });
    const node = bench.compute(2);
    bench.atVerb(node, verb, () => {
      const fault = {
        kind: 'computeLost',
        node,
        incarnation: bench.sim.incarnation(node),
      } as const;
      bench.sim.crashCompute(node);
      bench.later(10_000, () => bench.tell(bench.server, bench.coordinator, fault));
    });
    bench.run();
    expectKept(bench, [key], `client stops at ${verb}`);
    expect(bench.errors).toEqual([]);
  }
});
