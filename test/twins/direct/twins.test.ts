import { describe, expect, test } from 'vitest';
import { direct } from '../../../src/systems/direct/index.ts';
import type { DirectNode } from '../../../src/systems/direct/node.ts';
import type { Audit } from '../../../src/systems/recovery.ts';
import type { StoreClient, System } from '../../../src/systems/system.ts';
import { FaultBench } from '../../support/direct-faults.ts';
import { auditOfSchedule } from '../../support/direct-recovery.ts';
import { MixedLoad } from '../../support/mixed-load.ts';
import { RandomSchedule } from '../../support/random-schedule.ts';
import { directTwins, type Twin } from './twins.ts';

const seedsMax = 400;
const survivors = [1, 2, 3];

function wrong(load: MixedLoad, sinceNs: number, audit: Audit): string | undefined {
  if (load.torn > 0) return 'bytes that nobody wrote';
  if (load.errors[0] !== undefined) return load.errors[0];
  const { violations, leaked, doubled } = audit;
  if (violations.length + leaked.length + doubled.length > 0) return violations[0] ?? 'space';
  return load.unexplainedSince(sinceNs);
}

/** In virtual time, with the fault that the twin needs; says what is wrong afterwards. */
function inVirtualTime(system: System, needs: Twin['needs'], seed: number): string | undefined {
  const { replicas, durability, fault } = needs;
  const bench = new FaultBench({ seed, system, replicas, durability, shape: { spares: 1 } });
  const atNs = 500 + ((seed * 7919) % 20_000);
  const all = [0, ...survivors];
  let left = all;
  switch (fault) {
    case 'none':
    case 'cut':
      break;
    case 'compute node':
    case 'two recover':
      left = survivors;
      bench.after(atNs, () => bench.crash(0));
      bench.after(atNs + (seed % 3) * 300, () => bench.recover(1, bench.lossOf(0)));
      if (fault === 'two recover') {
        bench.after(atNs + (seed % 400) * 50, () => bench.recover(2, bench.lossOf(0)));
      }
      break;
    case 'memory power':
    case 'memory lost': {
      const node = seed % 3;
      const restarted = { kind: 'memoryRestarted', node, start: 1 } as const;
      const lost = { kind: 'memoryLost', node, spare: 3 } as const;
      bench.after(atNs, () => bench.crashMemory(node));
      bench.after(atNs + 2000, () => {
        if (fault === 'memory power') bench.restartMemory(node);
        for (const i of all) bench.recover(i, fault === 'memory power' ? restarted : lost);
      });
    }
  }
  bench.clients();
  bench.sim.run();
  const sinceNs = fault.startsWith('memory') ? bench.sim.nowNs : 0;
  bench.finish(left);
  return wrong(bench.load, sinceNs, bench.audit(all.filter((i) => !left.includes(i))));
}

/** Under a random schedule, where verbs of a lost node land late. */
function underRandomSchedule(
  system: System,
  needs: Twin['needs'],
  seed: number,
): string | undefined {
  const { replicas, durability } = needs;
  // Two buckets in all, so that every key shares both with every other.
  const shape = { memoryNodes: replicas, computeNodes: 3, keysMax: 1, replicas };
  const schedule = new RandomSchedule(system, {
    seed,
    shape: { ...shape, keyBytesMax: 8, valueBytesMax: 700, valueBytesMean: 700 },
    settings: { readRetriesMax: 300, lockRetriesMax: 3000 },
    durability,
  });
  const nodes = schedule.systemNodes as DirectNode[];
  const load = new MixedLoad(3, () => schedule.nowNs);
  schedule.run([{ node: 0, program: (client) => load.insertEveryOther(client) }]);
  const { context } = nodes[0] as DirectNode;
  const fault = {
    kind: 'computeLost',
    node: context.node,
    incarnation: context.incarnation,
  } as const;
  const at = new Map<number, () => void>();
  const crashes = needs.fault !== 'none';
  if (crashes) {
    at.set(5 + ((seed * 37) % 150), () => schedule.crash(context.node));
    at.set(10 + ((seed * 37) % 150), () => {
      for (const i of [1, 2]) schedule.start(i, (nodes[i] as DirectNode).recover(fault));
    });
  }
  const clients = [0, 1, 2].map((node) => ({
    node,
    program: (client: StoreClient) => load.mixed(client, seed * 10 + node, 6),
  }));
  schedule.run(clients, { at });
  for (const node of [1, 2]) schedule.run([{ node, program: (client) => load.readAll(client) }]);
  return wrong(load, 0, auditOfSchedule(schedule, crashes ? nodes.slice(1) : nodes));
}

function firstFinding(system: System, needs: Twin['needs'], seeds: number): string | undefined {
  const plain = !needs.fault.startsWith('memory');
  for (let seed = 1; seed <= seeds; seed++) {
    const found =
      inVirtualTime(system, needs, seed) ??
      (plain ? underRandomSchedule(system, needs, seed) : undefined);
    if (found !== undefined) return `seed ${seed}: ${found}`;
  }
  return undefined;
}

/** Lost queue pairs are for `farside check` (test/explore/twins.test.ts): verbs in doubt that act late. */
const timed = directTwins.filter(({ needs }) => needs.fault !== 'cut');

describe('Direct with one thing wrong is found out', () => {
  test.each(timed.map((twin) => [twin.name, twin] as const))('%s', (_, twin) => {
    expect(twin.system.name).toBe('direct');
    expect(firstFinding(twin.system, twin.needs, seedsMax)).toBeDefined();
  });
});

test('Direct itself is not', () => {
  const needs = new Map(timed.map((twin) => [JSON.stringify(twin.needs), twin.needs]));
  for (const one of needs.values()) expect(firstFinding(direct as System, one, 15)).toBeUndefined();
});
