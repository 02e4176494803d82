import { describe, expect, test } from 'vitest';
import { CloverStore } from '../../../test/support/clover-store.ts';
import { interleaved } from '../../../test/support/interleave.ts';
import { type Effect, effectKind, type Program, sleep, writeWord } from '../../core/effect.ts';
import type { FarsideError } from '../../core/errors.ts';
import { keyOf } from '../../core/key.ts';
import { randomStream } from '../../core/random.ts';
import { packWord } from '../../core/word.ts';
import type { StoreClient } from '../system.ts';
import type { MetadataServer } from './metadata/server.ts';
import { entryLow, handleOf, highHalfFor, type Reference, tailLow } from './pointer.ts';

const key = keyOf('k');
const into = new Uint8Array(4096);
/** Nothing is retired and no shortcut is WRITTEN unless a test does it. */
const quiet = { retireIntervalNs: 10 ** 12, retireBatch: 16 };

function* puts(client: StoreClient, from: number, to: number): Program<void> {
  for (let i = from; i <= to; i++) yield* client.put(key, new Uint8Array(40).fill(i));
}

/** Two nodes; the second has read version 0, the first has put versions 1..`ahead` since. */
function behindBy(ahead: number, settings: Readonly<Record<string, unknown>> = {}): CloverStore {
  const store = new CloverStore({ computeNodes: 2 }, { ...quiet, ...settings });
  store.once((client) => client.insert(key, new Uint8Array(40)), 0);
  store.once((client) => client.get(key, into), 1);
  store.once((client) => puts(client, 1, ahead), 0);
  return store;
}

function setShortcut(store: CloverStore, target: Reference, sequence: number): void {
  const { shortcut } = store.node().cursors.find(key)!;
  const word = packWord(highHalfFor(handleOf(target)), entryLow(target, sequence));
  store.once(function* () {
    yield* writeWord(shortcut, word);
  });
}

describe('a reader behind its cursor', () => {
  test('walks one hop a round trip', () => {
    const store = behindBy(3);
    const cost = store.cost((client) => client.get(key, into), 1);
    expect([cost.roundTrips, into[0]]).toEqual([4, 3]);
    expect(store.node(1).events.chainHops).toBe(3);
  });

  test('ignores a shortcut that is at its own version: no READ twice of one buffer', () => {
    const store = behindBy(1);
    const cost = store.cost((client) => client.get(key, into), 1);
    // Buffer and shortcut, then the successor: the shortcut still shows the first version.
    expect([cost.roundTrips, cost.verbs, into[0]]).toEqual([2, 3, 1]);
    expect(store.node(1).events.shortcutJumps).toBe(0);
  });

  test('ignores a shortcut that is behind it: it never walks backwards', () => {
    const store = behindBy(2);
    store.once((client) => client.get(key, into), 1);
    store.once((client) => puts(client, 3, 3), 0);
    const cost = store.cost((client) => client.get(key, into), 1);
    expect([cost.roundTrips, cost.verbs, into[0]]).toEqual([2, 3, 3]);
    expect(store.node(1).events.shortcutJumps).toBe(0);
  });

  test('jumps by a shortcut that is ahead', () => {
    const store = behindBy(12);
    const { refs, sequence } = store.node().cursors.find(key)!;
    setShortcut(store, refs[0]!, sequence);
    const cost = store.cost((client) => client.get(key, into), 1);
    expect([cost.roundTrips, into[0]]).toEqual([2, 12]);
    expect(store.node(1).events.shortcutJumps).toBe(1);
  });

  test('reads the shortcut again after four hops, and asks the server after seven', () => {
    const plain = behindBy(7);
    const before = plain.node(1).events.queries;
    const cost = plain.cost((client) => client.get(key, into), 1);
    // 2 at the cursor, 7 hops, and the shortcut once more at the fourth.
    expect([cost.verbs, plain.node(1).events.queries - before]).toEqual([10, 0]);
    const far = behindBy(8);
    expect(far.cost((client) => client.get(key, into), 1).roundTrips).toBe(10);
    expect([far.node(1).events.queries, into[0]]).toEqual([before + 1, 8]);
  });

  test('reaches any tail, however few hops the thresholds allow', () => {
    for (const settings of [
      { shortcutHops: 1, queryHops: 1 },
      { shortcutHops: 1000, queryHops: 1000 },
    ]) {
      const store = behindBy(60, settings);
      store.once((client) => client.get(key, into), 1);
      expect(into[0]).toBe(60);
    }
  });

  test('asks the server when cursor and shortcut lead to recycled or foreign buffers', () => {
    const store = behindBy(1);
    const other = keyOf('other');
    store.once((client) => client.insert(other, Uint8Array.of(99)), 0);
    const foreign = store.node().cursors.find(other)!;
    setShortcut(store, foreign.refs[0]!, 300);
    const cursor = store.node(1).cursors.find(key)!;
    store.once(function* () {
      yield* writeWord(cursor.address, packWord(0, tailLow(77)));
    });
    // The server's head is the buffer just spoilt, so stand it on the good one.
    const { refs, sequence } = store.node().cursors.find(key)!;
    store.servers[0]!.namer.find(key.text)!.standAt(refs, sequence);
    expect(store.once((client) => client.get(key, into), 1)).toBe(40);
    expect(into[0]).toBe(1);
  });
});

test('a shortcut that serves a new chain of the same key does not show what is not named', () => {
  const store = new CloverStore({ computeNodes: 2 }, { retireIntervalNs: 2000 });
  const [server] = store.servers as [MetadataServer];
  store.once((client) => client.insert(key, new Uint8Array(40)), 0);
  store.once((client) => client.get(key, into), 1);
  const stale = store.node(1).cursors.find(key)!;
  store.once(function* (client) {
    yield* client.delete(key);
    while (server.namer.chains > 0) yield* client.get(keyOf('other'), into);
    yield* client.insert(key, new Uint8Array(40).fill(9));
    // The old buffer is used again, and the new chain is as if the server had not named it yet.
    yield* writeWord(stale.address, packWord(0, tailLow(stale.version + 1)));
  }, 0);
  const chain = server.namer.find(key.text)!;
  server.namer.unname(chain);
  const { layout } = store.node();
  expect(layout.shortcutAddressOf(chain.number)).toBe(stale.shortcut);
  expect(store.once((client) => client.get(key, into), 1)).toBeUndefined();
  server.namer.name(chain);
  expect(store.once((client) => client.get(key, into), 1)).toBe(40);
});

describe('B_w left standing by a writer that died', () => {
  const held = (): CloverStore => {
    const store = new CloverStore({ memoryNodes: 3, replicas: 2 }, quiet);
    store.once((client) => client.insert(key, new Uint8Array(40).fill(5)));
    const { address, version } = store.node().cursors.find(key)!;
    store.once(function* () {
      yield* writeWord(address, packWord(0, tailLow(version, 17 + 1, true)));
    });
    return store;
  };

  test('readers still answer, in one round trip, with the last committed version', () => {
    const store = held();
    expect(store.cost((client) => client.get(key, into)).roundTrips).toBe(1);
    expect(into[0]).toBe(5);
  });

  test('a writer waits for a bounded time, then names the owner', () => {
    const store = held();
    const used = store.node().free.heldBytes();
    let error: FarsideError | undefined;
    try {
      store.once((client) => client.put(key, new Uint8Array(40)));
    } catch (thrown) {
      error = thrown as FarsideError;
    }
    expect(error?.code).toBe('FARSIDE_TIMEOUT');
    expect(error?.message).toContain('by incarnation 17 ');
    expect(store.node().events.heldWaits).toBeGreaterThan(1);
    expect(store.node().free.heldBytes()).toBeGreaterThanOrEqual(used);
  });
});

describe('READs and recycled buffers', () => {
  /** Performs the first batch at once, and lets the program learn of it only after `delayNs`. */
  function* delayed<T>(program: Program<T>, delayNs: number): Program<T> {
    let waited = false;
    for (;;) {
      const step = program.next();
      if (step.done === true) return step.value;
      yield step.value as Effect;
      if (waited || (step.value as Effect).kind !== effectKind.batch) continue;
      waited = true;
      yield* sleep(delayNs);
    }
  }

  test('a READ that took as long as buffers rest is done again', () => {
    const store = new CloverStore({}, quiet);
    store.once((client) => client.insert(key, new Uint8Array(40).fill(1)));
    const { reuseDelayNs, events } = store.node();
    const slow = store.cost((client) => delayed(client.get(key, into), 2 * reuseDelayNs));
    expect([slow.roundTrips, events.slowReads, into[0]]).toEqual([2, 1, 1]);
    const quick = store.cost((client) => delayed(client.get(key, into), reuseDelayNs / 2));
    expect([quick.roundTrips, events.slowReads]).toEqual([1, 1]);
  });

  test('readers whose READs tear for long get whole values while buffers are recycled', () => {
    const store = new CloverStore(
      { computeNodes: 2, keysMax: 2, valueBytesMax: 64, valueBytesMean: 64, memoryBytes: 40_000 },
      { buffersPerRequest: 1, retireBatch: 1, retireIntervalNs: 1000 },
    );
    const value = (n: number): Uint8Array => new Uint8Array(64).fill(n);
    store.once((client) => client.insert(key, value(0)));
    const random = randomStream(3, 'tears');
    let reading = true;
    let reads = 0;
    function* reader(client: StoreClient): Program<void> {
      for (let i = 0; i < 12; i++) {
        const get = client.get(key, into);
        const length = yield* interleaved(get, random, { pieceBytes: 8, pauseNsMax: 28_000 });
        expect(length).toBe(64);
        expect(into.slice(0, 64)).toEqual(value(into[0]!));
        reads++;
      }
      reading = false;
    }
    store.store.run([
      { node: 1, program: reader },
      {
        node: 0,
        *program(client) {
          for (let i = 1; reading; i++) yield* client.put(key, value(i & 0xff));
        },
      },
    ]);
    expect(reads).toBe(12);
    expect(store.node(1).events.slowReads).toBeGreaterThan(0);
    expect(store.node(1).events.recycledReads).toBeGreaterThan(0);
  });

  test('with verifyReads a record that is not whole is never answered', () => {
    const store = new CloverStore({}, { ...quiet, verifyReads: true });
    store.once((client) => client.insert(key, new Uint8Array(40).fill(1)));
    const { address } = store.node().cursors.find(key)!;
    store.once(function* () {
      yield* writeWord(address + 32, 0xdeadn);
    });
    expect(() => store.once((client) => client.get(key, into))).toThrow('not whole');
  });
});

describe('balancing load', () => {
  const settings = { ...quiet, loadBalance: 'load', loadWindowNs: 10 ** 12 };

  test('new versions go where fewest bytes have moved', () => {
    const store = new CloverStore({ memoryNodes: 3 }, settings);
    store.node().loads!.add(1, 10 ** 9);
    store.once(function* (client) {
      yield* client.insert(key, new Uint8Array(900));
      for (let i = 0; i < 20; i++) {
        yield* client.put(key, new Uint8Array(900));
        const { layout, cursors } = store.node();
        expect(layout.bucketOf(cursors.find(key)!.refs[0]!)).not.toBe(1);
      }
    });
    const moved = [0, 2].map((bucket) => store.node().loads!.bytes(bucket));
    expect(Math.max(...moved) / Math.min(...moved)).toBeLessThan(1.5);
  });

  test('reads go to the copy whose memory node has moved fewest', () => {
    const store = new CloverStore({ memoryNodes: 2, replicas: 2 }, settings);
    store.once((client) => client.insert(key, new Uint8Array(900).fill(7)));
    const { layout, cursors, loads } = store.node();
    const primary = layout.bucketOf(cursors.find(key)!.refs[0]!);
    loads!.add(primary, 10 ** 6);
    const before = loads!.bytes(primary);
    expect(store.once((client) => client.get(key, into))).toBe(900);
    expect([loads!.bytes(primary), into[0]]).toEqual([before, 7]);
  });

  test('round-robin spreads new versions evenly, copies on different nodes', () => {
    const store = new CloverStore({ memoryNodes: 3, replicas: 2 }, quiet);
    const counts = [0, 0, 0];
    store.once(function* (client) {
      yield* client.insert(key, new Uint8Array(9));
      for (let i = 0; i < 30; i++) {
        yield* client.put(key, new Uint8Array(9));
        const { layout, cursors } = store.node();
        const buckets = cursors.find(key)!.refs.map((ref) => layout.bucketOf(ref));
        expect(new Set(buckets).size).toBe(2);
        for (const bucket of buckets) counts[bucket]!++;
      }
    });
    expect(counts).toEqual([20, 20, 20]);
  });
});
