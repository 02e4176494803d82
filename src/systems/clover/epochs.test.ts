import { expect, test } from 'vitest';
import { CloverStore } from '../../../test/support/clover-store.ts';
import { smallShape } from '../../../test/support/in-thread.ts';
import { globalAddress } from '../../core/address.ts';
import { effectKind, type Program, verbStatus, writeWord } from '../../core/effect.ts';
import { keyOf } from '../../core/key.ts';
import type { StoreClient, StoreShape } from '../system.ts';
import { system } from './index.ts';
import { planPools } from './pools.ts';

const into = new Uint8Array(400);
const key = keyOf('hot');

function numbered(number: number): Uint8Array {
  const value = new Uint8Array(200);
  new DataView(value.buffer).setUint32(0, number);
  return value;
}

function numberIn(bytes: Uint8Array): number {
  return new DataView(bytes.buffer).getUint32(0);
}

const shape = {
  ...smallShape,
  keysMax: 2,
  keyBytesMax: 8,
  valueBytesMax: 200,
  valueBytesMean: 200,
  memoryBytes: 1,
};
const settings = {
  buffersPerRequest: 1,
  retireBatch: 1,
  retireIntervalNs: 1000,
  epochNs: 20_000,
};

/** A store with the least memory it accepts: a few buffers a class, worn out after some thousand puts. */
function tinyStore(overrides: Partial<StoreShape> = {}): CloverStore {
  const wanted = { ...shape, ...overrides };
  try {
    planPools(wanted, system.configure(settings, wanted));
  } catch (error) {
    const memoryBytes = Number(/needs (\d+) B/.exec((error as Error).message)?.[1]);
    return new CloverStore({ ...wanted, memoryBytes }, settings);
  }
  return expect.fail('one byte should not do');
}

function* putMany(client: StoreClient, count: number): Program<void> {
  for (let i = 1; i <= count; i++) {
    expect(yield* client.put(key, numbered(i))).toBe(true);
    if (i % 8 !== 0) continue;
    expect(yield* client.get(key, into)).toBe(200);
    expect(numberIn(into)).toBe(i);
  }
}

test.each([1, 2])('buffers outlive their versions many times over, with %i copies', (replicas) => {
  const store = tinyStore({ replicas });
  const { plan } = store.node().layout;
  store.once((client) => client.insert(key, numbered(0)));
  const puts = 254 * 3 * (plan.buffers[1] as number);
  store.once((client) => putMany(client, puts));
  expect(store.servers[0]?.allocator.epoch).toBeGreaterThanOrEqual(3);
  expect(store.node().events.epochsAcknowledged).toBeGreaterThanOrEqual(3);
});

test('a node that stays idle through epochs keeps working, and its cursors are misses', () => {
  const store = tinyStore({ computeNodes: 2 });
  store.once((client) => client.insert(key, numbered(0)));
  store.once((client) => client.get(key, into), 1);
  const before = store.node(1).events.cursorMisses;
  expect(store.node(1).cursors.size).toBe(1);
  store.once((client) => putMany(client, 6_000));
  expect(store.servers[0]?.allocator.epoch).toBeGreaterThanOrEqual(3);
  expect(store.node(1).cursors.size).toBe(0);
  store.once((client) => client.get(key, into), 1);
  expect(numberIn(into)).toBe(6_000);
  expect(store.node(1).events.cursorMisses).toBe(before + 1);
});

/** Advances a program by hand up to its first verb, and leaves it there. */
function* stopAtFirstVerb(program: Program<unknown>): Program<void> {
  for (;;) {
    const step = program.next();
    expect(step.done).toBe(false);
    if (step.done === true) return;
    const { kind } = step.value;
    if (kind === effectKind.batch || kind === effectKind.verb) return;
    yield step.value;
  }
}

test('no epoch passes while an operation of before is under way, and none is held up', () => {
  const store = tinyStore({ computeNodes: 2 });
  store.once((client) => client.insert(key, numbered(0)));
  // A get on the other node stops in the middle: it holds a reference to the first version.
  store.once((client) => stopAtFirstVerb(client.get(key, into)), 1);
  expect(() => store.once((client) => putMany(client, 20_000))).toThrow('no free buffer');
  expect(store.servers[0]?.allocator.epoch).toBe(0);
  expect(store.servers[0]?.allocator.overflowing).toBeGreaterThan(0);
  expect(store.servers[0]?.statistics.events.epochsRefused).toBeGreaterThan(0);
});

test('a node with a verb of unknown outcome never consents', () => {
  const store = tinyStore();
  store.once((client) => client.insert(key, numbered(0)));
  const lost = writeWord(globalAddress(0, 0), 1n);
  lost.status = verbStatus.unknown;
  store.node().doubts.note([lost]);
  expect(() => store.once((client) => putMany(client, 20_000))).toThrow('no free buffer');
  expect(store.servers[0]?.allocator.epoch).toBe(0);
});

test('without worn buffers there are no epochs', () => {
  const store = new CloverStore({ ...shape, memoryBytes: undefined as never }, settings);
  store.once((client) => client.insert(key, numbered(0)));
  store.once((client) => putMany(client, 500));
  expect(store.servers[0]?.allocator.epoch).toBe(0);
});
