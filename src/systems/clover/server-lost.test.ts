import { describe, expect, test } from 'vitest';
import { SimStore } from '../../../test/support/sim-store.ts';
import { type Program, sleep } from '../../core/effect.ts';
import { FarsideError } from '../../core/errors.ts';
import { type Key, keyOf } from '../../core/key.ts';
import { randomStream } from '../../core/random.ts';
import type { StoreClient, SystemServer } from '../system.ts';
import { system } from './index.ts';
import type { CloverNode } from './node.ts';

const keys = Array.from({ length: 12 }, (_, i) => keyOf(`key${i}`));
const shape = {
  memoryNodes: 3,
  computeNodes: 3,
  clientsPerNode: 2,
  standbys: 1,
  keysMax: 32,
  keyBytesMax: 8,
  valueBytesMax: 400,
  valueBytesMean: 300,
};
const settings = { handlers: 2, buffersPerRequest: 4, retireBatch: 4, retireIntervalNs: 5000 };

function value(key: number, version: number): Uint8Array {
  const bytes = new Uint8Array(8 * (2 + (version % 40)));
  new Uint32Array(bytes.buffer).fill(version * 64 + key);
  return bytes;
}

/** What the writer of a key knows: the version acknowledged last, and those whose outcome is unknown. */
export interface Known {
  version: number | undefined;
  maybe: Set<number | undefined>;
  failed: number;
}

/** One writer a key: puts, deletes and inserts it for ever, and notes what is acknowledged. */
function* writeKey(
  store: StoreClient,
  k: number,
  known: Known,
  until: () => boolean,
): Program<void> {
  const dice = randomStream(k, 'fail-over');
  const key = keys[k] as Key;
  for (let version = 1; !until(); version++) {
    const exists = known.maybe.size === 0 ? known.version !== undefined : undefined;
    const dies = exists === true && dice.below(5) === 0;
    const next = dies ? undefined : version;
    known.maybe.add(next);
    try {
      let worked: boolean;
      if (dies) worked = yield* store.delete(key);
      else if (exists === false) worked = yield* store.insert(key, value(k, version));
      else worked = yield* store.put(key, value(k, version));
      if (!worked && exists === undefined) {
        // Nothing is there: what was in doubt has not taken effect, or was a delete.
        expect(known.maybe.has(undefined) || known.version === undefined).toBe(true);
        known.maybe.clear();
        known.version = undefined;
        continue;
      }
      expect(worked).toBe(true);
      known.maybe.clear();
      known.version = next;
    } catch (error) {
      if (!(error instanceof FarsideError) || !/TIMEOUT|VERB/.test(error.code)) throw error;
      known.failed++;
      known.maybe.add(known.version);
      yield* sleep(20_000);
    }
  }
}

export function* checkKey(store: StoreClient, k: number, known: Known): Program<void> {
  const into = new Uint8Array(400);
  const length = yield* store.get(keys[k] as Key, into);
  const found = length === undefined ? undefined : (new Uint32Array(into.buffer)[0] as number) >> 6;
  if (length !== undefined) expect(into.slice(0, length)).toEqual(value(k, found as number));
  if (known.maybe.size === 0) expect(found).toBe(known.version);
  else expect([...known.maybe]).toContain(found);
}

function load(store: SimStore): Known[] {
  const knowns = keys.map((): Known => ({ version: undefined, maybe: new Set(), failed: 0 }));
  store.run([
    {
      *program(client) {
        for (const [k, key] of keys.entries()) {
          expect(yield* client.insert(key, value(k, 0))).toBe(true);
          (knowns[k] as Known).version = 0;
        }
      },
    },
  ]);
  return knowns;
}

describe.each([
  [1, 'standby', 1, 'assumed'],
  [2, 'standby', 1, 'flush'],
  [3, 'restart', 1, 'assumed'],
  [1, 'restart', 1, 'flush'],
  [2, 'standby', 2, 'assumed'],
] as const)('%i copies, %s, %i servers, %s', (replicas, how, metadataServers, durability) => {
  test.each([1, 2, 3, 4])('a server dies under load, and nothing is lost (seed %i)', (seed) => {
    const store = new SimStore(
      system,
      { ...shape, replicas },
      { settings: { ...settings, metadataServers }, durability, seed },
    );
    const knowns = load(store);
    const [server] = store.cluster.withRole('metadata');
    const id = (server as { id: number }).id;
    const standby = (store.cluster.withRole('standby')[0] as { id: number }).id;
    const successor = how === 'standby' ? standby : id;
    const startNs = store.sim.nowNs;
    const until = (): boolean => store.sim.nowNs > startNs + 3_000_000;
    let opened: SystemServer | undefined;
    let hasEnded = false;
    store.sim.at(startNs + 60_000_000, () => {
      if (!hasEnded) throw new Error('clients are still waiting');
    });
    const fault = { kind: 'serverLost', node: id, incarnation: id, successor } as const;
    store.sim.at(startNs + 300_000 + 137 * seed, () => store.sim.crashCompute(id));
    store.sim.at(startNs + 600_000, () => {
      if (how === 'restart') store.sim.restartCompute(id);
      for (let node = 0; node < 3; node++) {
        store.start(node, (store.systemNodes[node] as CloverNode).recover(fault), true);
      }
      opened = store.takeOver(successor, 'metadata', 0, fault);
      store.servers[0] = opened;
    });
    store.run(
      keys.map((_, k) => ({
        node: k % 3,
        thread: k % 2,
        program: (client: StoreClient) => writeKey(client, k, knowns[k] as Known, until),
      })),
    );
    hasEnded = true;
    store.run(
      keys.map((_, k) => ({
        node: (k + 1) % 3,
        program: (client: StoreClient) => checkKey(client, k, knowns[k] as Known),
      })),
    );
    expect(Math.max(...knowns.map(({ version }) => version ?? 0))).toBeGreaterThan(20);
    expect((opened as SystemServer).statistics.events.takeOverNs).toBeGreaterThan(0);
    store.settle();
    const audit = store.audit();
    expect(audit.violations).toEqual([]);
    expect(audit.leaked).toEqual([]);
    expect(audit.doubled).toEqual([]);
  });
});
