import { describe, expect, test } from 'vitest';
import { type BenchOptions, benchKeys, CentralBench } from '../../../test/support/central-bench.ts';
import { isLinearizable } from '../../../test/support/linearizable.ts';
import type { System } from '../system.ts';
import { system as central } from './index.ts';

const system = central as System;
const [x, yy] = benchKeys as [(typeof benchKeys)[number], (typeof benchKeys)[number]];

/** Four clients on two nodes, all operations, one key mostly. */
function startClients(bench: CentralBench): void {
  bench.client(0, function* (client) {
    yield* client.insert(x);
    yield* client.put(x);
    yield* client.delete(x);
    yield* client.insert(x);
  });
  bench.client(0, function* (client) {
    yield* client.get(x);
    yield* client.put(x);
    yield* client.put(x);
    yield* client.get(x);
  });
  bench.client(1, function* (client) {
    yield* client.insert(yy);
    yield* client.insert(x);
    yield* client.delete(yy);
    yield* client.put(x);
  });
  bench.client(1, function* (client) {
    yield* client.get(x);
    yield* client.delete(x);
    yield* client.get(yy);
    yield* client.put(yy);
  });
}

/** What must hold in the end, whatever happened. */
function expectKept(bench: CentralBench, note: string): void {
  bench.settle(benchKeys);
  for (const [key, history] of bench.histories) {
    if (!isLinearizable(history)) {
      throw new Error(`${note}: ${key} is not linearizable: ${JSON.stringify(history)}`);
    }
  }
  const { violations, leaked, doubled, entries } = bench.audit();
  expect({ note, violations, leaked, doubled }).toEqual({
    note,
    violations: [],
    leaked: [],
    doubled: [],
  });
  for (const key of benchKeys) {
    const last = bench.historyOf(key).at(-1);
    const stored = entries.find((entry) => entry.key === key.text);
    expect([note, stored?.value[0]]).toEqual([note, last?.value]);
  }
}

/** Verbs and local accesses that the coordinator makes in `startClients`. */
function lastVerb(options: BenchOptions): number {
  const bench = new CentralBench(system, options);
  startClients(bench);
  bench.run();
  return bench.verbsOf(bench.coordinator);
}

const modes = (['assumed', 'flush'] as const).flatMap((durability) =>
  (['restart', 'standby'] as const).map((how) => ({ durability, how })),
);

describe.each(modes)('the coordinator stops at any verb: $how, $durability', (mode) => {
  test('what was acknowledged is there, and nothing else', () => {
    const { durability, how } = mode;
    const last = lastVerb({ durability });
    expect(last).toBeGreaterThan(60);
    let unanswered = 0;
    for (let verb = 1; verb <= last; verb++) {
      const bench = new CentralBench(system, { durability, seed: verb });
      bench.atVerb(bench.coordinator, verb, () => {
        if (how === 'restart') bench.restartCoordinator();
        else {
          const fault = bench.lost(bench.coordinator);
          bench.sim.crashCompute(bench.coordinator);
          bench.later(20_000, () => bench.takeOver(bench.standby(), fault));
        }
      });
      startClients(bench);
      bench.run();
      unanswered += bench.errors.length;
      expectKept(bench, `${how} after verb ${verb}`);
    }
    expect(unanswered).toBeGreaterThan(0);
  });
});
