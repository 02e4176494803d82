import { describe, expect, test } from 'vitest';
import { InThreadStore } from '../../../test/support/in-thread.ts';
import { interleaved } from '../../../test/support/interleave.ts';
import { isLinearizable, type KeyOperation } from '../../../test/support/key-operations.ts';
import { RandomSchedule } from '../../../test/support/random-schedule.ts';
import { once, patterned } from '../../../test/support/values.ts';
import type { Program } from '../../core/effect.ts';
import { type Key, keyOf } from '../../core/key.ts';
import { type RandomStream, randomStream } from '../../core/random.ts';
import type { StoreClient, SystemNode } from '../system.ts';
import { direct } from './index.ts';

function eventsOf(nodes: readonly SystemNode[]): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const { statistics } of nodes) {
    for (const [name, n] of Object.entries(statistics.events)) sum[name] = (sum[name] ?? 0) + n;
  }
  return sum;
}

/** A value names itself in each byte's pattern, and its length changes with it. */
function valueNamed(id: number): Uint8Array {
  return patterned(8 + ((id * 37) % 400), id);
}

describe('a few clients of three nodes on few keys, under a random schedule', () => {
  function* client(
    store: StoreClient,
    dice: RandomStream,
    keys: readonly Key[],
    histories: KeyOperation[][],
    nowNs: () => number,
    nextId: () => number,
  ): Program {
    const into = new Uint8Array(4096);
    for (let i = 0; i < 4; i++) {
      const which = dice.below(keys.length);
      const key = keys[which] as Key;
      const history = histories[which] as KeyOperation[];
      const operation = (['insert', 'get', 'put', 'delete'] as const)[dice.below(4)] as 'get';
      const invokedNs = nowNs();
      const done = (rest: Partial<KeyOperation>): void => {
        history.push({ operation, invokedNs, returnedNs: nowNs(), ...rest });
      };
      if (operation === 'get') {
        const length = yield* store.get(key, into);
        done({ value: length === undefined ? undefined : idOf(into.subarray(0, length)) });
      } else if ((operation as string) === 'delete') {
        done({ result: yield* store.delete(key) });
      } else {
        const value = nextId();
        done({ value, result: yield* store[operation as 'put'](key, valueNamed(value)) });
      }
    }
  }

  /** Which of the values written this is; NaN where it is none of them, torn or mixed. */
  function idOf(bytes: Uint8Array): number {
    for (let id = 1; id < 200; id++) {
      const expected = valueNamed(id);
      if (expected.length === bytes.length && expected.every((b, i) => b === bytes[i])) return id;
    }
    return Number.NaN;
  }

  test.each([
    [{ replicas: 1 }, {}],
    [{ replicas: 3 }, {}],
    [{ replicas: 2 }, { readers: 'spin-on-lock' }],
  ])('every key is linearizable: %j %j', (shape, settings) => {
    const totals: Record<string, number> = {};
    for (let seed = 1; seed <= 60; seed++) {
      const schedule = new RandomSchedule(direct, {
        seed,
        shape: { memoryNodes: 3, computeNodes: 3, keysMax: 8, ...shape },
        settings,
        durability: seed % 2 === 0 ? 'flush' : 'assumed',
      });
      const keys = [keyOf('a'), keyOf('b')];
      const histories: KeyOperation[][] = keys.map(() => []);
      let ids = 0;
      schedule.run(
        Array.from({ length: 6 }, (_, i) => ({
          node: i % 3,
          program: (store: StoreClient) =>
            client(
              store,
              randomStream(seed, `client ${i}`),
              keys,
              histories,
              () => schedule.nowNs,
              () => ++ids,
            ),
        })),
      );
      for (const history of histories) {
        expect(isLinearizable(history), `seed ${seed}: ${JSON.stringify(history)}`).toBe(true);
      }
      for (const [name, n] of Object.entries(eventsOf(schedule.systemNodes))) {
        totals[name] = (totals[name] ?? 0) + n;
      }
    }
    // The schedules did reach what this test is about.
    for (const name of ['lockRetries', 'bucketRetries', 'reallocations', 'staleLocations']) {
      expect(totals[name], name).toBeGreaterThan(0);
    }
  });
});

test('of many nodes that insert one key at once exactly one wins, and its value stays', () => {
  for (let seed = 1; seed <= 40; seed++) {
    const store = new InThreadStore(direct, { computeNodes: 5, memoryNodes: 3, replicas: 2 });
    const key = keyOf('contested');
    const winners: number[] = [];
    store.run(
      Array.from({ length: 5 }, (_, node) => ({
        node,
        program: (client: StoreClient) =>
          interleaved(
            (function* () {
              if (yield* client.insert(key, patterned(200, node))) winners.push(node);
            })(),
            randomStream(seed, `node ${node}`),
          ),
      })),
    );
    expect(winners).toHaveLength(1);
    const into = new Uint8Array(4096);
    for (let node = 0; node < 5; node++) {
      expect(once(store, (client) => client.get(key, into), node)).toBe(200);
      expect(into.slice(0, 200)).toEqual(patterned(200, winners[0] as number));
    }
  }
});

test('keys that crowd two buckets are all inserted, and claims that lose try again', () => {
  let races = 0;
  for (let seed = 1; seed <= 20; seed++) {
    // Two buckets in all, so that every key shares both with every other.
    const shape = { computeNodes: 4, memoryNodes: 1, keysMax: 7, keyBytesMax: 8 };
    const store = new InThreadStore(direct, shape);
    store.run(
      Array.from({ length: 4 }, (_, node) => ({
        node,
        program: (client: StoreClient) =>
          interleaved(
            (function* () {
              for (let i = 0; i < 3; i++) {
                expect(yield* client.insert(keyOf(`${node} ${i}`), patterned(9, i))).toBe(true);
              }
            })(),
            randomStream(seed, `node ${node}`),
          ),
      })),
    );
    const into = new Uint8Array(4096);
    for (let i = 0; i < 12; i++) {
      const key = keyOf(`${i % 4} ${Math.floor(i / 4)}`);
      expect(once(store, (client) => client.get(key, into))).toBe(9);
    }
    races += eventsOf(store.systemNodes).entryRaces as number;
  }
  expect(races).toBeGreaterThan(0);
});

test('torn READs and WRITEs never show: every get gives one whole value of its own key', () => {
  let torn = 0;
  for (let seed = 1; seed <= 15; seed++) {
    const store = new InThreadStore(direct, { computeNodes: 3, memoryNodes: 2, replicas: 2 });
    const keys = [keyOf('p'), keyOf('q'), keyOf('r')];
    const sizes = [40, 120, 500];
    const into = new Uint8Array(4096);
    const writer = (dice: RandomStream, client: StoreClient) =>
      (function* () {
        for (let i = 0; i < 12; i++) {
          const k = dice.below(3);
          const value = patterned(sizes[dice.below(3)] as number, k * 50 + dice.below(50));
          const what = dice.below(4);
          if (what === 0) yield* client.delete(keys[k] as Key);
          else if (what === 1) yield* client.insert(keys[k] as Key, value);
          else yield* client.put(keys[k] as Key, value);
        }
      })();
    const reader = (dice: RandomStream, client: StoreClient) =>
      (function* () {
        const own = new Uint8Array(4096);
        for (let i = 0; i < 30; i++) {
          const k = dice.below(3);
          const length = yield* client.get(keys[k] as Key, own);
          if (length !== undefined) expect(isOf(k, own.subarray(0, length))).toBe(true);
        }
      })();
    store.run(
      Array.from({ length: 6 }, (_, i) => ({
        node: i % 3,
        program: (client: StoreClient) => {
          const dice = randomStream(seed, `program ${i}`);
          const program = i < 3 ? writer(dice, client) : reader(dice, client);
          return interleaved(program, dice, { pieceBytes: 8 * (1 + (seed % 5)), pauseNsMax: 100 });
        },
      })),
    );
    torn += eventsOf(store.systemNodes).tornReads as number;
    for (const [k, key] of keys.entries()) {
      const seen = [0, 1, 2].map((node) => {
        const length = once(store, (client) => client.get(key, into), node);
        return length === undefined ? undefined : [...into.subarray(0, length)];
      });
      expect(seen[1]).toEqual(seen[0]);
      expect(seen[2]).toEqual(seen[0]);
      if (seen[0] !== undefined) expect(isOf(k, Uint8Array.from(seen[0]))).toBe(true);
    }
  }
  expect(torn).toBeGreaterThan(0);
});

/** Whether a value is one that was written to key k: seeds 50 k to 50 k + 49. */
function isOf(k: number, bytes: Uint8Array): boolean {
  for (let seed = k * 50; seed < k * 50 + 50; seed++) {
    const expected = patterned(bytes.length, seed);
    if (expected.every((byte, i) => byte === bytes[i])) return true;
  }
  return false;
}
