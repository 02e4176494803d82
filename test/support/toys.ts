import {
  cas,
  flush,
  type Program,
  read,
  readWord,
  sleep,
  write,
  writeWord,
} from '../../src/core/effect.ts';
import type { Key } from '../../src/core/key.ts';
import type { Site, StoreClient, System, SystemPromise } from '../../src/systems/system.ts';

/**
 * Stores of one entry, each wrong in one way that only a schedule shows. The value lies in a region of one
 * memory node, behind a lock word:
 *
 *     0 | lock: 0 or 1 | 8 | value ...
 */
interface Toy {
  get(at: number, into: Uint8Array): Program<number>;
  put(at: number, value: Uint8Array): Program<void>;
}

export function toySystem(name: string, open: (site: Site) => Toy): System {
  const promises = (['assumed', 'flush'] as const).flatMap((durability) =>
    (['read committed', 'atomic write', 'data reliability', 'linearizable'] as const).map(
      (promise): SystemPromise => ({
        promise,
        durability,
        holds: 'asynchronous-safe',
        because: 'it says so',
      }),
    ),
  );
  return {
    name,
    summary: 'a toy',
    operations: ['insert', 'get', 'put'],
    roundTrips: '1',
    promises,
    parameters: [],
    configure: () => ({}),
    layout: () => ({
      memoryRegions: [{ name: 'entry', medium: 'pm', sizeBytes: 4096 }],
      servers: [],
      messageBytesMax: 0,
      messageSlots: 1,
    }),
    openNode: (site) => ({
      openClient: () => clientOf(open(site), site.cluster.region(0, 'entry').address),
      background: [],
      statistics: { events: {}, metadataBytes: 0 },
    }),
    openServer: () => {
      throw new Error('a toy has no servers');
    },
  };
}

function clientOf(toy: Toy, at: number): StoreClient {
  return {
    get: (_key: Key, into) => toy.get(at, into),
    *put(_key, value) {
      yield* toy.put(at, value);
      return true;
    },
    *insert(_key, value) {
      yield* toy.put(at, value);
      return true;
    },
    *delete() {
      throw new Error('a toy has no delete');
    },
  };
}

function* lock(at: number): Program<void> {
  while ((yield* cas(at, 0n, 1n)) !== 0n) yield* sleep(100);
}

function* readAll(at: number, into: Uint8Array): Program<number> {
  yield* read(at + 8, into);
  return into.length;
}

/** Right: every operation holds the lock. */
export const locked = toySystem('locked', () => ({
  *get(at, into) {
    yield* lock(at);
    const length = yield* readAll(at, into);
    yield* writeWord(at, 0n);
    return length;
  },
  *put(at, value) {
    yield* lock(at);
    yield* write(at + 8, value);
    yield* flush(at + 8, value.length);
    yield* writeWord(at, 0n);
  },
}));

/** Readers take no lock, and nothing tells them that a value is torn. */
export const tornReader = toySystem('torn reader', () => ({
  get: readAll,
  *put(at, value) {
    yield* lock(at);
    yield* write(at + 8, value);
    yield* writeWord(at, 0n);
  },
}));

/** A lock that is looked at and then taken, in two verbs; a get writes back what it read. */
export const lookThenLock = toySystem('look then lock', () => {
  function* take(at: number): Program<void> {
    while ((yield* readWord(at)) !== 0n) yield* sleep(100);
    yield* writeWord(at, 1n);
  }
  return {
    *get(at, into) {
      yield* take(at);
      const length = yield* readAll(at, into);
      yield* write(at + 8, into);
      yield* writeWord(at, 0n);
      return length;
    },
    *put(at, value) {
      yield* take(at);
      yield* write(at + 8, value);
      yield* writeWord(at, 0n);
    },
  };
});

/** Acknowledges before it flushes. */
export const lateFlush = toySystem('late flush', () => ({
  get: readAll,
  *put(at, value) {
    yield* write(at + 8, value);
  },
}));

/**
 * Every put leaves a mark at a word of its client's own before it writes; a get gives the other client's mark
 * where there is one. So the words look like nobody else's until a get comes by.
 */
export const marked = toySystem('marked', ({ context }) => {
  const markOf = (at: number, node: number): number => at + 1024 + 64 * node;
  return {
    *get(at, into) {
      yield* readAll(at, into);
      const mark = new Uint8Array(8);
      yield* read(markOf(at, 3 - context.node), mark);
      if (mark.some((byte) => byte !== 0)) into.set(mark);
      return into.length;
    },
    *put(at, value) {
      yield* write(markOf(at, context.node), value);
      yield* write(at + 8, value);
    },
  };
});

/** As `locked`, with a journal of each client's own that nobody else ever looks at. */
export const journalled = toySystem('journalled', ({ context }) => {
  const journalOf = (at: number): number => at + 1024 + 64 * context.node;
  return {
    *get(at, into) {
      yield* read(journalOf(at), new Uint8Array(8));
      yield* lock(at);
      const length = yield* readAll(at, into);
      yield* writeWord(at, 0n);
      return length;
    },
    *put(at, value) {
      yield* write(journalOf(at), value);
      yield* lock(at);
      yield* write(at + 8, value);
      yield* writeWord(journalOf(at), 0n);
      yield* writeWord(at, 0n);
    },
  };
});

/** Two locks, taken in different orders by readers and writers. */
export const crossed = toySystem('crossed', () => ({
  *get(at, into) {
    yield* lock(at);
    yield* lock(at + 2048);
    const length = yield* readAll(at, into);
    yield* writeWord(at + 2048, 0n);
    yield* writeWord(at, 0n);
    return length;
  },
  *put(at, value) {
    yield* lock(at + 2048);
    yield* lock(at);
    yield* write(at + 8, value);
    yield* writeWord(at, 0n);
    yield* writeWord(at + 2048, 0n);
  },
}));
