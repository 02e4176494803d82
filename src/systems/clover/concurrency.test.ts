import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type FoundVersion, walkChain } from '../../../test/support/clover-memory.ts';
import { watchedClover } from '../../../test/support/clover-store.ts';
import { isLinearizable, type KeyOperation } from '../../../test/support/key-operations.ts';
import { RandomSchedule } from '../../../test/support/random-schedule.ts';
import { offsetOf } from '../../core/address.ts';
import type { Durability } from '../../core/context.ts';
import { effectKind, type Program, verbOp } from '../../core/effect.ts';
import { type Key, keyOf } from '../../core/key.ts';
import type { StoreClient } from '../system.ts';
import type { MetadataServer } from './metadata/server.ts';
import type { CloverNode } from './node.ts';

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

interface Step {
  readonly operation: KeyOperation['operation'];
  readonly key: number;
}

interface RaceOptions {
  readonly seed: number;
  readonly replicas: number;
  readonly durability?: Durability;
  readonly settings?: Readonly<Record<string, unknown>>;
}

const keys = ['x', 'yy', 'zzz'].map((text) => keyOf(text));

class Race {
  readonly servers: MetadataServer[] = [];
  readonly schedule: RandomSchedule;
  readonly histories: KeyOperation[][] = keys.map(() => []);
  #value = 0;

  constructor({ seed, replicas, durability = 'assumed', settings = {} }: RaceOptions) {
    this.schedule = new RandomSchedule(watchedClover(this.servers), {
      seed,
      durability,
      shape: {
        memoryNodes: 3,
        computeNodes: 2,
        clientsPerNode: 3,
        replicas,
        keysMax: 3,
        keyBytesMax: 8,
        valueBytesMax: 400,
        valueBytesMean: 200,
        memoryBytes: 600_000,
      },
      settings: {
        handlers: 3,
        retireBatch: 3,
        buffersPerRequest: 2,
        retireIntervalNs: 40_000,
        epochNs: 60_000,
        ...settings,
      },
    });
  }

  /** Until all have ended, or for good after so many steps of the scheduler. */
  run(scripts: readonly (readonly Step[])[], steps?: number): void {
    this.schedule.run(
      scripts.map((script, i) => ({
        node: i % 2,
        program: (store: StoreClient) => this.#client(store, script),
      })),
      steps === undefined ? {} : { steps },
    );
  }

  *#client(store: StoreClient, steps: readonly Step[]): Program<void> {
    const buffer = new Uint8Array(400);
    for (const { operation, key: index } of steps) {
      const key = keys[index] as Key;
      const invokedNs = this.schedule.nowNs;
      let value = operation === 'put' || operation === 'insert' ? ++this.#value : undefined;
      let result: boolean | undefined;
      const history = this.histories[index] as KeyOperation[];
      const pending = { operation, invokedNs, returnedNs: Number.POSITIVE_INFINITY, value };
      const at = history.push(pending) - 1;
      if (operation === 'get') {
        const length = yield* store.get(key, buffer);
        if (length !== undefined) value = numberOf(buffer.subarray(0, length));
      } else if (operation === 'delete') result = yield* store.delete(key);
      else result = yield* store[operation](key, numbered(value as number));
      history[at] = { ...pending, returnedNs: this.schedule.nowNs, value, result };
    }
  }

  /** The versions of every named key, from raw memory. */
  chains(crashed = false): Map<string, FoundVersion[]> {
    const { layout } = this.schedule.systemNodes[0] as CloverNode;
    const { memory, cluster } = this.schedule;
    const found = new Map<string, FoundVersion[]>();
    for (const server of this.servers) {
      for (const key of keys) {
        const chain = server.namer.find(key.text);
        if (chain === undefined) continue;
        const versions = walkChain(
          layout,
          chain,
          (address, lengthBytes) => {
            const node = Math.floor(address / 2 ** 40);
            expect(cluster.node(node).role).toBe('memory');
            const at = offsetOf(address);
            return memory.node(node).slice(at, at + lengthBytes);
          },
          crashed,
        );
        found.set(key.text, versions);
      }
    }
    return found;
  }
}

const script = fc.array(
  fc.record<Step>({
    operation: fc.constantFrom('get', 'put', 'put', 'insert', 'delete'),
    key: fc.constantFrom(0, 0, 1),
  }),
  { minLength: 1, maxLength: 5 },
);

const variants: readonly Readonly<Record<string, unknown>>[] = [
  {},
  { readWait: 'first' },
  { verifyReads: true, metadataServers: 2 },
  { cursorsMax: 1, evictBy: 'lru', requestBuffers: 'when-empty' },
];

describe.each(['assumed', 'flush'] as const)('racing clients, %s', (durability) => {
  test('every answer fits one order per key, and the chains end with what that order left', () => {
    fc.assert(
      fc.property(
        fc.nat(),
        fc.array(script, { minLength: 2, maxLength: 5 }),
        fc.integer({ min: 1, max: 3 }),
        fc.constantFrom(...variants),
        (seed, scripts, replicas, settings) => {
          const race = new Race({ seed, replicas, durability, settings });
          race.run(scripts);
          race.run([keys.map((_, key) => ({ operation: 'get' as const, key }))]);
          const chains = race.chains();
          for (const [k, history] of race.histories.entries()) {
            expect(isLinearizable(history)).toBe(true);
            const last = history.at(-1)?.value;
            const tail = chains.get((keys[k] as Key).text)?.at(-1);
            expect(tail === undefined ? undefined : tail.value[0]).toBe(last);
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});

test('in flush durability, a loss of power at any moment takes back nothing that was answered', () => {
  fc.assert(
    fc.property(
      fc.nat(),
      fc.array(script, { minLength: 2, maxLength: 5 }),
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 1, max: 1500 }),
      (seed, scripts, replicas, steps) => {
        const race = new Race({ seed, replicas, durability: 'flush' });
        race.run([keys.map((_, key) => ({ operation: 'insert' as const, key }))]);
        race.run(scripts, steps);
        race.schedule.memory.losePower();
        const chains = race.chains(true);
        for (const [k, history] of race.histories.entries()) {
          // Gets that never ended say nothing; what is found is read after everything else.
          const ended = history.filter((o) => o.operation !== 'get' || o.returnedNs < 1e300);
          const tail = chains.get((keys[k] as Key).text)?.at(-1);
          const value = tail === undefined || tail.isTombstone ? undefined : tail.value[0];
          ended.push({ operation: 'get', invokedNs: 1e300, returnedNs: 1e301, value });
          expect(isLinearizable(ended)).toBe(true);
        }
      },
    ),
    { numRuns: 60 },
  );
});

/** Performs a put up to and with its CAS; its node dies before the FLUSH behind it. */
function* diesBeforeFlush(put: Program<unknown>): Program<void> {
  for (;;) {
    const step = put.next();
    if (step.done === true) return;
    const effect = step.value;
    const swap =
      effect.kind === effectKind.batch
        ? effect.verbs.find((verb) => verb.op === verbOp.cas)
        : undefined;
    yield swap ?? effect;
    if (swap !== undefined) return;
  }
}

test('a reader flushes the link that it follows: others may write behind what it has seen', () => {
  for (let seed = 0; seed < 16; seed++) {
    const race = new Race({ seed, replicas: 1, durability: 'flush' });
    const [key] = keys as [Key];
    race.run([[{ operation: 'insert', key: 0 }]]);
    race.run([[], [{ operation: 'get', key: 0 }]]);
    const one = (node: number, program: (store: StoreClient) => Program<unknown>): void =>
      race.schedule.run([{ node, program }]);
    one(0, (store) => diesBeforeFlush(store.put(key, numbered(50))));
    one(1, function* (store) {
      yield* store.get(key, new Uint8Array(400));
      yield* store.put(key, numbered(60));
    });
    race.schedule.memory.losePower();
    expect(race.chains(true).get(key.text)?.at(-1)?.value).toEqual(numbered(60));
  }
});
