import { describe, expect, test } from 'vitest';
import { expectSound, faultSettings, faultShape } from '../../../test/support/clover-faults.ts';
import { checkOwned, loadOwned, writeOwned } from '../../../test/support/owned-keys.ts';
import { SimStore } from '../../../test/support/sim-store.ts';
import { sleep } from '../../core/effect.ts';
import type { Fault, RecoveryReport } from '../recovery.ts';
import type { SystemServer } from '../system.ts';
import { system } from './index.ts';
import type { CloverNode } from './node.ts';

const shape = { ...faultShape, clientsPerNode: 2, spares: 2, keysMax: 32 };
const settings = { ...faultSettings, retireBatch: 4 };

interface Step {
  readonly fault: Fault;
  readonly before?: (store: SimStore) => void;
}

const lost = (node: number, spare?: number): Step => ({
  fault: { kind: 'memoryLost', node, spare },
  before: (store) => store.sim.crashMemory(node),
});
const restarted = (node: number): Step => ({
  fault: { kind: 'memoryRestarted', node, start: 1 },
  before: (store) => {
    store.sim.crashMemory(node);
    store.sim.restartMemory(node);
  },
});
const moved = (node: number, to: number): Step => ({ fault: { kind: 'memoryMoved', node, to } });

describe.each([
  ['a memory node is lost', 2, 1, 'assumed', 'pm', [lost(1, 3)]],
  [
    'two of three copies are lost, one after the other',
    3,
    1,
    'flush',
    'pm',
    [lost(0, 3), lost(2, 4)],
  ],
  ['a memory node is lost, two servers', 2, 2, 'assumed', 'pm', [lost(0, 4)]],
  ['a memory node is lost, without a spare', 2, 1, 'assumed', 'pm', [lost(1)]],
  ['two of three are lost, without spares', 3, 2, 'flush', 'pm', [lost(0), lost(1)]],
  [
    'a memory node is lost, its place taken by a spare that is lost',
    3,
    1,
    'assumed',
    'pm',
    [lost(2, 3), lost(3)],
  ],
  ['a spare is lost before its place is due', 2, 1, 'assumed', 'pm', [lost(3, 4), lost(0, 3)]],
  ['a memory node starts anew', 1, 1, 'flush', 'pm', [restarted(1)]],
  ['a memory node starts anew', 2, 1, 'flush', 'pm', [restarted(0), restarted(1)]],
  ['a memory node of DRAM starts anew', 2, 1, 'assumed', 'dram', [restarted(2)]],
  ['a memory node is emptied', 1, 1, 'assumed', 'pm', [moved(1, 3), moved(3, 1)]],
  ['a memory node is emptied', 3, 2, 'flush', 'pm', [moved(0, 4)]],
] as const)(
  '%s, %i copies, %i servers, %s, %s',
  (_, replicas, metadataServers, durability, medium, steps) => {
    test.each([1, 2, 3])('nothing is lost under load (seed %i)', (seed) => {
      const store = new SimStore(
        system,
        { ...shape, replicas, medium },
        { settings: { ...settings, metadataServers }, durability, seed },
      );
      const knowns = loadOwned(store);
      const startNs = store.sim.nowNs;
      let recovered = 0;
      const reports: RecoveryReport[] = [];
      const until = (): boolean =>
        recovered === steps.length && store.sim.nowNs > startNs + 6_000_000;
      store.sim.at(startNs + 100_000_000, () => {
        if (recovered < steps.length) throw new Error('clients are still waiting');
      });
      store.start(
        0,
        (function* () {
          for (const { fault, before } of steps) {
            yield* sleep(400_000 + 77 * seed);
            before?.(store);
            yield* sleep(100_000);
            // Several are told at once, one of them twice.
            let waiting = 0;
            const ids = store.cluster.withRole('metadata').map(({ id }) => id);
            const told = [
              ...[0, 1, 2, 0].map((n) => ({ id: store.computeNode(n), who: store.systemNodes[n] })),
              ...store.servers.map((who, i) => ({ id: ids[i] as number, who })),
            ];
            for (const { id, who } of told) {
              waiting++;
              store.sim.runtime(id).start(
                (function* () {
                  reports.push(yield* (who as CloverNode).recover(fault));
                  waiting--;
                })(),
              );
            }
            while (waiting > 0) yield* sleep(10_000);
            recovered++;
          }
        })(),
      );
      writeOwned(store, knowns, until);
      checkOwned(store, knowns);
      const [server] = store.servers as [SystemServer];
      const { pausedNs, entriesLost } = server.statistics.events;
      expect(pausedNs).toBeGreaterThan(0);
      expect(entriesLost).toBe(0);
      if (steps[0].fault.kind !== 'memoryRestarted') {
        expect(Math.max(...reports.map(({ bytesMoved }) => bytesMoved))).toBeGreaterThan(200);
      }
      store.settle();
      const placed = steps.map(({ fault }) => fault.node);
      const down = placed.filter(
        (node) => !(store.systemNodes[0] as CloverNode).layout.placement.includes(node),
      );
      expectSound(store.audit({ down }));
    });
  },
);
