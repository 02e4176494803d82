import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { rebuiltFromMap, rebuiltFromMemoryNodes } from '../../../test/support/central-memory.ts';
import { isLinearizable, type KeyOperation } from '../../../test/support/key-operations.ts';
import { RandomSchedule } from '../../../test/support/random-schedule.ts';
import type { Durability } from '../../core/context.ts';
import type { Program } from '../../core/effect.ts';
import { type Key, keyOf } from '../../core/key.ts';
import { recordBytes } from '../../core/record.ts';
import type { StoreClient, System } from '../system.ts';
import { system as central } from './index.ts';
import { classBytes, classOf } from './size-class.ts';

const system = central as System;
const into = (): Uint8Array => new Uint8Array(4096);

/** A value that tells which one it is, in every byte, and is long enough to be torn. */
function numbered(number: number): Uint8Array {
  return new Uint8Array(8 + ((number * 37) % 300)).fill(number);
}

/** The number of a value; throws where its bytes are not of one value. */
function numberOf(bytes: Uint8Array): number {
  const number = bytes[0] as number;
  expect(bytes).toEqual(numbered(number));
  return number;
}

/**
 * What someone who has only the memory nodes would find of a key when its delete is acknowledged.
 */
interface Ghost {
  readonly key: number;
  readonly value: number;
  readonly deleteInvokedNs: number;
  readonly deleteReturnedNs: number;
}

type Step = { readonly operation: KeyOperation['operation']; readonly key: number };

function* client(
  store: StoreClient,
  steps: readonly Step[],
  keys: readonly Key[],
  schedule: RandomSchedule,
  nextValue: () => number,
  histories: readonly KeyOperation[][],
  ghosts: Ghost[],
): Program<void> {
  const nowNs = (): number => schedule.nowNs;
  const buffer = into();
  for (const { operation, key: index } of steps) {
    const key = keys[index] as Key;
    const invokedNs = nowNs();
    let value = operation === 'put' || operation === 'insert' ? nextValue() : undefined;
    let result = true;
    const pending = { operation, invokedNs, returnedNs: Number.POSITIVE_INFINITY, value };
    const at = (histories[index] as KeyOperation[]).push(pending) - 1;
    if (operation === 'get') {
      const length = yield* store.get(key, buffer);
      if (length !== undefined) value = numberOf(buffer.subarray(0, length));
    } else if (operation === 'delete') {
      result = yield* store.delete(key);
      const found = rebuiltFromMemoryNodes(schedule.cluster, schedule.memory).get(key.text);
      if (result && found !== undefined) {
        ghosts.push({
          key: index,
          value: found[0] as number,
          deleteInvokedNs: invokedNs,
          deleteReturnedNs: nowNs(),
        });
      }
    } else {
      result = yield* store[operation](key, numbered(value as number));
    }
    (histories[index] as KeyOperation[])[at] = { ...pending, returnedNs: nowNs(), value, result };
  }
}

const small = { keysMax: 2, keyBytesMax: 8, valueBytesMax: 400, valueBytesMean: 200 };

function race(
  seed: number,
  scripts: readonly Step[][],
  replicas: number,
  durability: Durability,
  stop: { readonly steps?: number; readonly localWrites?: number } = {},
) {
  const keys = ['x', 'yy'].map((text) => keyOf(text));
  const schedule = new RandomSchedule(system, {
    seed,
    durability,
    shape: { memoryNodes: 3, computeNodes: 2, clientsPerNode: 3, replicas, ...small },
    settings: { handlers: 4 },
  });
  const histories: KeyOperation[][] = keys.map(() => []);
  const ghosts: Ghost[] = [];
  let value = 0;
  schedule.run(
    scripts.map((steps, i) => ({
      node: i % 2,
      program: (store: StoreClient) =>
        client(store, steps, keys, schedule, () => ++value, histories, ghosts),
    })),
    stop,
  );
  return { schedule, histories, keys, ghosts };
}

/**
 * Whether a crash at that moment may bring this value back: an insert has taken the key meanwhile,
 * or the value's own operation was under way and may count as done. A put that finds the key
 * deleted, and answers so, may not.
 */
function isExplained(ghost: Ghost, histories: readonly KeyOperation[][]): boolean {
  const history = histories[ghost.key] as KeyOperation[];
  const reinserted = history.some(
    (o) =>
      o.operation === 'insert' &&
      o.result === true &&
      o.returnedNs > ghost.deleteInvokedNs &&
      o.invokedNs < ghost.deleteReturnedNs,
  );
  if (reinserted) return true;
  const origin = history.find((o) => o.operation !== 'get' && o.value === ghost.value);
  if (origin === undefined || origin.returnedNs < ghost.deleteInvokedNs) return false;
  return origin.operation === 'insert' || origin.result === true;
}

const steps = fc.array(
  fc.record({
    operation: fc.constantFrom('get', 'put', 'put', 'insert', 'delete'),
    key: fc.constantFrom(0, 0, 1),
  }),
  { minLength: 1, maxLength: 5 },
);

describe.each(['assumed', 'flush'] as const)('racing clients, %s', (durability) => {
  test('every answer fits one order per key, and memory holds exactly what that order left', () => {
    fc.assert(
      fc.property(
        fc.nat(),
        fc.array(steps, { minLength: 2, maxLength: 5 }),
        fc.integer({ min: 1, max: 3 }),
        (seed, scripts, replicas) => {
          const { schedule, histories, keys, ghosts } = race(seed, scripts, replicas, durability);
          const final = new Map<string, number>();
          schedule.run([
            {
              *program(store) {
                for (const [index, key] of keys.entries()) {
                  const buffer = into();
                  const invokedNs = schedule.nowNs;
                  const length = yield* store.get(key, buffer);
                  const value =
                    length === undefined ? undefined : numberOf(buffer.subarray(0, length));
                  const returnedNs = schedule.nowNs;
                  histories[index]?.push({ operation: 'get', invokedNs, returnedNs, value });
                  if (value !== undefined) final.set(key.text, value);
                }
              },
            },
          ]);
          for (const history of histories) expect(isLinearizable(history)).toBe(true);
          for (const ghost of ghosts) expect(isExplained(ghost, histories)).toBe(true);
          const left = new Map([...final].map(([key, value]) => [key, numbered(value)]));
          expect(rebuiltFromMap(schedule.cluster, schedule.memory)).toEqual(left);
          expect(rebuiltFromMemoryNodes(schedule.cluster, schedule.memory)).toEqual(left);
          const inUse = [...left].map(([key, value]) =>
            classBytes(classOf(recordBytes(key.length, value.length))),
          );
          expect(schedule.serverStatistics[0]?.remote?.dataBytes).toBe(
            replicas * inUse.reduce((sum, bytes) => sum + bytes, 0),
          );
        },
      ),
      { numRuns: 80 },
    );
  });

  test('after power is lost at any moment, the persistent map names what was acknowledged', () => {
    fc.assert(
      fc.property(
        fc.nat(),
        fc.array(steps, { minLength: 2, maxLength: 4 }),
        fc.integer({ min: 1, max: 3 }),
        fc.oneof(
          fc.record({ steps: fc.integer({ min: 100, max: 6000 }) }),
          fc.record({ localWrites: fc.integer({ min: 1, max: 12 }) }),
        ),
        (seed, scripts, replicas, stop) => {
          const { schedule, histories, keys } = race(seed, scripts, replicas, durability, stop);
          schedule.memory.losePower();
          const contents = rebuiltFromMap(schedule.cluster, schedule.memory);
          for (const [index, key] of keys.entries()) {
            const bytes = contents.get(key.text);
            const value = bytes === undefined ? undefined : numberOf(bytes);
            const after = schedule.nowNs + 1;
            histories[index]?.push({
              operation: 'get',
              invokedNs: after,
              returnedNs: after,
              value,
            });
          }
          for (const history of histories) expect(isLinearizable(history)).toBe(true);
        },
      ),
      { numRuns: 100 },
    );
  });
});
