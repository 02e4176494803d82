import fc from 'fast-check';
import { expect, test } from 'vitest';
import { InThreadStore } from '../../../test/support/in-thread.ts';
import { once, patterned } from '../../../test/support/values.ts';
import { keyOf } from '../../core/key.ts';
import { randomStream } from '../../core/random.ts';
import { direct } from './index.ts';

const into = new Uint8Array(32 * 1024);

test('what was inserted is read, replaced, deleted and inserted again', () => {
  const store = new InThreadStore(direct, { replicas: 2 });
  const key = keyOf('user1');
  once(store, function* (client) {
    expect(yield* client.get(key, into)).toBeUndefined();
    expect(yield* client.put(key, patterned(10, 1))).toBe(false);
    expect(yield* client.delete(key)).toBe(false);
    expect(yield* client.insert(key, patterned(100, 1))).toBe(true);
    expect(yield* client.insert(key, patterned(100, 2))).toBe(false);
    expect(yield* client.get(key, into)).toBe(100);
    expect(into.slice(0, 100)).toEqual(patterned(100, 1));
    expect(yield* client.put(key, patterned(90, 3))).toBe(true);
    expect(yield* client.get(key, into)).toBe(90);
    expect(into.slice(0, 90)).toEqual(patterned(90, 3));
    expect(yield* client.delete(key)).toBe(true);
    expect(yield* client.get(key, into)).toBeUndefined();
    expect(yield* client.insert(key, patterned(5, 5))).toBe(true);
    expect(yield* client.get(key, into)).toBe(5);
  });
});

test('keys are any 1 to 255 bytes and values 1 to 32 KiB', () => {
  const store = new InThreadStore(direct, {
    keyBytesMax: 255,
    valueBytesMax: 32 * 1024,
    keysMax: 8,
  });
  const keys = [keyOf(Uint8Array.of(0)), keyOf(new Uint8Array(255).fill(255)), keyOf('\0\0')];
  once(store, function* (client) {
    for (const [i, key] of keys.entries()) {
      expect(yield* client.insert(key, patterned(1, i))).toBe(true);
      expect(yield* client.put(key, patterned(32 * 1024, i))).toBe(true);
      expect(yield* client.get(key, into)).toBe(32 * 1024);
      expect(into).toEqual(patterned(32 * 1024, i));
      expect(yield* client.put(key, patterned(1, i + 9))).toBe(true);
      expect(yield* client.get(key, into)).toBe(1);
      expect(into[0]).toBe(patterned(1, i + 9)[0]);
    }
  });
});

test('keys and values beyond what the shape allows are refused before any verb', () => {
  const store = new InThreadStore(direct, {
    keyBytesMax: 8,
    valueBytesMax: 64,
    valueBytesMean: 64,
  });
  const refused = (length: number, key: string) => () =>
    once(store, (client) => client.insert(keyOf(key), new Uint8Array(length)));
  expect(refused(65, 'k')).toThrow('a value of 65 bytes: this store takes 1 to 64');
  expect(refused(0, 'k')).toThrow('a value of 0 bytes');
  expect(refused(8, 'too long a key')).toThrow('this store takes up to 8');
});

test('a value that outgrows its slot moves, and is counted apart from other puts', () => {
  const store = new InThreadStore(direct, { computeNodes: 2, replicas: 2 });
  const key = keyOf('growing');
  once(store, (client) => client.insert(key, patterned(10, 0)));
  for (let node = 0; node < 2; node++) once(store, (client) => client.get(key, into), node);
  const lengths = [20, 40, 300, 290, 1000, 4096, 1, 4096];
  for (const [i, length] of lengths.entries()) {
    once(store, (client) => client.put(key, patterned(length, i)), i % 2);
    for (let node = 0; node < 2; node++) {
      const got = once(store, (client) => client.get(key, into), node);
      expect(got).toBe(length);
      expect(into.slice(0, length)).toEqual(patterned(length, i));
    }
  }
  const events = store.systemNodes.map((node) => node.statistics.events);
  const reallocations = events.reduce((sum, event) => sum + (event.reallocations as number), 0);
  // Slots at least double, so the seven growths fit into three moves: 300, 1000 (or 4096), 4096.
  expect(reallocations).toBeGreaterThanOrEqual(3);
  expect(reallocations).toBeLessThanOrEqual(4);
});

test('values whose sizes change all the time fit the memory that a shape asks for', () => {
  const shape = {
    computeNodes: 2,
    keysMax: 60,
    valueBytesMax: 32 * 1024,
    valueBytesMean: 2000,
    replicas: 2,
  };
  const store = new InThreadStore(direct, shape);
  const keys = Array.from({ length: 60 }, (_, i) => keyOf(`key ${i}`));
  const dice = randomStream(1, 'sizes');
  const value = new Uint8Array(32 * 1024);
  const size = () => value.subarray(0, Math.ceil(32 * 1024 * dice.unit() ** 4));
  once(store, function* (client) {
    for (const key of keys) yield* client.insert(key, size());
  });
  for (let round = 0; round < 40; round++) {
    once(
      store,
      function* (client) {
        for (const key of keys) expect(yield* client.put(key, size())).toBe(true);
      },
      round % 2,
    );
  }
  const events = store.systemNodes.map((node) => node.statistics.events);
  const reallocations = events.reduce((sum, event) => sum + (event.reallocations as number), 0);
  // Slots at least double each time: from the smallest to the largest at most nine times.
  expect(reallocations).toBeGreaterThan(60);
  expect(reallocations).toBeLessThanOrEqual(9 * 60);
});

type Step = { op: 'insert' | 'get' | 'put' | 'delete'; node: number; key: number; bytes: number };

const steps = fc.array(
  fc.record<Step>({
    op: fc.constantFrom('insert', 'get', 'put', 'delete'),
    node: fc.nat(2),
    key: fc.nat(5),
    bytes: fc.oneof(fc.integer({ min: 1, max: 64 }), fc.integer({ min: 1, max: 3000 })),
  }),
  { maxLength: 60 },
);

test.each(['assumed', 'flush'] as const)(
  'three nodes taking turns see one map, whatever they do and wherever they cached it (%s)',
  (durability) => {
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 3 }), fc.boolean(), (all, replicas, spins) => {
        const shape = { memoryNodes: 3, computeNodes: 3, replicas, keysMax: 8 };
        const settings = spins ? { readers: 'spin-on-lock', redo: false } : {};
        const store = new InThreadStore(direct, shape, settings, durability);
        const model = new Map<number, Uint8Array>();
        for (const [i, step] of all.entries()) agrees(store, model, step, i);
      }),
      { numRuns: 40 },
    );
  },
);

function agrees(
  store: InThreadStore,
  model: Map<number, Uint8Array>,
  step: Step,
  seed: number,
): void {
  const key = keyOf(`key ${step.key}`);
  const value = patterned(step.bytes, seed);
  const known = model.get(step.key);
  const exists = known !== undefined;
  const { node } = step;
  if (step.op === 'insert') {
    expect(once(store, (client) => client.insert(key, value), node)).toBe(!exists);
    if (!exists) model.set(step.key, value);
  } else if (step.op === 'put') {
    expect(once(store, (client) => client.put(key, value), node)).toBe(exists);
    if (exists) model.set(step.key, value);
  } else if (step.op === 'delete') {
    expect(once(store, (client) => client.delete(key), node)).toBe(exists);
    model.delete(step.key);
  } else {
    const length = once(store, (client) => client.get(key, into), node);
    expect(length).toBe(known?.length);
    if (exists) expect(into.slice(0, length)).toEqual(known);
  }
}

test('settings are checked by name, type and against each other', () => {
  const open = (settings: Record<string, unknown>) => () => new InThreadStore(direct, {}, settings);
  expect(open({ reader: 'spin-on-lock' })).toThrow('did you mean readers?');
  expect(open({ readers: 'spin' })).toThrow('expected one of ignore-lock, spin-on-lock');
  expect(open({ redo: 1 })).toThrow('direct.redo is 1: expected true or false');
  expect(open({ backOffNsMin: 2000, backOffNsMax: 1000 })).toThrow('expected at most backOffNsMax');
});

test('statistics say what is in use, and locate says what lies where', () => {
  const store = new InThreadStore(direct, { memoryNodes: 1 });
  const keys = Array.from({ length: 10 }, (_, i) => keyOf(`key ${i}`));
  once(store, function* (client) {
    for (const key of keys) yield* client.insert(key, patterned(1000, 1));
  });
  const node = store.systemNodes[0];
  const before = node?.statistics;
  // A record of 16 + 5 + 1000 bytes, rounded to 8, twice, with a lock word, in a class of 2304 B.
  expect(before?.remote?.dataBytes).toBe(10 * 2304);
  expect(before?.metadataBytes).toBe(10 * (32 + 5));
  once(store, (client) => client.delete(keys[0] as (typeof keys)[0]));
  expect(node?.statistics.remote?.dataBytes).toBe(9 * 2304);
  expect(node?.statistics.metadataBytes).toBe(9 * (32 + 5));
});
