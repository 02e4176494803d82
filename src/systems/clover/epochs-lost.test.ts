import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  expectSound,
  hotSettings,
  hotShape as shape,
} from '../../../test/support/clover-faults.ts';
import { CloverStore } from '../../../test/support/clover-store.ts';
import { SimStore } from '../../../test/support/sim-store.ts';
import { cloverTwins, type Twin } from '../../../test/twins/clover/twins.ts';
import { type Program, sleep } from '../../core/effect.ts';
import { keyOf } from '../../core/key.ts';
import { randomStream } from '../../core/random.ts';
import { RpcCaller } from '../../core/rpc.ts';
import type { StoreClient, System, SystemNode } from '../system.ts';
import type { CloverConfig } from './config.ts';
import { system } from './index.ts';
import { requestPort } from './messages.ts';
import type { CloverNode } from './node.ts';

const key = keyOf('hot');
const settings = {
  ...hotSettings,
  handlers: 2,
  reuse: 'epochs',
  roundNs: 20_000,
  epochNs: 50_000,
};

/** A node that hangs in the middle of a get: it holds references, and answers that it does. */
function* hang(client: StoreClient): Program<void> {
  yield* client.get(key, new Uint8Array(200));
  const get = client.get(key, new Uint8Array(200));
  get.next();
  for (;;) yield* sleep(1_000_000);
}

interface Case {
  readonly more?: Readonly<Record<string, unknown>>;
  /** It answers nothing at all, where others answer that they do not consent. */
  readonly dead?: boolean;
  readonly told: boolean;
}

function run({ more = {}, dead = false, told }: Case): Record<string, number> {
  const store = new SimStore(system, shape, { settings: { ...settings, ...more } });
  store.run([{ program: (client) => client.insert(key, new Uint8Array(200)) }]);
  const slow = store.systemNodes[1] as SystemNode;
  store.start(1, hang(slow.openClient()), true);
  store.settle(20_000);
  const node = store.computeNode(1);
  if (dead) store.sim.crashCompute(node);
  if (told) {
    store.sim.at(store.sim.nowNs + 400_000, () => {
      const fault = { kind: 'computeLost', node, incarnation: node } as const;
      store.start(0, (store.systemNodes[0] as CloverNode).recover(fault));
    });
  }
  store.run([
    {
      *program(client) {
        for (let i = 0; i < 200; i++) {
          yield* client.put(key, new Uint8Array(200).fill(i));
          yield* sleep(5000);
        }
      },
    },
  ]);

  return { ...store.servers[0]?.statistics.events };
}

test('a node that does not consent holds up what needs consent, for as long as nobody fences it', () => {
  const events = run({ told: false });
  expect(events.rounds).toBe(0);
  expect(events.epochsRefused).toBeGreaterThan(3);
});

test('told that it is lost, servers fence it and go on without its consent', () => {
  expect(run({ told: true }).rounds).toBeGreaterThan(10);
});

test('one that is told of while it is waited for, and will never answer, is waited for no longer', () => {
  expect(run({ dead: true, told: false }).rounds).toBe(0);
  expect(run({ dead: true, told: true }).rounds).toBeGreaterThan(10);
});

test('with silentNs, a server fences it by itself', () => {
  const events = run({ more: { silentNs: 200_000 }, told: false });
  expect(events.nodesExpelled).toBe(1);
  expect(events.rounds).toBeGreaterThan(10);
});

test('what is given up by mistake can do no harm: its verbs fail, and it is told so', () => {
  const store = new SimStore(system, { ...shape, replicas: 2 }, { settings });
  store.run([{ program: (client) => client.insert(key, new Uint8Array(200).fill(1)) }]);
  const node = store.computeNode(1);
  const fault = { kind: 'computeLost', node, incarnation: node } as const;
  store.start(0, (store.systemNodes[0] as CloverNode).recover(fault));
  store.sim.run();
  const errors: unknown[] = [];
  store.run([
    {
      node: 1,
      *program(client) {
        try {
          yield* client.put(key, new Uint8Array(200).fill(2));
        } catch (error) {
          errors.push((error as { code: string }).code);
        }
      },
    },
    { node: 0, program: (client) => client.put(key, new Uint8Array(200).fill(3)) },
  ]);
  expect(['FARSIDE_TIMEOUT', 'FARSIDE_VERB']).toContain(errors[0]);
  store.settle();
  const audit = store.audit({ nodes: [store.systemNodes[0] as SystemNode] });
  expectSound(audit);
  expect(audit.entries.map(({ value }) => value[0])).toEqual([3]);
});

test('no message ends a server or a compute node, whatever it says', () => {
  let malformed = 0;
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 12 }), (bodies) => {
      const store = new CloverStore({ computeNodes: 2 });
      store.once((client) => client.insert(key, Uint8Array.of(1)));
      const { context } = store.node().site;
      const server = store.node().servers.node(0);
      const into = new Uint8Array(8);
      store.once(function* (client) {
        const caller = new RpcCaller(context);
        for (const bytes of bodies) {
          // Not the requests of recovery, which are answered when everybody has come to rest.
          const body = bytes.map((byte, i) => (i === 0 && byte >= 8 && byte <= 12 ? 200 : byte));
          yield* caller.call(server, requestPort, body);
          caller.release();
        }
        expect(yield* client.get(key, into)).toBe(1);
      });
      malformed += store.servers[0]?.statistics.events.malformed ?? 0;
    }),
    { numRuns: 60 },
  );
  expect(malformed).toBeGreaterThan(0);
});

/**
 * One writer counts up, readers note what they see and when. Gives a pair of reads of which the second
 * began after the first had ended, and saw an older version: no order of the operations explains both.
 */
function inversion(
  seed: number,
  replicas: number,
  loadBalance: string,
  of: System<CloverConfig> = system,
): string | undefined {
  const store = new SimStore(
    of,
    { ...shape, computeNodes: 4, memoryNodes: 3, replicas },
    { settings: { loadBalance, loadWindowNs: 1_000_000 }, seed },
  );
  const valueOfNumber = (n: number): Uint8Array =>
    new Uint8Array(new Uint32Array(50).fill(n).buffer);
  store.run([{ program: (client) => client.insert(key, valueOfNumber(0)) }]);
  // The writer's way to one memory node is long, as behind a busy switch.
  store.sim.link(store.computeNode(0), 0).delayNs = 40_000;
  const reads: { fromNs: number; toNs: number; seen: number }[] = [];
  let done = false;
  store.run([
    {
      *program(client) {
        for (let n = 1; n <= 200; n++) yield* client.put(key, valueOfNumber(n));
        done = true;
      },
    },
    ...[1, 2, 3].map((node) => ({
      node,
      *program(client: StoreClient) {
        const into = new Uint8Array(200);
        const dice = randomStream(seed, `reader ${node}`);
        while (!done) {
          // Readers in step with each other would all read the same copy at a time.
          yield* sleep(dice.below(6000));
          const fromNs = store.sim.nowNs;
          yield* client.get(key, into);
          reads.push({
            fromNs,
            toNs: store.sim.nowNs,
            seen: new Uint32Array(into.buffer)[0] as number,
          });
        }
      },
    })),
  ]);
  for (const later of reads) {
    const earlier = reads.find(({ toNs, seen }) => toNs < later.fromNs && seen > later.seen);
    if (earlier !== undefined) {
      return `${earlier.seen} was read until ${earlier.toNs}, ${later.seen} from ${later.fromNs} on`;
    }
  }
  return undefined;
}

const seeds = Array.from({ length: 6 }, (_, i) => i + 1);

test('readers who go by whatever copy they read are not linearizable: a history', () => {
  const twin = cloverTwins.find(({ name }) => name === 'any copy') as Twin;
  const found = seeds
    .map((seed) => inversion(seed, 2, 'load', twin.system))
    .filter((each) => each !== undefined);
  expect(found.length).toBeGreaterThan(0);
});

test.each([
  [1, 'load'],
  [2, 'round-robin'],
  [2, 'load'],
  [3, 'load'],
])('with %i copies and %s, no read goes back behind another', (replicas, loadBalance) => {
  for (const seed of seeds) expect(inversion(seed, replicas, loadBalance)).toBe(undefined);
});
