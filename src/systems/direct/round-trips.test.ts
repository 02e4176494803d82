import { describe, expect, test } from 'vitest';
import { InThreadStore } from '../../../test/support/in-thread.ts';
import { once, patterned } from '../../../test/support/values.ts';
import type { Durability } from '../../core/context.ts';
import type { Counters } from '../../core/counters.ts';
import type { Program } from '../../core/effect.ts';
import { keyOf } from '../../core/key.ts';
import { recordBytes } from '../../core/record.ts';
import type { StoreClient } from '../system.ts';
import { direct } from './index.ts';

interface Spent {
  readonly roundTrips: number;
  readonly verbs: number;
  readonly bytesOut: number;
  readonly bytesIn: number;
}

const key = keyOf('user42');
const other = keyOf('user43');
const into = new Uint8Array(4096);

/** What one operation spends, by the fabric's counters, on a node that has seen the key or not. */
function spent(
  shape: { replicas: number; durability: Durability; settings?: Record<string, unknown> },
  operation: (client: StoreClient) => Program<unknown>,
  cold = false,
): Spent {
  const { replicas, durability, settings = {} } = shape;
  const sizes = { memoryNodes: 3, computeNodes: 2, replicas };
  const store = new InThreadStore(direct, sizes, settings, durability);
  once(store, function* (client) {
    // Both keys' primaries have a run of slots of either size now, so nothing is claimed below.
    yield* client.insert(other, patterned(1000, 1));
    yield* client.delete(other);
    yield* client.insert(key, patterned(1000, 1));
    yield* client.put(key, patterned(2000, 1));
    yield* client.delete(key);
    yield* client.insert(key, patterned(1000, 1));
  });
  const node = cold ? 1 : 0;
  const { context } = store.nodes[node] as (typeof store.nodes)[number];
  return once(
    store,
    function* (client) {
      const counters: Counters = context.counters;
      counters.reset(1);
      yield* operation(client);
      const { roundTrips, verbs, bytesOut, bytesIn } = counters;
      return { roundTrips, verbs, bytesOut, bytesIn };
    },
    node,
  );
}

const get = (client: StoreClient) => client.get(key, into);
const put = (client: StoreClient) => client.put(key, patterned(1000, 2));
const record = recordBytes(key.bytes.length, 1000);

describe.each([1, 2, 3])('with %i copies', (replicas) => {
  const shape = { replicas, durability: 'assumed' } as const;

  test('a get is 1 round trip and the bytes of its record', () => {
    expect(spent(shape, get)).toEqual({ roundTrips: 1, verbs: 1, bytesOut: 0, bytesIn: record });
  });

  test('a put is 4 round trips: a lock, two records to every copy, an unlock', () => {
    expect(spent(shape, put)).toEqual({
      roundTrips: 4,
      verbs: 2 + 2 * replicas,
      bytesOut: 8 + 2 * replicas * record + 8,
      bytesIn: 8,
    });
  });

  test('a put without redo is 3, as the variant in the released code', () => {
    expect(spent({ ...shape, settings: { redo: false } }, put)).toMatchObject({
      roundTrips: 3,
      verbs: 2 + replicas,
      bytesOut: 8 + replicas * record + 8,
    });
  });

  test('a put that outgrows its slot and a delete are 4, an insert is 3', () => {
    const grow = (client: StoreClient) => client.put(key, patterned(2000, 2));
    expect(spent(shape, grow).roundTrips).toBe(4);
    expect(spent(shape, (client) => client.delete(key)).roundTrips).toBe(4);
    const insert = (client: StoreClient) => client.insert(other, patterned(1000, 2));
    expect(spent(shape, insert).roundTrips).toBe(3);
  });

  test('in flush durability the FLUSHes ride along: the same round trips, more verbs', () => {
    const flushed = { replicas, durability: 'flush' } as const;
    expect(spent(flushed, get)).toMatchObject({ roundTrips: 1, verbs: 1 });
    // Redo and committed copies, and the lock word once; not the unlock.
    expect(spent(flushed, put)).toMatchObject({ roundTrips: 4, verbs: 2 + 4 * replicas + 1 });
    const insert = (client: StoreClient) => client.insert(other, patterned(1000, 2));
    expect(spent(flushed, insert).roundTrips).toBe(3);
    expect(spent(flushed, (client) => client.delete(key)).roundTrips).toBe(4);
    const grow = (client: StoreClient) => client.put(key, patterned(2000, 2));
    expect(spent(flushed, grow).roundTrips).toBe(4);
  });
});

describe('where the location is not cached', () => {
  const shape = { replicas: 2, durability: 'assumed' } as const;

  test('a get is 2 round trips, and 1 where there is no such key', () => {
    expect(spent(shape, get, true).roundTrips).toBe(2);
    const missing = (client: StoreClient) => client.get(keyOf('nobody'), into);
    expect(spent(shape, missing, true).roundTrips).toBe(1);
  });

  test('a put is 6 and a delete 6', () => {
    expect(spent(shape, put, true).roundTrips).toBe(6);
    expect(spent(shape, (client) => client.delete(key), true).roundTrips).toBe(6);
  });
});

test('a get of a value that grew in place since is 2 round trips, and then 1 again', () => {
  const store = new InThreadStore(direct, { computeNodes: 2 });
  once(store, (client) => client.insert(key, patterned(1000, 1)));
  once(store, (client) => client.get(key, into), 1);
  once(store, (client) => client.put(key, patterned(1040, 2)));
  const { context } = store.nodes[1] as (typeof store.nodes)[number];
  const trips = (): number =>
    once(
      store,
      function* (client) {
        context.counters.reset(1);
        expect(yield* client.get(key, into)).toBe(1040);
        return context.counters.roundTrips;
      },
      1,
    );
  expect([trips(), trips()]).toEqual([2, 1]);
  expect(store.systemNodes[1]?.statistics.events).toMatchObject({ lengthMisses: 1, tornReads: 0 });
});

test('a get of a key that moved since follows the note: 2 round trips, and then 1 again', () => {
  const store = new InThreadStore(direct, { computeNodes: 2 });
  once(store, (client) => client.insert(key, patterned(100, 1)));
  once(store, (client) => client.get(key, into), 1);
  once(store, (client) => client.put(key, patterned(3000, 2)));
  const { context } = store.nodes[1] as (typeof store.nodes)[number];
  const trips = (): number =>
    once(
      store,
      function* (client) {
        context.counters.reset(1);
        expect(yield* client.get(key, into)).toBe(3000);
        return context.counters.roundTrips;
      },
      1,
    );
  const first = trips();
  // The note names the slot and its class; the record's length is found on the way.
  expect(first).toBe(2);
  expect(trips()).toBe(1);
  expect(store.systemNodes[1]?.statistics.events).toMatchObject({ movesFollowed: 1 });
});
