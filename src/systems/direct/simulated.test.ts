import { describe, expect, test } from 'vitest';
import { SimStore } from '../../../test/support/sim-store.ts';
import { isPatterned, patterned } from '../../../test/support/values.ts';
import { type Key, keyOf } from '../../core/key.ts';
import { randomStream } from '../../core/random.ts';
import type { StoreClient } from '../system.ts';
import { direct } from './index.ts';

/** In virtual time bytes of one verb move in no order, and a batch's copies at different times. */
const lengths = [24, 700, 720, 3000];

function events(store: SimStore, name: string): number {
  return store.systemNodes.reduce((sum, { statistics }) => sum + (statistics.events[name] ?? 0), 0);
}

describe.each(['assumed', 'flush'] as const)('in virtual time, %s', (durability) => {
  test.each([1, 3])('with %i copies every get gives one whole value of its own key', (replicas) => {
    const shape = { memoryNodes: 3, computeNodes: 4, clientsPerNode: 2, replicas };
    const store = new SimStore(direct, shape, { durability, seed: replicas });
    const keys = Array.from({ length: 4 }, (_, i) => keyOf(`key ${i}`));
    let gets = 0;
    const wrong: string[] = [];
    function* work(client: StoreClient, program: number) {
      const dice = randomStream(program, 'work');
      const into = new Uint8Array(4096);
      for (let i = 0; i < 150; i++) {
        const k = dice.below(keys.length);
        const key = keys[k] as Key;
        const value = patterned(lengths[dice.below(4)] as number, k * 4 + dice.below(4));
        const what = dice.below(20);
        if (what === 0) yield* client.delete(key);
        else if (what < 4) yield* client.insert(key, value);
        else if (what < 10) yield* client.put(key, value);
        else {
          const length = yield* client.get(key, into);
          if (length === undefined) continue;
          gets++;
          const got = into.subarray(0, length);
          const known = [0, 1, 2, 3].some((seed) => isPatterned(got, k * 4 + seed));
          if (!known || !lengths.includes(length)) wrong.push(`${key.text}: ${length} B`);
        }
      }
    }
    store.run(
      Array.from({ length: 8 }, (_, i) => ({
        node: i % 4,
        thread: Math.floor(i / 4),
        program: (client: StoreClient) => work(client, i),
      })),
    );
    expect(wrong).toEqual([]);
    expect(gets).toBeGreaterThan(200);
    for (const name of ['lockRetries', 'tornReads', 'reallocations', 'staleLocations']) {
      expect(events(store, name), name).toBeGreaterThan(0);
    }
  });
});

test.each(['assumed', 'flush'] as const)(
  'round trips in virtual time are those of the paper, with copies too (%s)',
  (durability) => {
    const store = new SimStore(direct, { memoryNodes: 3, replicas: 3 }, { durability });
    const key = keyOf('user1');
    const into = new Uint8Array(4096);
    const trips: number[] = [];
    store.run([
      {
        *program(client, context) {
          yield* client.insert(key, patterned(1000, 1));
          for (const operation of [
            () => client.get(key, into),
            () => client.put(key, patterned(1000, 2)),
            () => client.put(key, patterned(3000, 3)),
            () => client.delete(key),
          ]) {
            // The first of a size claims a run of extents; what follows does not.
            context.counters.reset(1);
            yield* operation();
            trips.push(context.counters.roundTrips);
          }
          yield* client.insert(key, patterned(1000, 1));
          context.counters.reset(1);
          yield* client.put(key, patterned(3000, 3));
          trips.push(context.counters.roundTrips);
        },
      },
    ]);
    expect(trips).toEqual([1, 4, 6, 4, 4]);
  },
);

test('where nothing but round trips takes time, a put takes four times as long as a get', () => {
  const store = new SimStore(direct, { memoryNodes: 1 }, { profile: 'ideal' });
  const key = keyOf('user1');
  const into = new Uint8Array(4096);
  let getNs = 0;
  let putNs = 0;
  store.run([
    {
      *program(client, context) {
        yield* client.insert(key, patterned(1000, 1));
        const start = context.nowNs();
        yield* client.get(key, into);
        getNs = context.nowNs() - start;
        yield* client.put(key, patterned(1000, 1));
        putNs = context.nowNs() - start - getNs;
      },
    },
  ]);
  expect(putNs).toBe(4 * getNs);
});
