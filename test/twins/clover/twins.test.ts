import { expect, test } from 'vitest';
import type { Program } from '../../../src/core/effect.ts';
import { sleep } from '../../../src/core/effect.ts';
import { keyOf } from '../../../src/core/key.ts';
import { system as real } from '../../../src/systems/clover/index.ts';
import type { StoreClient, System, SystemNode, SystemServer } from '../../../src/systems/system.ts';
import { faultSettings, faultShape } from '../../support/clover-faults.ts';
import { SimStore } from '../../support/sim-store.ts';
import { cloverTwins, type Twin } from './twins.ts';

const key = keyOf('k');
const shape = { ...faultShape, spares: 1 };
const bytesOf = (n: number): Uint8Array => new Uint8Array(304).fill(n);

/** Runs one schedule against a system; gives what it saw that must not be. */
type Attack = (system: System<never>, twin: Twin, seed: number) => string | undefined;

function open(system: System<never>, { needs }: Twin, seed: number): SimStore {
  const { replicas = 1, durability = 'assumed', settings = {} } = needs;
  const store = new SimStore(
    system,
    { ...shape, replicas },
    { settings: { ...faultSettings, ...settings }, durability, seed },
  );
  store.run([{ program: (client) => client.insert(key, bytesOf(1)) }]);
  return store;
}

function get(store: SimStore, node: number): number | undefined {
  const into = new Uint8Array(400);
  let found: number | undefined;
  store.run([
    {
      node,
      *program(client) {
        const length = yield* client.get(key, into);
        found = length === undefined ? undefined : into[0];
        if (new Set(into.subarray(0, length)).size > 1) found = -1;
      },
    },
  ]);
  return found;
}

/** Two nodes put at once; both are acknowledged, and both versions must have been in the chain. */
const racingPuts: Attack = (system, twin, seed) => {
  const store = open(system, twin, seed);
  for (const node of [1, 2]) get(store, node);
  for (let i = 0; i < 10; i++) {
    store.run(
      [1, 2].map((node) => ({ node, program: (client) => client.put(key, bytesOf(2 * i + node)) })),
    );
  }
  store.settle();
  const { leaked, doubled, violations } = store.audit();
  return violations[0] ?? (leaked.length + doubled.length > 0 ? 'space' : undefined);
};

/** One node puts and dies at once; the put was acknowledged. */
const dieAfterPut: Attack = (system, twin, seed) => {
  const store = open(system, twin, seed);
  const victim = store.computeNode(1);
  const client = (store.systemNodes[1] as SystemNode).openClient();
  let acknowledged = false;
  store.start(
    1,
    die(client, store, victim, () => {
      acknowledged = true;
    }),
  );
  store.sim.run();
  const fault = { kind: 'computeLost', node: victim, incarnation: victim } as const;
  store.start(2, (store.systemNodes[2] as Required<SystemNode>).recover(fault));
  store.sim.run();
  const found = get(store, 2);
  if (acknowledged && found !== 2) return `an acknowledged put is lost: ${found}`;
  store.settle();
  const audit = store.audit({
    nodes: [store.systemNodes[0], store.systemNodes[2]] as SystemNode[],
  });
  return audit.leaked.length > 0 ? 'buffers have leaked' : audit.violations[0];
};

function* die(
  client: StoreClient,
  store: SimStore,
  victim: number,
  acknowledge: () => void,
): Program<void> {
  yield* client.get(key, new Uint8Array(400));
  yield* client.put(key, bytesOf(2));
  acknowledge();
  store.sim.at(store.sim.nowNs, () => store.sim.crashCompute(victim));
  yield* sleep(10_000);
}

/** All memory nodes lose power after an acknowledged put, and come back. */
const losePower: Attack = (system, twin, seed) => {
  const store = open(system, twin, seed);
  store.run([{ node: 1, program: (client) => client.put(key, bytesOf(2)) }]);
  for (const node of [0, 1, 2]) {
    store.sim.crashMemory(node);
    store.sim.restartMemory(node);
  }
  for (const node of [0, 1, 2]) {
    store.sim.runtime(4).start(
      (store.servers[0] as Required<SystemServer>).recover({
        kind: 'memoryRestarted',
        node,
        start: 1,
      }),
    );
    store.sim.run();
  }
  const found = get(store, 2);
  return found === 2 ? undefined : `an acknowledged put is lost: ${found}`;
};

const attacks: Readonly<Record<string, Attack>> = {
  'blind link': racingPuts,
  'acknowledge early': dieAfterPut,
  'no flush': losePower,
  'leases forgotten': dieAfterPut,
  'freed twice': racingPuts,
};

test('there are enough wrong variants, each with a promise that it breaks', () => {
  expect(cloverTwins.length).toBeGreaterThanOrEqual(6);
  expect(new Set(cloverTwins.map(({ name }) => name)).size).toBe(cloverTwins.length);
});

test.each(cloverTwins.filter(({ name }) => name in attacks))(
  '$name is seen, and the real one is not',
  (twin) => {
    const attack = attacks[twin.name] as Attack;
    const seen: string[] = [];
    for (let seed = 1; seed <= 10; seed++) {
      expect(attack(real as never, twin, seed)).toBe(undefined);
      try {
        const what = attack(twin.system as never, twin, seed);
        if (what !== undefined) seen.push(what);
      } catch (error) {
        seen.push(String(error));
      }
    }
    expect(seen.length).toBeGreaterThan(0);
  },
);
