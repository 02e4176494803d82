import { describe, expect, test } from 'vitest';
import { walkChain } from '../../../test/support/clover-memory.ts';
import { watchedClover } from '../../../test/support/clover-store.ts';
import { SimStore } from '../../../test/support/sim-store.ts';
import type { Program } from '../../core/effect.ts';
import { type Key, keyOf } from '../../core/key.ts';
import { randomStream } from '../../core/random.ts';
import type { StoreClient, StoreShape } from '../system.ts';
import { system } from './index.ts';
import type { MetadataServer } from './metadata/server.ts';
import type { CloverNode } from './node.ts';

const keys = Array.from({ length: 6 }, (_, i) => keyOf(`user${i}`));
const valueBytesMax = 700;

/** Every word of a value is its key's number and its own version, so torn or foreign bytes show. */
function value(key: number, version: number): Uint8Array {
  const bytes = new Uint8Array(8 * (2 + ((version * 13) % 80)));
  const words = new Uint32Array(bytes.buffer);
  for (let i = 0; i < words.length; i += 2) {
    words[i] = key;
    words[i + 1] = version;
  }
  return bytes;
}

/** The version of a value; throws where it is not whole. */
function versionOf(key: number, bytes: Uint8Array): number {
  const version = new Uint32Array(bytes.buffer, 0, 2)[1] as number;
  expect(bytes).toEqual(value(key, version));
  return version;
}

/** Writes versions number, number + step, ... and checks every value that it reads in between. */
function* client(
  store: StoreClient,
  number: number,
  step: number,
  operations: number,
  seen: { written: Set<string>; reads: number },
): Program<void> {
  const dice = randomStream(number, 'clover-sim');
  const into = new Uint8Array(valueBytesMax);
  let version = number;
  for (let i = 0; i < operations; i++) {
    const k = Math.min(dice.below(keys.length), dice.below(keys.length));
    if (dice.below(2) === 0) {
      const length = yield* store.get(keys[k] as Key, into);
      expect(length).toBeDefined();
      const found = versionOf(k, into.slice(0, length));
      expect(found === 0 || seen.written.has(`${k} ${found}`)).toBe(true);
      seen.reads++;
    } else {
      version += step;
      seen.written.add(`${k} ${version}`);
      expect(yield* store.put(keys[k] as Key, value(k, version))).toBe(true);
    }
  }
}

const computeNodes = 3;
const clientsPerNode = 4;
const shape: Partial<StoreShape> = {
  memoryNodes: 3,
  computeNodes,
  clientsPerNode,
  keysMax: keys.length,
  keyBytesMax: 8,
  valueBytesMax,
  valueBytesMean: 350,
  memoryBytes: 900_000,
};
const settings = { buffersPerRequest: 4, retireBatch: 4, epochNs: 100_000, retireIntervalNs: 5000 };

describe.each([
  ['one copy', 1, 'assumed', {}],
  ['one copy, the first READ wins', 1, 'flush', { readWait: 'first' }],
  ['two copies', 2, 'assumed', { loadBalance: 'load', loadWindowNs: 20_000 }],
  ['three copies, two servers', 3, 'flush', { metadataServers: 2, cursorsMax: 3, evictBy: 'lru' }],
] as const)('twelve clients on three nodes: %s', (_, replicas, durability, more) => {
  test('reads bring whole values of their key, and chains end as they should', () => {
    const servers: MetadataServer[] = [];
    const store = new SimStore(
      watchedClover(servers),
      { ...shape, replicas },
      { settings: { ...settings, ...more }, durability },
    );
    const seen = { written: new Set<string>(), reads: 0 };
    store.run([
      {
        *program(loader) {
          for (const [k, key] of keys.entries()) yield* loader.insert(key, value(k, 0));
        },
      },
    ]);
    const clients = computeNodes * clientsPerNode;
    store.run(
      Array.from({ length: clients }, (_, i) => ({
        node: i % computeNodes,
        thread: Math.floor(i / computeNodes),
        program: (each: StoreClient) => client(each, i + 1, clients, 120, seen),
      })),
    );
    expect(seen.reads).toBeGreaterThan(400);
    const node = store.systemNodes[0] as CloverNode;
    expect(node.events.linksLost).toBeGreaterThan(0);
    for (const [k, key] of keys.entries()) {
      const server = servers[node.serverOf(key)] as MetadataServer;
      const versions = walkChain(node.layout, server.namer.find(key.text)!, (address, length) => {
        const bytes = new Uint8Array(length);
        store.sim.inspect(address, bytes);
        return bytes;
      });
      const last = versionOf(k, versions.at(-1)!.value.slice());
      expect(last === 0 || seen.written.has(`${k} ${last}`)).toBe(true);
    }
  });
});

test('the same seed gives the same events', () => {
  const hashes = [1, 1, 2].map((seed) => {
    const store = new SimStore(system, { ...shape, clientsPerNode: 1 }, { settings, seed });
    const seen = { written: new Set<string>(), reads: 0 };
    store.run([
      {
        *program(loader) {
          for (const [k, key] of keys.entries()) yield* loader.insert(key, value(k, 0));
          yield* client(loader, seed, 1, 100, seen);
        },
      },
    ]);
    return store.sim.eventHash;
  });
  expect(hashes[1]).toBe(hashes[0]);
  expect(hashes[2]).not.toBe(hashes[0]);
});

/** Spec §4.1: READ or WRITE latency of that many bytes, plus what Clover adds. */
test('an unloaded get adds 0.53 us to its READ, a put 3.0 us to its WRITE', () => {
  const exactBytes = { valueBytesMax: 1000, valueBytesMean: 1000, keyBytesMax: 8 };
  const store = new SimStore(system, { memoryNodes: 1, ...exactBytes });
  const key = keyOf('key8byte');
  const data = new Uint8Array(1024 - 8 - 24);
  const into = new Uint8Array(1000);
  const medians: number[] = [];
  store.run([
    {
      *program(only, { nowNs }) {
        yield* only.insert(key, data);
        for (const operation of ['put', 'get'] as const) {
          const tookNs: number[] = [];
          for (let i = 0; i < 101; i++) {
            const startNs = nowNs();
            yield* operation === 'put' ? only.put(key, data) : only.get(key, into);
            tookNs.push(nowNs() - startNs);
          }
          medians.push(tookNs.sort((a, b) => a - b)[50] as number);
        }
      },
    },
  ]);
  const [putNs, getNs] = medians as [number, number];
  expect(Math.abs(getNs / 2410 - 1)).toBeLessThan(0.1);
  expect(Math.abs(putNs / 4520 - 1)).toBeLessThan(0.1);
});
