import { describe, expect, test } from 'vitest';
import { expectSound, faultSettings, faultShape } from '../../../../test/support/clover-faults.ts';
import { SimStore } from '../../../../test/support/sim-store.ts';
import { globalAddress } from '../../../core/address.ts';
import {
  type Program,
  readWord,
  sleep,
  VerbError,
  verbStatus,
  writeWord,
} from '../../../core/effect.ts';
import { keyOf } from '../../../core/key.ts';
import type { StoreClient } from '../../system.ts';
import { system } from '../index.ts';
import type { MetadataServer } from '../metadata/server.ts';
import type { CloverNode } from '../node.ts';
import { Doubts } from './doubt.ts';

const victim = 1;

test('what was posted to a start of a memory node is over when there is a later one', () => {
  const doubts = new Doubts();
  const lost = [1, 0].map((start) => {
    const verb = writeWord(globalAddress(victim, 8), 1n);
    return Object.assign(verb, { start, status: verbStatus.unknown });
  });
  const lookedAt = Object.assign(readWord(globalAddress(2, 8)), { status: verbStatus.unknown });
  doubts.note([lookedAt]);
  expect([...doubts.nodes()]).toEqual([]);
  doubts.note(lost);
  doubts.end(victim, 1);
  expect([...doubts.nodes()]).toEqual([victim]);
  doubts.end(victim, 2);
  expect([...doubts.nodes()]).toEqual([]);
});

/** Puts until one loses a verb; gives false where none does. */
function* loseOne(client: StoreClient, key: string): Program<boolean> {
  for (let i = 0; i < 400; i++) {
    try {
      yield* client.put(keyOf(key), new Uint8Array(200).fill(i));
    } catch (error) {
      if (!(error instanceof VerbError)) throw error;
      if (error.outcome === 'unknown') return true;
      // The queue pair is of the former start: the next put has a new one.
    }
    yield* sleep(100);
  }
  return false;
}

/**
 * Nodes 0 and 1 lose verbs as a memory node loses power. It starts anew, and node 0 puts again before anybody
 * has told it why, and loses a verb at the new start.
 */
function* loseTwice(store: SimStore): Program<void> {
  const nodes = store.systemNodes as CloverNode[];
  const [first, second] = [nodes[0] as CloverNode, nodes[1] as CloverNode];
  const mine = first.openClient();
  let isOver = false;
  store.start(
    1,
    (function* () {
      expect(yield* loseOne(second.openClient(), 'second')).toBe(true);
      isOver = true;
    })(),
  );
  store.sim.at(store.sim.nowNs + 20_000, () => store.sim.crashMemory(victim));
  expect(yield* loseOne(mine, 'first')).toBe(true);
  while (!isOver) yield* sleep(1000);
  expect([[...first.doubts.nodes()], [...second.doubts.nodes()]]).toEqual([[victim], [victim]]);
  store.sim.restartMemory(victim);
  const link = store.sim.link(store.computeNode(0), victim);
  link.losses++;
  expect(yield* loseOne(mine, 'other')).toBe(true);
  link.losses--;
}

describe.each(['dram', 'pm'] as const)('%s, a memory node starts anew', (medium) => {
  test('who loses verbs at its new start is fenced, and who lost them before is not', () => {
    const shape = { ...faultShape, medium, replicas: 3 };
    const store = new SimStore(system, shape, { settings: faultSettings });
    store.run([
      {
        *program(client) {
          for (const key of ['first', 'second', 'other']) {
            yield* client.insert(keyOf(key), new Uint8Array(200));
          }
        },
      },
    ]);
    const nodes = store.systemNodes as CloverNode[];
    store.start(
      0,
      (function* () {
        yield* loseTwice(store);
        const fault = { kind: 'memoryRestarted', node: victim, start: 1 } as const;
        for (const n of [0, 1, 2]) store.start(n, (nodes[n] as CloverNode).recover(fault));
      })(),
    );
    store.sim.run();
    expect(nodes.map(({ gate }) => gate.isClosedForEver)).toEqual([true, false, false]);
    const [server] = store.servers as MetadataServer[];
    expect(server?.statistics.events.nodesExpelled).toBe(1);
    store.settle();
    expectSound(store.audit({ nodes: nodes.slice(1) }));
  });
});
