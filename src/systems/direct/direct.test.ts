import fc from 'fast-check';
import { expect, test } from 'vitest';
import { InThreadStore } from '../../../test/support/in-thread.ts';
import type { Program } from '../../core/effect.ts';
import { keyOf } from '../../core/key.ts';
import type { StoreClient } from '../system.ts';
import { direct } from './index.ts';

function filled(length: number, fill: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (fill + i * 7) & 0xff);
}

/** Runs one program on one client and gives what it returns. */
function once<T>(store: InThreadStore, program: (client: StoreClient) => Program<T>, node = 0): T {
  let result: T | undefined;
  store.run([
    {
      node,
      program: function* (client) {
        result = yield* program(client);
      },
    },
  ]);
  return result as T;
}

test('what was inserted is read, replaced, deleted and inserted again', () => {
  const store = new InThreadStore(direct, { replicas: 2 });
  const key = keyOf('user1');
  const into = new Uint8Array(4096);
  once(store, function* (client) {
    expect(yield* client.get(key, into)).toBeUndefined();
    expect(yield* client.put(key, filled(10, 1))).toBe(false);
    expect(yield* client.delete(key)).toBe(false);
    expect(yield* client.insert(key, filled(100, 1))).toBe(true);
    expect(yield* client.insert(key, filled(100, 2))).toBe(false);
    expect(yield* client.get(key, into)).toBe(100);
    expect(into.slice(0, 100)).toEqual(filled(100, 1));
    expect(yield* client.put(key, filled(90, 3))).toBe(true);
    expect(yield* client.get(key, into)).toBe(90);
    expect(into.slice(0, 90)).toEqual(filled(90, 3));
    expect(yield* client.put(key, filled(4096, 4))).toBe(true);
    expect(yield* client.get(key, into)).toBe(4096);
    expect(into).toEqual(filled(4096, 4));
    expect(yield* client.delete(key)).toBe(true);
    expect(yield* client.get(key, into)).toBeUndefined();
    expect(yield* client.insert(key, filled(5, 5))).toBe(true);
    expect(yield* client.get(key, into)).toBe(5);
  });
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

test('three nodes taking turns see one map, whatever they do and wherever they cached it', () => {
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 3 }), (sequence, replicas) => {
      const store = new InThreadStore(direct, {
        memoryNodes: 3,
        computeNodes: 3,
        replicas,
        keysMax: 8,
      });
      const model = new Map<number, Uint8Array>();
      const into = new Uint8Array(4096);
      for (const [i, step] of sequence.entries()) {
        const key = keyOf(`key ${step.key}`);
        const value = filled(step.bytes, i);
        const known = model.get(step.key);
        once(
          store,
          function* (client) {
            if (step.op === 'insert') {
              expect(yield* client.insert(key, value)).toBe(known === undefined);
              if (known === undefined) model.set(step.key, value);
            } else if (step.op === 'get') {
              const length = yield* client.get(key, into);
              expect(length).toBe(known?.length);
              if (known !== undefined) expect(into.slice(0, length)).toEqual(known);
            } else if (step.op === 'put') {
              expect(yield* client.put(key, value)).toBe(known !== undefined);
              if (known !== undefined) model.set(step.key, value);
            } else {
              expect(yield* client.delete(key)).toBe(known !== undefined);
              model.delete(step.key);
            }
          },
          step.node,
        );
      }
    }),
    { numRuns: 60 },
  );
});

test('a get is 1 round trip, a put 4, whatever the replication', () => {
  for (const replicas of [1, 2, 3]) {
    const store = new InThreadStore(direct, { memoryNodes: 3, replicas });
    const key = keyOf('user1');
    const into = new Uint8Array(4096);
    const { counters } = (store.nodes[0] as (typeof store.nodes)[0]).context;
    once(store, function* (client) {
      yield* client.insert(key, filled(1000, 1));
      const context = (store.nodes[0] as (typeof store.nodes)[0]).context;
      context.counters.reset(1);
      yield* client.get(key, into);
      expect(context.counters.roundTrips).toBe(1);
      context.counters.reset(2);
      yield* client.put(key, filled(1000, 2));
      expect(context.counters.roundTrips).toBe(4);
    });
    expect(counters).toBeDefined();
  }
});
