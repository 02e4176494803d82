import { expect } from 'vitest';
import { type Program, sleep } from '../../src/core/effect.ts';
import { FarsideError } from '../../src/core/errors.ts';
import { type Key, keyOf } from '../../src/core/key.ts';
import { randomStream } from '../../src/core/random.ts';
import type { StoreClient } from '../../src/systems/system.ts';
import type { SimStore } from './sim-store.ts';

/** Keys that have one writer each, who knows what must be there after whatever fault. */
const keys = Array.from({ length: 12 }, (_, i) => keyOf(`key${i}`));

function value(key: number, version: number): Uint8Array {
  const bytes = new Uint8Array(8 * (2 + (version % 40)));
  new Uint32Array(bytes.buffer).fill(version * 64 + key);
  return bytes;
}

/** What the writer of a key knows: the version acknowledged last, and those whose outcome is unknown. */
interface Known {
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

function* checkKey(store: StoreClient, k: number, known: Known): Program<void> {
  const into = new Uint8Array(400);
  const length = yield* store.get(keys[k] as Key, into);
  const found = length === undefined ? undefined : (new Uint32Array(into.buffer)[0] as number) >> 6;
  if (length !== undefined) expect(into.slice(0, length)).toEqual(value(k, found as number));
  if (known.maybe.size === 0) expect(found).toBe(known.version);
  else expect([...known.maybe]).toContain(found);
}

export function loadOwned(store: SimStore): Known[] {
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

/** All writers write until then, on two threads of each of three nodes; one of them comes far. */
export function writeOwned(store: SimStore, knowns: Known[], until: () => boolean): void {
  store.run(
    knowns.map((known, k) => ({
      node: k % 3,
      thread: k % 2,
      program: (client: StoreClient) => writeKey(client, k, known, until),
    })),
  );
  expect(Math.max(...knowns.map(({ version }) => version ?? 0))).toBeGreaterThan(20);
}

/** Another node than the writer's finds what the writer knows. */
export function checkOwned(store: SimStore, knowns: Known[]): void {
  store.run(
    knowns.map((known, k) => ({
      node: (k + 1) % 3,
      program: (client: StoreClient) => checkKey(client, k, known),
    })),
  );
}
