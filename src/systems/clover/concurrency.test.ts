import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type FoundVersion, walkChain } from '../../../test/support/clover-memory.ts';
import { watchedClover } from '../../../test/support/clover-store.ts';
import { isLinearizable } from '../../../test/support/key-operations.ts';
import {
  numbered,
  RacingClients,
  racingShape,
  scripts,
} from '../../../test/support/racing-clients.ts';
import { RandomSchedule } from '../../../test/support/random-schedule.ts';
import { offsetOf } from '../../core/address.ts';
import type { Durability } from '../../core/context.ts';
import { effectKind, type Program, verbOp } from '../../core/effect.ts';
import { type Key, keyOf } from '../../core/key.ts';
import type { StoreClient } from '../system.ts';
import type { MetadataServer } from './metadata/server.ts';
import type { CloverNode } from './node.ts';

interface RaceOptions {
  readonly seed: number;
  readonly replicas: number;
  readonly durability?: Durability;
  readonly settings?: Readonly<Record<string, unknown>>;
}

const keyTexts = ['x', 'yy', 'zzz'];
const keys = keyTexts.map((text) => keyOf(text));

class Race {
  readonly servers: MetadataServer[] = [];
  readonly schedule: RandomSchedule;
  readonly racing: RacingClients;

  constructor({ seed, replicas, durability = 'assumed', settings = {} }: RaceOptions) {
    this.schedule = new RandomSchedule(watchedClover(this.servers), {
      seed,
      durability,
      shape: { ...racingShape, replicas, keysMax: 3, memoryBytes: 600_000 },
      settings: {
        handlers: 3,
        retireBatch: 3,
        buffersPerRequest: 2,
        retireIntervalNs: 40_000,
        epochNs: 60_000,
        ...settings,
      },
    });
    this.racing = new RacingClients(this.schedule, keyTexts);
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
        fc.array(scripts, { minLength: 2, maxLength: 5 }),
        fc.integer({ min: 1, max: 3 }),
        fc.constantFrom(...variants),
        (seed, clients, replicas, settings) => {
          const race = new Race({ seed, replicas, durability, settings });
          race.racing.run(clients);
          const final = race.racing.readAll();
          const chains = race.chains();
          for (const history of race.racing.histories) expect(isLinearizable(history)).toBe(true);
          for (const { text } of keys) {
            const tail = chains.get(text)?.at(-1);
            expect(tail === undefined ? undefined : tail.value[0]).toBe(final.get(text));
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
      fc.array(scripts, { minLength: 2, maxLength: 5 }),
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 1, max: 1500 }),
      (seed, clients, replicas, steps) => {
        const race = new Race({ seed, replicas, durability: 'flush' });
        race.racing.run([keys.map((_, key) => ({ operation: 'insert', key }))]);
        race.racing.run(clients, { steps });
        race.schedule.memory.losePower();
        const chains = race.chains(true);
        for (const [k, history] of race.racing.histories.entries()) {
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
    race.racing.run([[{ operation: 'insert', key: 0 }]]);
    race.racing.run([[], [{ operation: 'get', key: 0 }]]);
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
