import { describe, expect, test } from 'vitest';
import { auditOf, expectClean, lossOf, recoverOn } from '../../../test/support/direct-recovery.ts';
import { InThreadStore } from '../../../test/support/in-thread.ts';
import { interleaved } from '../../../test/support/interleave.ts';
import { once, patterned } from '../../../test/support/values.ts';
import { type Program, readWord } from '../../core/effect.ts';
import { keyOf } from '../../core/key.ts';
import { randomStream } from '../../core/random.ts';
import type { StoreClient } from '../system.ts';
import { direct } from './index.ts';
import type { DirectNode, Location } from './node.ts';
import { decodeLock, lockState } from './words.ts';

/**
 * The defects of the authors' released code (a truncated redo copy, replicas locked for ever,
 * readers that wait for writers, locks without an owner) all show when a writer dies; these tests
 * kill one at each of its verbs, and at each piece of a torn verb.
 */
const key = keyOf('victim');
const into = new Uint8Array(4096);
const before = patterned(300, 1);
const after = patterned(310, 2);
const grown = patterned(2500, 3);

type Operation = (client: StoreClient) => Program<unknown>;
const put: Operation = (client) => client.put(key, after);
const grow: Operation = (client) => client.put(key, grown);
const remove: Operation = (client) => client.delete(key);

function openStore(replicas: number, settings: Record<string, unknown> = {}): InThreadStore {
  const bounds = { lockRetriesMax: 20, readRetriesMax: 40 };
  const shape = { memoryNodes: 3, computeNodes: 3, replicas, keysMax: 16 };
  const store = new InThreadStore(direct, shape, { ...bounds, ...settings });
  once(store, (client) => client.insert(key, before));
  // Node 2 knows where the key is; node 1 never heard of it.
  once(store, (client) => client.get(key, into), 2);
  return store;
}

/** Runs the operation on node 0 and kills it after so many steps; true if it ended before. */
function killedAfter(
  store: InThreadStore,
  operation: Operation,
  stepsMax: number,
  pieceBytes = Number.POSITIVE_INFINITY,
): boolean {
  return once(store, function* (client) {
    const wrapped = (function* () {
      yield* operation(client);
      return true;
    })();
    const dice = randomStream(stepsMax, 'crash');
    return (yield* interleaved(wrapped, dice, { stepsMax, pieceBytes })) === true;
  });
}

type Seen = 'nothing' | 'before' | 'after' | 'grown' | 'neither';

/** What a get on that node gives, by name. */
function seenBy(store: InThreadStore, node: number): Seen {
  const length = once(store, (client) => client.get(key, into), node);
  return length === undefined ? 'nothing' : nameOf(into.subarray(0, length));
}

function nameOf(bytes: Uint8Array): Seen {
  for (const [name, value] of Object.entries({ before, after, grown })) {
    if (value.length === bytes.length && value.every((byte, i) => byte === bytes[i])) {
      return name as Seen;
    }
  }
  return 'neither';
}

function nodeOf(store: InThreadStore, node: number): DirectNode {
  return store.systemNodes[node] as DirectNode;
}

function lockWord(store: InThreadStore, location: Location, copy: number) {
  const address = nodeOf(store, 0).geometry.slot(location.primary, copy, location.slot);
  return decodeLock(
    once(store, function* () {
      return yield* readWord(address);
    }),
  );
}

describe.each([1, 2, 3])('a writer of %i copies dies', (replicas) => {
  test.each([
    ['put', put, 'after'],
    ['put that outgrows its slot', grow, 'grown'],
    ['delete', remove, 'nothing'],
  ])('%s: every reader sees the old or the new, and none waits', (_, operation, then) => {
    for (let steps = 0; ; steps++) {
      const store = openStore(replicas);
      const ended = killedAfter(store, operation, steps);
      for (const node of [1, 2]) expect(['before', then]).toContain(seenBy(store, node));
      expect(seenBy(store, 1)).toBe(seenBy(store, 2));
      if (ended) break;
      expect(steps).toBeLessThan(50);
    }
  });

  test.each([
    ['put', put, 'after', 64],
    ['put that outgrows its slot', grow, 'grown', 512],
    ['delete', remove, 'nothing', 8],
  ])(
    '%s, at any word: a survivor recovers from what memory says',
    (_, operation, then, pieceBytes) => {
      let forward = 0;
      let backward = 0;
      for (let steps = 0; ; steps++) {
        const store = openStore(replicas);
        const ended = killedAfter(store, operation, steps, pieceBytes);
        recoverOn(store, 1, lossOf(store, 0));
        expectClean(auditOf(store, [0]));
        const now = seenBy(store, 1);
        expect(['before', then]).toContain(now);
        expect(seenBy(store, 2)).toBe(now);
        if (ended) expect(now).toBe(then);
        if (now === 'before') backward++;
        else forward++;
        // The store goes on: the key is written, deleted and made again by others.
        once(store, (client) => (now === 'nothing' ? client.insert(key, after) : put(client)), 2);
        expect(seenBy(store, 1)).toBe('after');
        expect(once(store, (client) => client.delete(key), 1)).toBe(true);
        expect(once(store, (client) => client.insert(key, before), 2)).toBe(true);
        expect(seenBy(store, 1)).toBe('before');
        if (ended) break;
      }
      expect(forward).toBeGreaterThan(2);
      expect(backward).toBeGreaterThan(2);
    },
  );

  test('insert: the key is there or not, and nothing of it is left behind', () => {
    const fresh = keyOf('fresh');
    for (let steps = 0; ; steps++) {
      const store = openStore(replicas);
      const ended = killedAfter(store, (client) => client.insert(fresh, after), steps, 64);
      recoverOn(store, 1, lossOf(store, 0));
      expectClean(auditOf(store, [0]));
      const there = once(store, (client) => client.get(fresh, into), 1) !== undefined;
      expect(once(store, (client) => client.insert(fresh, before), 2)).toBe(!there);
      expect(once(store, (client) => client.get(fresh, into), 1)).toBe(there ? 310 : 300);
      if (ended) break;
    }
  });
});

test('a lock that is not left names its holder, and whoever wants it gives up in time', () => {
  const store = openStore(2);
  // One CAS, and no more.
  expect(killedAfter(store, put, 1)).toBe(false);
  const location = nodeOf(store, 0).location(key) as Location;
  const lock = lockWord(store, location, 0);
  expect(lock.state).toBe(lockState.held);
  expect(lock.incarnation).toBe(nodeOf(store, 0).context.incarnation);
  const holder = `last by incarnation ${nodeOf(store, 0).context.incarnation}`;
  expect(() => once(store, put, 1)).toThrow(holder);
  expect(nodeOf(store, 1).statistics.events.lockRetries).toBe(20);
});

test('only the primary is ever locked; other copies are idle in the same generation', () => {
  for (let steps = 0; steps <= 8; steps++) {
    const store = openStore(3);
    killedAfter(store, put, steps);
    const location = nodeOf(store, 0).location(key) as Location;
    for (const copy of [1, 2]) {
      const { state, generation } = lockWord(store, location, copy);
      expect({ state, generation }).toEqual({ state: lockState.idle, generation: 1 });
    }
  }
});

test.each(['ignore-lock', 'spin-on-lock'])(
  'a reader goes on from another copy where the primary is lost, whatever its lock said (%s)',
  (readers) => {
    for (let steps = 0; steps <= 10; steps++) {
      const store = openStore(2, { readers });
      killedAfter(store, put, steps);
      const { primary } = nodeOf(store, 2).location(key) as Location;
      const found = once(
        store,
        (client) =>
          interleaved(client.get(key, into), randomStream(1, 'lost'), { lostNode: primary }),
        2,
      ) as number;
      expect(['before', 'after']).toContain(nameOf(into.subarray(0, found)));
      expect(nodeOf(store, 2).statistics.events.failovers).toBe(1);
    }
  },
);

test('readers that spin on a lock, as the released code does, give up in bounded time', () => {
  const store = openStore(1, { readers: 'spin-on-lock' });
  killedAfter(store, put, 1);
  expect(() => once(store, (client) => client.get(key, into), 2)).toThrow('in 40 READs');
  expect(nodeOf(store, 2).statistics.events.lockedReads).toBe(40);
});

test('a record that stays torn is a typed error, or the next copy where there is one', () => {
  for (const replicas of [1, 2]) {
    const store = openStore(replicas, { redo: false });
    // The lock, and one of five pieces of the first committed copy that is written.
    killedAfter(store, put, 2, 64);
    const get = () => seenBy(store, 2);
    if (replicas === 1) expect(get).toThrow(expect.objectContaining({ code: 'FARSIDE_LIMIT' }));
    else expect(['before', 'after']).toContain(get());
  }
});

test('a slot that is filled again for its old key is not seen before the key exists again', () => {
  let filled = 0;
  for (let steps = 0; ; steps++) {
    const store = openStore(1);
    const old = nodeOf(store, 2).location(key) as Location;
    once(store, remove);
    // Locks the bucket, looks, fills the slot, claims the entry; node 2 knows the slot of old.
    if (killedAfter(store, (client) => client.insert(key, before), steps)) break;
    if (lockWord(store, old, 0).state === lockState.idle) filled++;
    const known = seenBy(store, 2);
    expect(known).toBe(seenBy(store, 1));
  }
  expect(filled).toBeGreaterThan(1);
});

test('the slot that a key moves to is locked until the entry names it', () => {
  let lockedAnew = 0;
  for (let steps = 1; ; steps++) {
    const store = openStore(1);
    const ended = killedAfter(store, grow, steps);
    if (ended) break;
    const old = nodeOf(store, 0).location(key) as Location;
    if (lockWord(store, old, 0).state === lockState.idle) continue;
    // Node 1 follows the note, if it is there; either slot is locked.
    expect(() => once(store, remove, 1)).toThrow('was locked at each of 20 attempts');
    const seen = nodeOf(store, 1).location(key) as Location;
    if (seen.slot !== old.slot) lockedAnew++;
  }
  expect(lockedAnew).toBeGreaterThan(0);
});
