import { describe, expect, test } from 'vitest';
import { expectSound, faultSettings, faultShape } from '../../../test/support/clover-faults.ts';
import { checkOwned, loadOwned, writeOwned } from '../../../test/support/owned-keys.ts';
import { SimStore } from '../../../test/support/sim-store.ts';
import { loadHalf } from '../../core/word.ts';
import type { SystemServer } from '../system.ts';
import { system } from './index.ts';
import { bufferNamed, entryBytes, entryFrom } from './metadata/head-entry.ts';
import { headRegion } from './metadata/head-table.ts';
import type { MetadataServer } from './metadata/server.ts';
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

/** Entries of the table of heads of that node, by slot. */
function entriesAt(store: SimStore, node: number): Uint8Array[] {
  const { layout } = (store.servers[0] as MetadataServer).state;
  const sizeBytes = entryBytes(layout.replicas);
  const table = new Uint8Array(layout.slots * sizeBytes);
  store.sim.inspect(store.cluster.region(node, headRegion).address, table);
  const slots = Array.from({ length: layout.slots }, (_, slot) => slot * sizeBytes);
  return slots.map((at) => table.subarray(at, at + sizeBytes));
}

/** Slots of which the standby would begin from what stands in neither head of the server's table. */
function strayHeads(store: SimStore, server: number, standby: number): number[] {
  const { layout } = (store.servers[0] as MetadataServer).state;
  const own = entriesAt(store, server);
  return entriesAt(store, standby).flatMap((bytes, slot) => {
    const named = new Set<number>();
    for (let at = 8; at < bytes.length; at += 8) {
      const of = own[slot] as Uint8Array;
      named.add(bufferNamed(loadHalf(of, at + 4), loadHalf(of, at)));
    }
    const { refs = [] } = entryFrom(bytes, layout) ?? {};
    return refs.every((copy) => named.has(copy)) ? [] : [slot];
  });
}

test.each([2, 3])(
  'a server starts anew, and its standby never lags two moves (%i copies)',
  (replicas) => {
    const store = new SimStore(system, { ...shape, replicas }, { settings });
    const knowns = loadOwned(store);
    const { id } = store.cluster.withRole('metadata')[0] as { id: number };
    const { id: standby } = store.cluster.withRole('standby')[0] as { id: number };
    const fault = { kind: 'serverLost', node: id, incarnation: id, successor: id } as const;
    const startNs = store.sim.nowNs;
    let opened: MetadataServer | undefined;
    let looks = 0;
    const look = (): void => {
      looks++;
      expect(strayHeads(store, id, standby)).toEqual([]);
      if (opened?.takeOverNs === 0) store.sim.at(store.sim.nowNs + 200, look);
    };
    // The last moves are in its own table, and on the way to the standby, when it is lost.
    const link = store.sim.link(id, standby);
    store.sim.at(startNs + 300_000, () => {
      link.delayNs = 100_000;
    });
    const lose = (): void => {
      if (Buffer.concat(entriesAt(store, id)).equals(Buffer.concat(entriesAt(store, standby)))) {
        store.sim.at(store.sim.nowNs + 1000, lose);
        return;
      }
      store.sim.crashCompute(id, { landing: 'none' });
      link.delayNs = 0;
      store.sim.restartCompute(id);
      for (let node = 0; node < 3; node++) {
        store.start(node, (store.systemNodes[node] as CloverNode).recover(fault), true);
      }
      opened = store.takeOver(id, 'metadata', 0, fault) as MetadataServer;
      store.servers[0] = opened;
      look();
    };
    store.sim.at(startNs + 390_000, lose);
    writeOwned(store, knowns, () => (opened?.takeOverNs ?? 0) > 0);
    checkOwned(store, knowns);
    expect(looks).toBeGreaterThan(100);
  },
);
