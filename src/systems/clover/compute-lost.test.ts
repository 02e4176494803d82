import { describe, expect, test } from 'vitest';
import { expectSound, faultSettings, faultShape } from '../../../test/support/clover-faults.ts';
import { crashAt } from '../../../test/support/crash-at.ts';
import { SimStore } from '../../../test/support/sim-store.ts';
import type { Durability } from '../../core/context.ts';
import { type Program, sleep } from '../../core/effect.ts';
import { keyOf } from '../../core/key.ts';
import type { RecoveryReport } from '../recovery.ts';
import type { StoreClient, SystemNode } from '../system.ts';
import { system } from './index.ts';
import type { CloverNode } from './node.ts';

const key = keyOf('entry');
const other = keyOf('other');
const old = new Uint8Array(200).fill(1);
const fresh = new Uint8Array(300).fill(2);
const later = new Uint8Array(250).fill(3);
const operations = ['insert', 'put', 'delete'] as const;
type Operation = (typeof operations)[number];

function perform(store: StoreClient, operation: Operation): Program<boolean> {
  if (operation === 'insert') return store.insert(key, fresh);
  return operation === 'put' ? store.put(key, fresh) : store.delete(key);
}

function open(replicas: number, durability: Durability, seed: number): SimStore {
  const options = { settings: faultSettings, durability, seed };
  return new SimStore(system, { ...faultShape, replicas }, options);
}

/** What the key held before and would hold after; undefined: no entry. */
function outcomes(operation: Operation): readonly (number | undefined)[] {
  if (operation === 'insert') return [undefined, 2];
  return [1, operation === 'put' ? 2 : undefined];
}

function* firstByte(store: StoreClient): Program<number | undefined> {
  const into = new Uint8Array(400);
  const length = yield* store.get(key, into);
  if (length === undefined) return undefined;
  expect(new Set(into.subarray(0, length)).size).toBe(1);
  expect(length).toBe([0, old.length, fresh.length, later.length][into[0] as number]);
  return into[0];
}

/** Loads, lets node 0 crash at its `nth` post of `operation`; false where it ended before. */
function crash(store: SimStore, operation: Operation, nth: number, delayNs: number): boolean {
  store.run([
    {
      node: 1,
      *program(client) {
        expect(yield* client.insert(other, old)).toBe(true);
        if (operation !== 'insert') expect(yield* client.insert(key, old)).toBe(true);
      },
    },
  ]);
  const victim = store.computeNode(0);
  const now = (): number => store.sim.nowNs;
  let ended: boolean | undefined;
  let crashed = false;
  const client = (store.systemNodes[0] as SystemNode).openClient();
  store.start(
    0,
    (function* () {
      yield* firstByte(client);
      yield* crashAt(
        (function* () {
          ended = yield* perform(client, operation);
        })(),
        nth,
        () => {
          crashed = true;
          store.sim.at(now() + delayNs, () => store.sim.crashCompute(victim));
        },
      );
      if (nth === Number.POSITIVE_INFINITY) {
        store.sim.at(now() + delayNs, () => store.sim.crashCompute(victim));
      }
      yield* sleep(20_000);
    })(),
  );
  store.sim.run();
  if (!crashed) expect(ended).toBe(true);
  return crashed;
}

/** A survivor recovers, and its clients do not wait for that. */
function recover(store: SimStore, nodes: readonly number[]): RecoveryReport[] {
  const victim = store.computeNode(0);
  const fault = { kind: 'computeLost', node: victim, incarnation: victim } as const;
  const reports: RecoveryReport[] = [];
  for (const node of nodes) {
    const survivor = store.systemNodes[node] as Required<SystemNode>;
    const program = survivor.recover(fault);
    store.start(
      node,
      (function* () {
        reports.push(yield* program);
      })(),
    );
  }
  return reports;
}

function expectClean(store: SimStore): Map<string, number | undefined> {
  store.settle();
  const audit = store.audit({ nodes: store.systemNodes.slice(1) });
  expectSound(audit);
  expect(audit.reachable).toBeGreaterThan(0);
  return new Map(audit.entries.map((entry) => [entry.key, entry.value[0]]));
}

const cases = [1, 2, 3].flatMap((replicas) =>
  operations.map((operation) => [operation, replicas] as const),
);

describe.each(cases)('%s with %i copies, its writer crashes at any verb', (operation, replicas) => {
  test.each(['assumed', 'flush'] as const)('one survivor makes it whole: %s', (durability) => {
    const seen = new Set<number | undefined>();
    let repaired = 0;
    let reclaimed = 0;
    let nth = 1;
    for (; ; nth++) {
      let crashed = true;
      for (let seed = 1; seed <= 6 && crashed; seed++) {
        const store = open(replicas, durability, seed);
        crashed = crash(store, operation, nth, 400 * (seed - 1));
        if (!crashed) break;
        const reports = recover(store, [1]);
        store.sim.run();
        reclaimed += reports[0]?.buffersReclaimed ?? 0;
        repaired += reports[0]?.locksBroken ?? 0;
        const found: (number | undefined)[] = [];
        for (const node of [1, 2]) {
          store.run([
            {
              node,
              program: function* (client) {
                found.push(yield* firstByte(client));
              },
            },
          ]);
        }
        expect(outcomes(operation)).toContain(found[0]);
        expect(found[1]).toBe(found[0]);
        seen.add(found[0]);
        const entries = expectClean(store);
        expect(entries.get('entry')).toBe(found[0]);
        expect(entries.get('other')).toBe(1);
        store.run([{ node: 2, program: (client) => goOn(client, found[0] !== undefined) }]);
        expect(expectClean(store).get('entry')).toBe(3);
      }
      if (!crashed) break;
    }
    expect(nth).toBeGreaterThan(2);
    expect(reclaimed).toBeGreaterThan(0);
    expect(seen).toEqual(new Set(outcomes(operation)));
    if (replicas > 1 && operation !== 'insert') expect(repaired).toBeGreaterThan(0);
  });

  test('what was acknowledged before the crash stays', () => {
    for (let delayNs = 0; delayNs < 16_000; delayNs += 800) {
      const store = open(replicas, 'assumed', delayNs + 1);
      crash(store, operation, Number.POSITIVE_INFINITY, delayNs);
      recover(store, [1]);
      store.sim.run();
      expect(expectClean(store).get('entry')).toBe(outcomes(operation)[1]);
    }
  });

  test('two survivors race while a third program writes the same key', () => {
    for (let nth = 1; ; nth++) {
      let crashed = true;
      for (let seed = 1; seed <= 4 && crashed; seed++) {
        const store = open(replicas, 'assumed', 100 + seed);
        crashed = crash(store, operation, nth, 500 * (seed - 1));
        if (!crashed) break;
        // A writer that meets B_w before anybody has told it waits; it must not wait for ever.
        const client = (store.systemNodes[2] as SystemNode).openClient();
        store.start(2, writeOn(client));
        recover(store, [1, 2, 2, 1]);
        store.sim.run();
        expect(expectClean(store).get('entry')).toBe(3);
      }
      if (!crashed) break;
    }
  });
});

function* goOn(client: StoreClient, exists: boolean): Program<void> {
  if (exists) {
    expect(yield* client.put(key, later)).toBe(true);
    expect(yield* firstByte(client)).toBe(3);
    expect(yield* client.delete(key)).toBe(true);
  }
  expect(yield* firstByte(client)).toBe(undefined);
  expect(yield* client.insert(key, later)).toBe(true);
  expect(yield* client.insert(key, old)).toBe(false);
  expect(yield* firstByte(client)).toBe(3);
}

function* writeOn(client: StoreClient): Program<void> {
  for (let i = 0; i < 20; i++) {
    if (!(yield* client.put(key, later))) yield* client.insert(key, later);
  }
}

test('the living wait for a dead writer no longer than it takes to tell them', () => {
  // B_w of the dead node stands: node 2, told of the loss, repairs it in passing.
  for (let seed = 1; seed <= 20; seed++) {
    const store = open(2, 'assumed', seed);
    if (!crash(store, 'put', 2, 900)) continue;
    const node = store.systemNodes[2] as CloverNode;
    recover(store, [2]);
    store.run([{ node: 2, program: writeOn }]);
    expect(expectClean(store).get('entry')).toBe(3);
    expect(node.events.heldWaits).toBeLessThan(1000);
  }
});
