import { describe, expect, test } from 'vitest';
import { expectSound, faultSettings, faultShape } from '../../../test/support/clover-faults.ts';
import { checkOwned, loadOwned, writeOwned } from '../../../test/support/owned-keys.ts';
import { SimStore } from '../../../test/support/sim-store.ts';
import { type Program, sleep } from '../../core/effect.ts';
import type { Fault } from '../recovery.ts';
import { system } from './index.ts';
import type { MetadataServer } from './metadata/server.ts';
import type { CloverNode } from './node.ts';

const shape = {
  ...faultShape,
  clientsPerNode: 2,
  keysMax: 32,
  replicas: 2,
  medium: 'dram',
} as const;
const settings = { ...faultSettings, retireBatch: 4 };
const victim = 1;

function restart(store: SimStore): void {
  store.sim.crashMemory(victim);
  store.sim.restartMemory(victim);
}

/** Tells every compute node and every server; gives how many of them wait for the end of it. */
function tell(store: SimStore, start: number): { waiting: number } {
  const fault: Fault = { kind: 'memoryRestarted', node: victim, start };
  const told = { waiting: 0 };
  const ids = store.cluster.withRole('metadata').map(({ id }) => id);
  const all = [
    ...[0, 1, 2].map((n) => ({ id: store.computeNode(n), who: store.systemNodes[n] })),
    ...store.servers.map((who, i) => ({ id: ids[i] as number, who })),
  ];
  for (const { id, who } of all) {
    told.waiting++;
    store.sim.runtime(id).start(
      (function* () {
        yield* (who as CloverNode).recover(fault);
        told.waiting--;
      })(),
    );
  }
  return told;
}

/**
 * A memory node of DRAM starts anew, and again at the moment when a recovery has written everything and is
 * about to let compute nodes go on.
 */
function* twice(store: SimStore, secondStart: number): Program<void> {
  const { state } = store.servers[0] as MetadataServer;
  restart(store);
  const first = tell(store, 1);
  while (state.placementVersion === 0) yield* sleep(100);
  expect(first.waiting).toBeGreaterThan(0);
  restart(store);
  const second = tell(store, secondStart);
  while (first.waiting + second.waiting > 0) yield* sleep(10_000);
}

describe.each([1, 2])('%i servers', (metadataServers) => {
  const open = (seed: number): SimStore =>
    new SimStore(system, shape, { settings: { ...settings, metadataServers }, seed });

  test.each([1, 2, 3])(
    'a node that starts anew as its recovery ends is made whole (seed %i)',
    (seed) => {
      const store = open(seed);
      const knowns = loadOwned(store);
      const startNs = store.sim.nowNs;
      let isOver = false;
      store.start(
        0,
        (function* () {
          yield* sleep(400_000 + 77 * seed);
          yield* twice(store, 2);
          isOver = true;
        })(),
      );
      store.sim.at(startNs + 60_000_000, () => {
        if (!isOver) throw new Error('clients are still waiting');
      });
      writeOwned(store, knowns, () => isOver && store.sim.nowNs > startNs + 4_000_000);
      checkOwned(store, knowns);
      store.settle();
      expectSound(store.audit());
    },
  );

  test.each([
    [1, false],
    [2, true],
  ])('told of as start %i, it is made whole: %s', (secondStart, isWhole) => {
    const store = open(1);
    loadOwned(store);
    store.settle();
    store.start(0, twice(store, secondStart));
    store.sim.run();
    expect(store.audit().violations.length === 0).toBe(isWhole);
  });
});
