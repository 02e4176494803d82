import { describe, expect, test } from 'vitest';
import { type BenchOptions, benchKeys, CentralBench } from '../../../test/support/central-bench.ts';
import { expectKept } from '../../../test/support/central-kept.ts';
import { goOnBeside, startClients } from '../../../test/support/central-scenario.ts';
import type { System, SystemServer } from '../system.ts';
import { system as central } from './index.ts';
import { CentralServer } from './server.ts';

const system = central as System;

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
      expectKept(bench, benchKeys, `${how} after verb ${verb}`);
    }
    expect(unanswered).toBeGreaterThan(0);
  });
});

/** Runs the clients; `event` happens when the coordinator has made a third of its verbs. */
function interrupted(seed: number, event: (bench: CentralBench) => void): CentralBench {
  const bench = new CentralBench(system, { seed });
  bench.atVerb(bench.coordinator, 20 + (seed % 40), () => event(bench));
  startClients(bench);
  bench.run();
  return bench;
}

const servingNodes = (bench: CentralBench): number =>
  bench.servers.filter((server) => server instanceof CentralServer && server.state === 'serving')
    .length;

test('who takes over stops at any verb, and a third one takes over from it', () => {
  let takeOverVerbs = 1;
  for (let verb = 1; verb <= takeOverVerbs; verb++) {
    const bench = interrupted(verb, (it) => {
      const [first, second] = [it.standby(0), it.standby(1)];
      const fault = it.lost(it.coordinator);
      it.sim.crashCompute(it.coordinator);
      it.atVerb(first, verb, () => {
        const next = it.lost(first);
        it.sim.crashCompute(first);
        it.later(20_000, () => it.takeOver(second, next));
      });
      it.takeOver(first, fault);
    });
    expectKept(bench, benchKeys, `the second stops at ${verb}`);
    if (verb === 1) {
      const calm = interrupted(2, (it) => {
        const fault = it.lost(it.coordinator);
        it.sim.crashCompute(it.coordinator);
        it.takeOver(it.standby(), fault);
        it.later(1_000_000, () => (takeOverVerbs = it.verbsOf(it.standby())));
      });
      expectKept(calm, benchKeys, 'undisturbed');
      expect(takeOverVerbs).toBeGreaterThan(30);
    }
  }
});

test('a coordinator that restarts stops again at any verb of its recovery', () => {
  for (let verb = 1; verb <= 45; verb++) {
    const bench = interrupted(verb, (it) => {
      const node = it.coordinator;
      const at = it.verbsOf(node) + verb;
      it.atVerb(node, at, () => it.restartCoordinator());
      it.restartCoordinator();
    });
    expectKept(bench, benchKeys, `stops again after ${verb}`);
  }
});

test('a memory node is lost at any verb of a take-over, and nothing else with it', () => {
  let copiesMoved = 0;
  for (let seed = 1; seed <= 60; seed++) {
    const servers: SystemServer[] = [];
    const bench = interrupted(seed, (it) => {
      const [standby, fault] = [it.standby(), it.lost(it.coordinator)];
      it.sim.crashCompute(it.coordinator);
      const server = it.takeOver(standby, fault);
      servers.push(server);
      it.atVerb(standby, seed, () => {
        const node = (seed >> 1) % 3;
        it.sim.crashMemory(node);
        it.later(5000, () => it.tell(server, standby, { kind: 'memoryLost', node, spare: 3 }));
      });
    });
    expectKept(bench, benchKeys, `seed ${seed}`);
    copiesMoved += servers[0]?.statistics.events.copiesMoved ?? 0;
  }
  expect(copiesMoved).toBeGreaterThan(0);
});

test('a coordinator that is only slow is fenced out: it changes nothing, and nobody hears it', () => {
  for (let seed = 1; seed <= 40; seed++) {
    const bench = interrupted(seed, (it) => {
      it.takeOver(it.standby(), it.lost(it.coordinator));
    });
    goOnBeside(bench);
    expectKept(bench, benchKeys, `slow coordinator, seed ${seed}`);
    expect(servingNodes(bench)).toBe(2); // the old one does not know
  }
});

test('of two standbys that are told at once, one takes over, and the other stands down', () => {
  for (let seed = 1; seed <= 40; seed++) {
    const bench = interrupted(seed, (it) => {
      const fault = it.lost(it.coordinator);
      if (seed % 2 === 0) it.sim.crashCompute(it.coordinator);
      const [first, second] = seed % 3 === 0 ? [1, 0] : [0, 1];
      it.takeOver(it.standby(first), fault);
      it.later((seed % 8) * 20_000, () => it.takeOver(it.standby(second), fault));
      // Told once more of what it knows.
      it.later(300_000, () => it.takeOver(it.standby(first), fault));
    });
    expectKept(bench, benchKeys, `two standbys, seed ${seed}`);
    expect(servingNodes(bench)).toBe(2);
  }
});

test('a coordinator that comes back after a standby took over does not trust its old map', () => {
  const bench = interrupted(3, (it) => {
    const [old, standby] = [it.coordinator, it.standby()];
    const fault = it.lost(old);
    it.sim.crashCompute(old);
    it.takeOver(standby, fault);
    it.later(2_000_000, () => {
      const next = it.lost(standby);
      it.sim.crashCompute(standby);
      it.sim.restartCompute(old);
      it.takeOver(old, fault); // of another time: it stands down
      it.later(2_000_000, () => it.takeOver(old, next));
    });
  });
  expectKept(bench, benchKeys, 'there and back');
  expect(servingNodes(bench)).toBe(3);
});
