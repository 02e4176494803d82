import { describe, expect, test } from 'vitest';
import { FaultBench } from '../../../test/support/direct-faults.ts';
import { auditOfSchedule, expectClean } from '../../../test/support/direct-recovery.ts';
import { MixedLoad } from '../../../test/support/mixed-load.ts';
import { RandomSchedule } from '../../../test/support/random-schedule.ts';
import type { RecoveryReport } from '../recovery.ts';
import { direct } from './index.ts';
import type { DirectNode } from './node.ts';

const small = { valueBytesMax: 700, valueBytesMean: 300 };

/**
 * A compute node dies at any moment of a mixed load, of which some of its verbs in flight land, one
 * perhaps in part. One or two survivors recover while clients of all others go on.
 */
describe.each([
  ['assumed', 1],
  ['assumed', 2],
  ['flush', 2],
  ['flush', 3],
] as const)('a compute node is lost, %s, %i copies', (durability, replicas) => {
  test.each([1, 2])('%i survivors recover while clients run', (recoverers) => {
    let broken = 0;
    let repaired = 0;
    for (let seed = 1; seed <= 40; seed++) {
      const bench = new FaultBench({ seed, durability, replicas });
      const crashNs = 1000 + ((seed * 7919) % 22_000);
      bench.after(crashNs, () => bench.crash(0));
      for (let i = 1; i <= recoverers; i++) {
        bench.after(crashNs + 3000 + i * ((seed * 31) % 900), () =>
          bench.recover(i, bench.lossOf(0)),
        );
      }
      bench.clients();
      bench.finish();
      expect([...bench.errors, ...bench.load.errors], `seed ${seed}`).toEqual([]);
      expect(bench.load.unexplained, `seed ${seed}`).toBeUndefined();
      expectClean(bench.audit([0]), `seed ${seed}`);
      for (const report of bench.reports) {
        broken += report.locksBroken;
        repaired += report.entriesRepaired;
      }
      expect(bench.reports).toHaveLength(recoverers);
    }
    expect(broken).toBeGreaterThan(5);
    expect(repaired).toBeGreaterThan(2);
  });
});

test('the same under random schedules: what the lost node posted lands late, until a fence', () => {
  const reports: RecoveryReport[] = [];
  for (let seed = 1; seed <= 60; seed++) {
    const schedule = new RandomSchedule(direct, {
      seed,
      shape: { memoryNodes: 2, computeNodes: 3, keysMax: 8, replicas: 1 + (seed % 2), ...small },
      durability: seed % 4 < 2 ? 'flush' : 'assumed',
    });
    const nodes = schedule.systemNodes as DirectNode[];
    const load = new MixedLoad(2, () => schedule.nowNs);
    schedule.run([{ node: 0, program: (client) => load.insertEveryOther(client) }]);
    const lost = (nodes[0] as DirectNode).context;
    const fault = { kind: 'computeLost', node: lost.node, incarnation: lost.incarnation } as const;
    const recover = function* (node: DirectNode) {
      reports.push(yield* node.recover(fault));
    };
    const crashStep = 5 + ((seed * 37) % 150);
    const crash = () => schedule.crash(lost.node);
    const tell = () => {
      schedule.start(1, recover(nodes[1] as DirectNode));
      if (seed % 3 > 0) schedule.start(2, recover(nodes[2] as DirectNode));
    };
    const at = new Map([
      [crashStep, crash],
      [crashStep + 5, tell],
    ]);
    schedule.run(
      [0, 1, 2].map((node) => ({
        node,
        program: (client) => load.mixed(client, seed * 10 + node, 6),
      })),
      { at },
    );
    for (const node of [1, 2]) {
      schedule.run([{ node, program: (client) => load.readAll(client) }]);
    }
    expect(load.errors, `seed ${seed}`).toEqual([]);
    expect(load.unexplained, `seed ${seed}`).toBeUndefined();
    expectClean(auditOfSchedule(schedule, nodes.slice(1)), `seed ${seed}`);
  }
  const broken = reports.reduce((sum, { locksBroken }) => sum + locksBroken, 0);
  expect(broken).toBeGreaterThan(10);
});
