import { expect, test } from 'vitest';
import { InThreadStore } from '../../../test/support/in-thread.ts';
import { interleaved } from '../../../test/support/interleave.ts';
import { failureOf, isPatterned, once, patterned } from '../../../test/support/values.ts';
import { keyOf } from '../../core/key.ts';
import { randomStream } from '../../core/random.ts';
import type { StoreClient } from '../system.ts';
import type { FreeSlot } from './allocator.ts';
import { direct } from './index.ts';
import type { DirectNode } from './node.ts';
import { sizeClassFor } from './size-classes.ts';
import { generationMax } from './words.ts';

const into = new Uint8Array(4096);

/** A store whose memory is the least that it accepts for its shape. */
function tightStore(keysMax: number, computeNodes: number): InThreadStore {
  const shape = {
    memoryNodes: 1,
    computeNodes,
    keysMax,
    keyBytesMax: 8,
    valueBytesMax: 1000,
    valueBytesMean: 1000,
  };
  let memoryBytes = 0;
  try {
    direct.layout({ ...baseShape, ...shape, memoryBytes: 1 }, direct.configure({}, baseShape));
  } catch (error) {
    memoryBytes = Number(/need (\d+) bytes/.exec((error as Error).message)?.[1]);
  }
  return new InThreadStore(direct, { ...shape, memoryBytes });
}

const baseShape = {
  memoryNodes: 1,
  computeNodes: 1,
  clientsPerNode: 1,
  outstanding: 1,
  replicas: 1,
  keysMax: 1,
  keyBytesMax: 8,
  valueBytesMax: 1000,
  valueBytesMean: 1000,
  medium: 'pm',
  memoryBytes: undefined,
} as const;

function events(store: InThreadStore, node: number): Record<string, number> {
  return { ...(store.systemNodes[node] as DirectNode).statistics.events };
}

test('the least memory that is accepted holds every key that was asked for', () => {
  for (const keysMax of [1, 27, 28, 29, 500]) {
    const store = tightStore(keysMax, 2);
    for (let node = 0; node < 2; node++) {
      once(
        store,
        function* (client) {
          for (let i = node; i < keysMax; i += 2) {
            expect(yield* client.insert(keyOf(`${i}`), patterned(1000, i))).toBe(true);
          }
        },
        node,
      );
    }
    once(store, function* (client) {
      for (let i = 0; i < keysMax; i++) {
        expect(yield* client.get(keyOf(`${i}`), into)).toBe(1000);
        expect(into[999]).toBe(patterned(1000, i)[999]);
      }
    });
  }
});

test('a full store says so, and goes on when something was deleted by whichever node', () => {
  const store = tightStore(1000, 2);
  let inserted = 0;
  const fill = (client: StoreClient) =>
    (function* () {
      for (;;) {
        yield* client.insert(keyOf(`${inserted}`), patterned(1000, inserted));
        inserted++;
      }
    })();
  expect(failureOf(store, fill).message).toContain('no slot of 2304 bytes left');
  const full = inserted;
  expect(full).toBeGreaterThanOrEqual(1000);
  // Node 1 deletes more than it keeps for itself; what it shares is node 0's to use.
  once(
    store,
    function* (client) {
      for (let i = 0; i < 60; i++) expect(yield* client.delete(keyOf(`${i}`))).toBe(true);
    },
    1,
  );
  expect(events(store, 1).slotsShared).toBeGreaterThan(20);
  expect(failureOf(store, fill).code).toBe('FARSIDE_CAPACITY');
  expect(inserted - full).toBe(events(store, 1).slotsShared);
  expect(events(store, 0).slotsTaken).toBe(events(store, 1).slotsShared);
  // And node 1 uses what it kept.
  expect(failureOf(store, fill, 1).code).toBe('FARSIDE_CAPACITY');
  expect(inserted - full).toBe(60);
  const wrong = once(store, function* (client) {
    let count = 0;
    for (let i = 60; i < inserted; i++) {
      const length = yield* client.get(keyOf(`${i}`), into);
      if (length !== 1000 || !isPatterned(into.subarray(0, 1000), i)) count++;
    }
    return count;
  });
  expect(wrong).toBe(0);
});

test('nodes that push and pop one list at once never hand out a slot twice', () => {
  let retries = 0;
  for (let seed = 1; seed <= 3; seed++) {
    const store = tightStore(600, 4);
    // Node 0 takes all space, so that every later slot comes from the list.
    let taken = 0;
    const all = function* (client: StoreClient) {
      for (; ; taken++) yield* client.insert(keyOf(`${taken}`), patterned(1000, taken));
    };
    expect(failureOf(store, all).message).toContain('no slot');
    const names = (node: number, i: number) => keyOf(`${node} ${i}`);
    store.run(
      [1, 2, 3].map((node) => ({
        node,
        program: (client: StoreClient) => churn(client, node, taken, seed, names),
      })),
    );
    for (const node of [1, 2, 3]) {
      const wrong = once(store, function* (client) {
        let count = 0;
        for (let i = 0; i < 40; i++) {
          const length = yield* client.get(names(node, i), into);
          const whole =
            length === undefined || isPatterned(into.subarray(0, length), node * 60 + i);
          // Of two rounds of deletes, the last has taken every other key.
          if ((length !== undefined) !== (i % 2 === 1) || !whole) count++;
        }
        return count;
      });
      expect(wrong).toBe(0);
      retries += events(store, node).listRetries ?? 0;
    }
  }
  expect(retries).toBeGreaterThan(0);
});

/** Deletes a third of the first keys, so that slots are shared, and inserts keys of its own. */
function churn(
  client: StoreClient,
  node: number,
  taken: number,
  seed: number,
  names: (node: number, i: number) => ReturnType<typeof keyOf>,
) {
  const own = (function* () {
    for (let i = node - 1; i < taken; i += 3) yield* client.delete(keyOf(`${i}`));
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 40; i++)
        yield* client.insert(names(node, i), patterned(1000, node * 60 + i));
      for (let i = 0; i < 40; i += 2) yield* client.delete(names(node, i));
    }
  })();
  return interleaved(own, randomStream(seed, `node ${node}`), { pauseNsMax: 100 });
}

test('a slot whose generations are used up is never used again', () => {
  const store = new InThreadStore(direct, { memoryNodes: 1, keysMax: 4, computeNodes: 2 });
  const key = keyOf('again');
  const node = store.systemNodes[0] as DirectNode;
  const sizeClass = sizeClassFor(100);
  const old = once(store, () => node.allocator.allocate(0, sizeClass)) as FreeSlot;
  // As if it had been through all lives but three.
  node.allocator.release(0, sizeClass, { slot: old.slot, generation: generationMax - 2 });
  const value = patterned(100 - 16 - 5, 1);
  const lives: unknown[] = [];
  for (let life = 0; life < 4; life++) {
    expect(once(store, (client) => client.insert(key, value))).toBe(true);
    if (life === 2) once(store, (client) => client.get(key, into), 1);
    const at = node.location(key);
    lives.push([at?.slot === old.slot, at?.generation]);
    if (life < 3) expect(once(store, (client) => client.delete(key))).toBe(true);
  }
  expect(lives).toEqual([
    [true, generationMax - 2],
    [true, generationMax - 1],
    [true, generationMax],
    [false, 1],
  ]);
  expect(events(store, 0).slotsRetired).toBe(1);
  // A node that remembers the slot's last life finds the key where it is now.
  expect(once(store, (client) => client.put(key, patterned(20, 7)), 1)).toBe(true);
  expect(once(store, (client) => client.get(key, into))).toBe(20);
  expect(into.slice(0, 20)).toEqual(patterned(20, 7));
});

test('an index that is full is a capacity error and leaves nothing behind', () => {
  const shape = { memoryNodes: 1, keysMax: 1, valueBytesMax: 20, valueBytesMean: 20 };
  const store = new InThreadStore(direct, shape);
  let inserted = 0;
  const fill = (client: StoreClient) =>
    (function* () {
      for (; ; inserted++) yield* client.insert(keyOf(`${inserted}`), patterned(20, inserted));
    })();
  expect(failureOf(store, fill).message).toContain('both of its buckets');
  // Two buckets of seven entries.
  expect(inserted).toBe(14);
  const before = store.systemNodes[0]?.statistics.remote?.dataBytes;
  expect(failureOf(store, fill).code).toBe('FARSIDE_CAPACITY');
  expect(store.systemNodes[0]?.statistics.remote?.dataBytes).toBe(before);
  expect(once(store, (client) => client.delete(keyOf('3')))).toBe(true);
  expect(once(store, (client) => client.insert(keyOf('new'), patterned(20, 1)))).toBe(true);
});
