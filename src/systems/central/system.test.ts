import { describe, expect, test } from 'vitest';
import { InThreadStore } from '../../../test/support/in-thread.ts';
import { SimStore } from '../../../test/support/sim-store.ts';
import { globalAddress } from '../../core/address.ts';
import type { Counters } from '../../core/counters.ts';
import type { Program } from '../../core/effect.ts';
import { FarsideError } from '../../core/errors.ts';
import { keyOf } from '../../core/key.ts';
import { messageHeader } from '../../core/message.ts';
import { recordBytes } from '../../core/record.ts';
import { assembleCluster } from '../assemble.ts';
import type { StoreClient, StoreShape, System } from '../system.ts';
import { system as central } from './index.ts';

const system = central as System;
const key = keyOf('user0001');

const shape: StoreShape = {
  memoryNodes: 4,
  computeNodes: 8,
  clientsPerNode: 8,
  outstanding: 1,
  replicas: 2,
  keysMax: 100_000,
  keyBytesMax: 32,
  valueBytesMax: 1024,
  valueBytesMean: 1024,
  medium: 'pm',
  memoryBytes: undefined,
};

/** What `operation` costs a client alone in the cluster, after `before`. */
function costOf(
  operation: (store: StoreClient) => Program<unknown>,
  options: {
    readonly replicas?: number;
    readonly durability?: 'assumed' | 'flush';
    readonly before?: boolean;
  } = {},
): Counters {
  const { replicas = 1, durability = 'assumed', before = true } = options;
  const store = new SimStore(system, { memoryNodes: 3, replicas }, { durability });
  let cost: Counters | undefined;
  store.run([
    {
      *program(client, context) {
        // A record of another key takes the chunk's label, so that the operation is the common
        // case.
        yield* client.insert(keyOf('user0000'), new Uint8Array(1000));
        yield* client.insert(keyOf('user0002'), new Uint8Array(1000));
        yield* client.insert(keyOf('user0003'), new Uint8Array(1000));
        if (before) yield* client.insert(key, new Uint8Array(1000));
        context.counters.reset(7);
        yield* operation(client);
        cost = Object.assign(Object.create(null), context.counters);
      },
    },
  ]);
  return cost as Counters;
}

const get = (store: StoreClient) => store.get(key, new Uint8Array(4096));
const put = (store: StoreClient) => store.put(key, new Uint8Array(1000));
const insert = (store: StoreClient) => store.insert(key, new Uint8Array(1000));
const remove = (store: StoreClient) => store.delete(key);

describe.each(['assumed', 'flush'] as const)('round trips, %s', (durability) => {
  const flushes = durability === 'flush' ? 1 : 0;

  test.each([1, 2, 3])('with %i copies: get 2, put 2, insert 2, delete 2', (replicas) => {
    const options = { replicas, durability };
    const message = 2; // WRITEs of one message, in one doorbell
    const read = costOf(get, options);
    expect([read.roundTrips, read.verbs, read.doorbells]).toEqual([2, 2 * message + 1, 3]);
    for (const operation of [put, remove]) {
      const cost = costOf(operation, options);
      expect(cost.roundTrips).toBe(2);
      expect(cost.verbs).toBe(2 * message + replicas * (1 + flushes));
      expect(cost.doorbells).toBe(2 + replicas);
    }
    expect(costOf(insert, { ...options, before: false }).roundTrips).toBe(2);
  });

  test('1 where the map alone knows the answer', () => {
    const absent = { durability, before: false };
    for (const operation of [get, put, remove]) {
      expect(costOf(operation, absent).roundTrips).toBe(1);
    }
    expect(costOf(insert, { durability }).roundTrips).toBe(1);
  });
});

test('bytes: a get carries the value twice, a put R + 1 times, and heads are small', () => {
  const record = recordBytes(key.bytes.length, 1000);
  const head = 8;
  const message = (bodyBytes: number): number =>
    messageHeader.sizeBytes + 8 * Math.ceil(bodyBytes / 8) + 8;
  const read = costOf(get);
  expect(read.bytesIn).toBe(record);
  expect(read.bytesOut).toBe(message(head + key.bytes.length) + message(head + 1000));
  const written = costOf(put, { replicas: 2 });
  expect(written.bytesIn).toBe(0);
  expect(written.bytesOut).toBe(message(head + record) + 2 * record + message(head));
});

describe('what the released code does, and this must not', () => {
  test('a get sees the last put, and its reply carries the bytes that were read', () => {
    const store = new SimStore(system, { memoryNodes: 2, replicas: 2 });
    store.run([
      {
        *program(client) {
          const into = new Uint8Array(4096);
          for (let round = 1; round < 40; round++) {
            const value = Uint8Array.from({ length: 1 + round * 97 }, (_, i) => round * i);
            yield* round === 1 ? client.insert(key, value) : client.put(key, value);
            expect(yield* client.get(key, into)).toBe(value.length);
            expect(into.subarray(0, value.length)).toEqual(value);
          }
        },
      },
    ]);
    expect(store.serverStatistics[0]?.events.mapFlips).toBe(39);
  });

  test.each(['assumed', 'flush'] as const)('racing puts to one key never mix, %s', (durability) => {
    const shape = { memoryNodes: 3, replicas: 2, computeNodes: 4, clientsPerNode: 4 };
    const store = new SimStore(system, shape, { durability });
    store.run([{ program: (client) => client.insert(key, new Uint8Array(700).fill(255)) }]);
    let seen = 0;
    const writers = Array.from({ length: 8 }, (_, writer) => ({
      node: writer % 4,
      thread: writer >> 2,
      *program(client: StoreClient): Program<void> {
        for (let i = 0; i < 60; i++) {
          const value = new Uint8Array(100 + 61 * ((writer + i) % 50)).fill(writer * 8 + (i % 8));
          yield* client.put(key, value);
        }
      },
    }));
    const readers = Array.from({ length: 8 }, (_, reader) => ({
      node: reader % 4,
      thread: 2 + (reader >> 2),
      *program(client: StoreClient): Program<void> {
        const into = new Uint8Array(4096);
        for (let i = 0; i < 60; i++) {
          const length = (yield* client.get(key, into)) as number;
          expect(into.subarray(0, length).every((byte) => byte === into[0])).toBe(true);
          seen++;
        }
      },
    }));
    store.run([...writers, ...readers]);
    expect(seen).toBe(480);
    const statistics = store.serverStatistics[0];
    expect(statistics?.events.lockWaits).toBeGreaterThan(0);
    expect(statistics?.events.putsSuperseded).toBeGreaterThan(0);
    expect(statistics?.events.buffersOwed).toBe(0);
  });

  test('many operations in flight at once are each answered with their own data', () => {
    const outstanding = 16;
    const store = new SimStore(system, { outstanding, replicas: 2 }, { settings: { handlers: 3 } });
    store.run(
      Array.from({ length: outstanding }, (_, client) => ({
        *program(access: StoreClient): Program<void> {
          const into = new Uint8Array(4096);
          const own = keyOf(`client ${client}`);
          for (let i = 0; i < 30; i++) {
            const value = new Uint8Array(1 + ((client * 53 + i * 31) % 900)).fill(client);
            expect(yield* i === 0 ? access.insert(own, value) : access.put(own, value)).toBe(true);
            expect(yield* access.get(own, into)).toBe(value.length);
            expect(into.subarray(0, value.length)).toEqual(value);
          }
        },
      })),
    );
  });

  test('the coordinator holds no values: its memory per entry does not grow with them', () => {
    const bytesPerEntry = (valueBytes: number): number => {
      const store = new SimStore(system, {});
      store.run([{ program: (client) => client.insert(key, new Uint8Array(valueBytes)) }]);
      return store.serverStatistics[0]?.metadataBytes as number;
    };
    expect(bytesPerEntry(4096)).toBe(bytesPerEntry(1));
    expect(bytesPerEntry(1)).toBeLessThan(128);
  });
});

describe('limits', () => {
  const layoutOf = (overrides: Partial<StoreShape>) => {
    const full = { ...shape, ...overrides };
    return assembleCluster(system, full, system.configure({}, full));
  };

  test.each([
    { keysMax: 100_000 },
    { keysMax: 1_000_000 },
    { keysMax: 1_000_000, replicas: 3, memoryNodes: 3 },
    { keysMax: 1_000_000, valueBytesMax: 32_768, valueBytesMean: 500 },
  ])('a memory node stays below 3 GiB for %j', (overrides) => {
    expect(layoutOf(overrides).node(0).spaceBytes).toBeLessThan(3 * 2 ** 30);
  });

  test('a region that is too small is refused with the bytes that are needed', () => {
    let message = '';
    try {
      layoutOf({ memoryBytes: 1_000_000 });
    } catch (error) {
      expect((error as FarsideError).code).toBe('FARSIDE_CAPACITY');
      ({ message } = error as FarsideError);
    }
    const needed = Number(/needs (\d+) B/.exec(message)?.[1]);
    expect(needed).toBeGreaterThan(50_000 * 1024);
    expect(layoutOf({ memoryBytes: needed }).node(0).spaceBytes).toBeGreaterThanOrEqual(needed);
    expect(() => layoutOf({ memoryBytes: needed - 1 })).toThrow(/needs \d+ B/);
  });

  test('as many keys as asked for fit, of any mix of sizes, and the next one is refused', () => {
    const keysMax = 300;
    const store = new InThreadStore(system, { keysMax, replicas: 2, memoryNodes: 3 });
    const refused: string[] = [];
    store.run([
      {
        *program(client) {
          for (let i = 0; i < 3 * keysMax; i++) {
            const value = new Uint8Array(1 + ((i * 1777) % 4096));
            const name = keyOf(`key ${i % keysMax}`);
            expect(yield* i < keysMax ? client.insert(name, value) : client.put(name, value)).toBe(
              true,
            );
          }
          try {
            for (let i = 0; i < 20; i++) yield* client.insert(keyOf(`more ${i}`), Uint8Array.of(1));
          } catch (error) {
            expect(error).toBeInstanceOf(FarsideError);
            refused.push((error as FarsideError).code, (error as FarsideError).message);
          }
          expect(yield* client.get(keyOf('key 0'), new Uint8Array(4096))).toBeGreaterThan(0);
        },
      },
    ]);
    expect(refused).toEqual(['FARSIDE_CAPACITY', 'the map is full: keysMax is 300']);
  });

  test('settings are checked by name and by value', () => {
    const configure = (raw: Record<string, unknown>) => () => system.configure(raw, shape);
    expect(system.configure({}, shape)).toEqual({
      handlers: 12,
      checksumBy: 'crc32c',
      verifyReads: true,
      callTimeoutUs: 5000,
      giveUpUs: 1_000_000,
    });
    expect(configure({ handler: 3 })).toThrow(/no setting handler; did you mean handlers/);
    expect(configure({ handlers: 0 })).toThrow(/central.handlers is 0/);
    expect(configure({ checksumBy: 'md5' })).toThrow(/one of crc32c, crc/);
  });

  test('the smallest and the largest key and value there are', () => {
    const store = new InThreadStore(system, {
      keyBytesMax: 255,
      valueBytesMax: 32_768,
      keysMax: 4,
      replicas: 2,
    });
    store.run([
      {
        *program(client) {
          const into = new Uint8Array(32_768);
          const large = Uint8Array.from({ length: 32_768 }, (_, i) => i * 7);
          const longest = keyOf('k'.repeat(255));
          expect(yield* client.insert(longest, large)).toBe(true);
          expect(yield* client.get(longest, into)).toBe(32_768);
          expect(into).toEqual(large);
          expect(yield* client.insert(keyOf('k'), Uint8Array.of(9))).toBe(true);
          expect(yield* client.get(keyOf('k'), into)).toBe(1);
          let code = '';
          try {
            yield* client.get(longest, new Uint8Array(100));
          } catch (error) {
            ({ code } = error as FarsideError);
          }
          expect(code).toBe('FARSIDE_VALUE');
        },
      },
    ]);
  });
});

test('an address tells what lies there', () => {
  const store = new InThreadStore(system, {});
  const config = system.configure({}, shape);
  const [node] = store.nodes;
  const site = { context: node!.context, cluster: store.cluster, shape: { ...shape, replicas: 1 } };
  const at = (address: number) => system.locate?.(site, config, address);
  const map = store.cluster.region(store.cluster.byName('coordinator').id, 'map').address;
  expect(at(globalAddress(0, 0))).toBe('class word of chunk 0');
  expect(at(globalAddress(1, 256 * 1024 + 64 + 16))).toBe('chunk 1, buffer bytes 16');
  expect([at(map), at(map + 64), at(map + 64 + 48 + 24)]).toEqual([
    'map head',
    'map slot 0, half 0',
    'map slot 1, half 1',
  ]);
  expect(at(globalAddress(0, 2 ** 39))).toBeUndefined();
});
