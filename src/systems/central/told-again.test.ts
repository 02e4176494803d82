import { expect, test } from 'vitest';
import { SimStore } from '../../../test/support/sim-store.ts';
import { type Program, sleep } from '../../core/effect.ts';
import { keyOf } from '../../core/key.ts';
import type { Fault } from '../recovery.ts';
import type { System, SystemNode } from '../system.ts';
import { system } from './index.ts';

const shape = { memoryNodes: 3, replicas: 2, standbys: 1, computeNodes: 3, clientsPerNode: 3 };
const keys = Array.from({ length: 8 }, (_, i) => keyOf(`key${i}`));
const retellNs = 10_000;

function* tell(node: SystemNode, fault: Fault, times: number): Program<void> {
  for (let i = 0; i < times; i++) {
    if (node.recover !== undefined) yield* node.recover(fault);
    yield* sleep(retellNs);
  }
}

/**
 * Clients go on beside a take-over of which every node is told so many times; gives when the last has ended.
 * Calls time out while the successor scans, and each that is sent again costs a handler a new queue pair.
 */
function endNs(medium: 'pm' | 'dram', seed: number, times: number): number {
  const store = new SimStore(
    system as System,
    { ...shape, medium, keysMax: 16, keyBytesMax: 16, valueBytesMax: 400 },
    { seed, settings: { handlers: 3, callTimeoutUs: 100, giveUpUs: 20_000 } },
  );
  const value = new Uint8Array(200);
  store.run([
    {
      *program(client) {
        for (const key of keys) yield* client.insert(key, value);
      },
    },
  ]);
  const beginNs = store.sim.nowNs;
  const coordinator = store.cluster.byName('coordinator').id;
  const successor = store.cluster.byName('standby0').id;
  const fault = {
    kind: 'serverLost',
    node: coordinator,
    incarnation: coordinator,
    successor,
  } as const;
  store.sim.at(beginNs + 5000 + seed * 5000, () => {
    store.sim.crashCompute(coordinator);
    store.sim.at(store.sim.nowNs + 20_000, () => {
      store.takeOver(successor, 'coordinator', 0, fault);
      for (const [n, node] of store.systemNodes.entries())
        store.start(n, tell(node, fault, times), true);
    });
  });
  let lastNs = 0;
  let acknowledged = 0;
  store.run(
    [0, 1, 2, 0, 1, 2].map((node, i) => ({
      node,
      *program(client) {
        for (let n = 0; n < 20; n++) {
          try {
            if (n % 2 === 0) yield* client.put(keys[(n + i) % 8] as never, value);
            else yield* client.get(keys[(n + node) % 8] as never, new Uint8Array(400));
            acknowledged++;
          } catch (error) {
            // What the lost coordinator had been asked to change.
            expect(error).toMatchObject({ code: 'FARSIDE_TIMEOUT' });
          }
        }
        lastNs = store.sim.nowNs - beginNs;
      },
    })),
  );
  expect(acknowledged).toBeGreaterThan(110);
  return lastNs;
}

test.each(['pm', 'dram'] as const)(
  'nodes that are told again and again ask others, too (%s)',
  (medium) => {
    for (let seed = 1; seed <= 8; seed++) {
      const onceNs = endNs(medium, seed, 1);
      expect(onceNs).toBeLessThan(1_500_000);
      expect(endNs(medium, seed, 1000)).toBe(onceNs);
    }
  },
);
