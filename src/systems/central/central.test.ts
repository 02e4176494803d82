import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InThreadStore } from '../../../test/support/in-thread.ts';
import type { FarsideError } from '../../core/errors.ts';
import { type Key, keyOf } from '../../core/key.ts';
import type { System } from '../system.ts';
import { system as central } from './index.ts';

const system = central as System;

function bytesOf(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (seed * 31 + i * 7) & 0xff);
}

describe('one client', () => {
  test('inserts, gets, overwrites and deletes', () => {
    const store = new InThreadStore(system, { replicas: 2 });
    const key = keyOf('user1');
    const into = new Uint8Array(4096);
    store.run([
      {
        *program(client) {
          expect(yield* client.get(key, into)).toBeUndefined();
          expect(yield* client.put(key, bytesOf(10, 1))).toBe(false);
          expect(yield* client.delete(key)).toBe(false);
          expect(yield* client.insert(key, bytesOf(1000, 1))).toBe(true);
          expect(yield* client.insert(key, bytesOf(1000, 2))).toBe(false);
          expect(yield* client.get(key, into)).toBe(1000);
          expect(into.subarray(0, 1000)).toEqual(bytesOf(1000, 1));
          expect(yield* client.put(key, bytesOf(3, 3))).toBe(true);
          expect(yield* client.get(key, into)).toBe(3);
          expect(into.subarray(0, 3)).toEqual(bytesOf(3, 3));
          expect(yield* client.delete(key)).toBe(true);
          expect(yield* client.get(key, into)).toBeUndefined();
        },
      },
    ]);
  });

  test('agrees with a Map on any sequence of operations', () => {
    const keys = ['a', 'bb', 'c'.repeat(32)].map((text) => keyOf(text));
    const step = fc.record({
      operation: fc.constantFrom('insert', 'get', 'put', 'delete'),
      key: fc.constantFrom(...keys),
      valueBytes: fc.oneof(fc.integer({ min: 1, max: 64 }), fc.integer({ min: 1, max: 4096 })),
      seed: fc.nat(255),
    });
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 1, maxLength: 60 }),
        fc.integer({ min: 1, max: 3 }),
        (steps, replicas) => {
          const model = new Map<Key, Uint8Array>();
          const into = new Uint8Array(4096);
          const store = new InThreadStore(system, { memoryNodes: 3, replicas, keysMax: 3 });
          store.run([
            {
              *program(client) {
                for (const { operation, key, valueBytes, seed } of steps) {
                  const value = bytesOf(valueBytes, seed);
                  const known = model.get(key);
                  if (operation === 'get') {
                    const length = yield* client.get(key, into);
                    expect(length).toBe(known?.length);
                    if (known !== undefined) expect(into.subarray(0, length)).toEqual(known);
                  } else if (operation === 'delete') {
                    expect(yield* client.delete(key)).toBe(model.delete(key));
                  } else {
                    const works = (operation === 'put') === (known !== undefined);
                    expect(yield* client[operation](key, value)).toBe(works);
                    if (works) model.set(key, value);
                  }
                }
              },
            },
          ]);
        },
      ),
      { numRuns: 40 },
    );
  });
});

test('sizes out of range are refused before anything is sent', () => {
  const store = new InThreadStore(system);
  const codes: string[] = [];
  store.run([
    {
      *program(client) {
        for (const attempt of [
          () => client.put(keyOf('k'.repeat(33)), bytesOf(1, 1)),
          () => client.put(keyOf('k'), bytesOf(4097, 1)),
          () => client.insert(keyOf('k'), bytesOf(0, 1)),
        ]) {
          try {
            yield* attempt();
          } catch (error) {
            codes.push((error as FarsideError).code);
          }
        }
      },
    },
  ]);
  expect(codes).toEqual(['FARSIDE_KEY', 'FARSIDE_VALUE', 'FARSIDE_VALUE']);
});
