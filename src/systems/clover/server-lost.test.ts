import { describe, expect, test } from 'vitest';
import { expectSound, faultSettings, faultShape } from '../../../test/support/clover-faults.ts';
import { checkOwned, loadOwned, writeOwned } from '../../../test/support/owned-keys.ts';
import { SimStore } from '../../../test/support/sim-store.ts';
import type { SystemServer } from '../system.ts';
import { system } from './index.ts';
import type { CloverNode } from './node.ts';

const shape = { ...faultShape, clientsPerNode: 2, standbys: 1, keysMax: 32 };
const settings = { ...faultSettings, retireBatch: 4 };

describe.each([
  [1, 'standby', 1, 'assumed'],
  [2, 'standby', 1, 'flush'],
  [3, 'restart', 1, 'assumed'],
  [1, 'restart', 1, 'flush'],
  [2, 'standby', 2, 'assumed'],
] as const)('%i copies, %s, %i servers, %s', (replicas, how, metadataServers, durability) => {
  test.each([1, 2, 3, 4])('a server dies under load, and nothing is lost (seed %i)', (seed) => {
    const store = new SimStore(
      system,
      { ...shape, replicas },
      { settings: { ...settings, metadataServers }, durability, seed },
    );
    const knowns = loadOwned(store);
    const [server] = store.cluster.withRole('metadata');
    const id = (server as { id: number }).id;
    const standby = (store.cluster.withRole('standby')[0] as { id: number }).id;
    const successor = how === 'standby' ? standby : id;
    const startNs = store.sim.nowNs;
    const until = (): boolean => store.sim.nowNs > startNs + 3_000_000;
    let opened: SystemServer | undefined;
    let hasEnded = false;
    store.sim.at(startNs + 60_000_000, () => {
      if (!hasEnded) throw new Error('clients are still waiting');
    });
    const fault = { kind: 'serverLost', node: id, incarnation: id, successor } as const;
    store.sim.at(startNs + 300_000 + 137 * seed, () => store.sim.crashCompute(id));
    store.sim.at(startNs + 600_000, () => {
      if (how === 'restart') store.sim.restartCompute(id);
      for (let node = 0; node < 3; node++) {
        store.start(node, (store.systemNodes[node] as CloverNode).recover(fault), true);
      }
      opened = store.takeOver(successor, 'metadata', 0, fault);
      store.servers[0] = opened;
    });
    writeOwned(store, knowns, until);
    hasEnded = true;
    checkOwned(store, knowns);
    expect((opened as SystemServer).statistics.events.takeOverNs).toBeGreaterThan(0);
    store.settle();
    expectSound(store.audit());
  });
});
