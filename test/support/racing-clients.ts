import fc from 'fast-check';
import { expect } from 'vitest';
import type { Program } from '../../src/core/effect.ts';
import { type Key, keyOf } from '../../src/core/key.ts';
import type { StoreClient } from '../../src/systems/system.ts';
import type { KeyOperation } from './key-operations.ts';
import type { RandomSchedule } from './random-schedule.ts';

/** A value that tells which one it is, in every byte, and is long enough to be torn. */
export function numbered(number: number): Uint8Array {
  return new Uint8Array(8 + ((number * 37) % 300)).fill(number);
}

/** The number of a value; throws where its bytes are not of one value. */
export function numberOf(bytes: Uint8Array): number {
  const number = bytes[0] as number;
  expect(bytes).toEqual(numbered(number));
  return number;
}

/** The cluster of a race: two compute nodes, and values as long as `numbered` makes them. */
export const racingShape = {
  memoryNodes: 3,
  computeNodes: 2,
  clientsPerNode: 3,
  keyBytesMax: 8,
  valueBytesMax: 400,
  valueBytesMean: 200,
} as const;

/** What one client does next; `key` by its index. */
export interface Step {
  readonly operation: KeyOperation['operation'];
  readonly key: number;
}

/** Short scripts, most of them about the first key. */
export const scripts = fc.array(
  fc.record<Step>({
    operation: fc.constantFrom('get', 'put', 'put', 'insert', 'delete'),
    key: fc.constantFrom(0, 0, 1),
  }),
  { minLength: 1, maxLength: 5 },
);

export interface RaceWatch {
  /** A delete has been answered. */
  onDeleted?(key: number, invokedNs: number, result: boolean): void;
}

/** Clients that race for a few keys on alternate nodes, and the history of each key. */
export class RacingClients {
  readonly keys: readonly Key[];
  readonly histories: readonly KeyOperation[][];
  readonly #schedule: RandomSchedule;
  readonly #watch: RaceWatch;
  #value = 0;

  constructor(schedule: RandomSchedule, keys: readonly string[], watch: RaceWatch = {}) {
    this.#schedule = schedule;
    this.#watch = watch;
    this.keys = keys.map((text) => keyOf(text));
    this.histories = keys.map(() => []);
  }

  /** A client a script, until all have ended or the schedule is stopped. */
  run(
    clients: readonly (readonly Step[])[],
    stop: Parameters<RandomSchedule['run']>[1] = {},
  ): void {
    this.#schedule.run(
      clients.map((script, i) => ({
        node: i % 2,
        program: (store: StoreClient) => this.#client(store, script),
      })),
      stop,
    );
  }

  /** Reads every key once, as the last of each history, and gives the values that are there. */
  readAll(): Map<string, number> {
    this.run([this.keys.map((_, key) => ({ operation: 'get', key }))]);
    const values = new Map<string, number>();
    for (const [index, { text }] of this.keys.entries()) {
      const value = this.histories[index]?.at(-1)?.value;
      if (value !== undefined) values.set(text, value);
    }
    return values;
  }

  *#client(store: StoreClient, steps: readonly Step[]): Program<void> {
    const buffer = new Uint8Array(racingShape.valueBytesMax);
    for (const { operation, key: index } of steps) {
      const key = this.keys[index] as Key;
      const invokedNs = this.#schedule.nowNs;
      let value = operation === 'put' || operation === 'insert' ? ++this.#value : undefined;
      let result: boolean | undefined;
      const history = this.histories[index] as KeyOperation[];
      const pending = { operation, invokedNs, returnedNs: Number.POSITIVE_INFINITY, value };
      const at = history.push(pending) - 1;
      if (operation === 'get') {
        const length = yield* store.get(key, buffer);
        if (length !== undefined) value = numberOf(buffer.subarray(0, length));
      } else if (operation === 'delete') {
        result = yield* store.delete(key);
        this.#watch.onDeleted?.(index, invokedNs, result);
      } else {
        result = yield* store[operation](key, numbered(value as number));
      }
      history[at] = { ...pending, returnedNs: this.#schedule.nowNs, value, result };
    }
  }
}
