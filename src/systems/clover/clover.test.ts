import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CloverStore } from '../../../test/support/clover-store.ts';
import type { FarsideError } from '../../core/errors.ts';
import { keyOf } from '../../core/key.ts';
import { recordBytes } from '../../core/record.ts';

const into = new Uint8Array(32 * 1024);

function filled(length: number, fill: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (fill + i * 7) & 0xff);
}

interface Step {
  readonly op: 'insert' | 'get' | 'put' | 'delete';
  readonly node: number;
  readonly key: number;
  readonly bytes: number;
}

const steps = fc.array(
  fc.record<Step>({
    op: fc.constantFrom('insert', 'get', 'put', 'delete'),
    node: fc.nat(2),
    key: fc.nat(4),
    bytes: fc.oneof(
      fc.integer({ min: 1, max: 64 }),
      fc.integer({ min: 1, max: 3000 }),
      fc.constant(32 * 1024),
    ),
  }),
  { maxLength: 40 },
);

const variants: readonly Readonly<Record<string, unknown>>[] = [
  {},
  { readWait: 'first', verifyReads: true },
  { metadataServers: 3, handlers: 1, loadBalance: 'load', loadWindowNs: 5000 },
  { cursorsMax: 2, evictBy: 'lru', requestBuffers: 'when-empty', buffersPerRequest: 1 },
  { cursorsMax: 1, evictBy: 'fifo', retireBatch: 1, checksumBy: 'crc' },
];

test('three nodes in turn see one map, whatever sizes and settings', () => {
  fc.assert(
    fc.property(
      steps,
      fc.constantFrom(...variants),
      fc.integer({ min: 1, max: 3 }),
      fc.constantFrom('assumed' as const, 'flush' as const),
      (script, settings, replicas, durability) => {
        const store = new CloverStore(
          { memoryNodes: 3, computeNodes: 3, replicas, keysMax: 5, valueBytesMax: 32 * 1024 },
          settings,
          durability,
        );
        const keys = ['a', 'bb', 'c'.repeat(32), '\u00ff\u0000', 'e'].map((text) => keyOf(text));
        const model = new Map<number, Uint8Array>();
        for (const [i, { op, node, key: k, bytes }] of script.entries()) {
          const key = keys[k]!;
          const value = filled(bytes, i);
          store.once(function* (client) {
            const present = model.get(k);
            if (op === 'get') {
              const length = yield* client.get(key, into);
              expect(length).toBe(present?.length);
              if (length !== undefined) expect(into.slice(0, length)).toEqual(present);
            } else if (op === 'delete') {
              expect(yield* client.delete(key)).toBe(present !== undefined);
              model.delete(k);
            } else {
              const works = (op === 'insert') === (present === undefined);
              expect(yield* client[op](key, value)).toBe(works);
              if (works) model.set(k, value);
            }
          }, node);
        }
        const named = store.servers.reduce((sum, server) => sum + server.namer.keys, 0);
        expect(named).toBe(model.size);
      },
    ),
    { numRuns: 40 },
  );
});

describe.each(['assumed', 'flush'] as const)('round trips in %s durability', (durability) => {
  const opened = (replicas: number, settings = {}) => {
    const store = new CloverStore({ memoryNodes: 3, replicas }, settings, durability);
    const key = keyOf('k');
    // The first put of a class has to ask for buffers; later ones find them.
    store.once(function* (client) {
      yield* client.insert(key, filled(900, 1));
      for (let i = 0; i < 4; i++) yield* client.put(key, filled(900, i));
    });
    return { store, key };
  };

  test.each([1, 2, 3])('a get is 1 with %i copies, whichever READ it waits for', (replicas) => {
    for (const readWait of ['both', 'first']) {
      const { store, key } = opened(replicas, { readWait });
      expect(store.cost((client) => client.get(key, into)).roundTrips).toBe(1);
    }
  });

  test.each([
    [1, 2],
    [2, 3],
    [3, 3],
  ])('a put with %i copies is %i', (replicas, roundTrips) => {
    const { store, key } = opened(replicas);
    const value = filled(900, 9);
    expect(store.cost((client) => client.put(key, value)).roundTrips).toBe(roundTrips);
  });

  test.each([
    [1, 3],
    [2, 4],
  ])('a delete with %i copies is %i: a put and a call', (replicas, roundTrips) => {
    const { store, key } = opened(replicas);
    store.once(function* (client) {
      yield* client.insert(keyOf('l'), filled(20, 1));
      yield* client.put(keyOf('l'), filled(20, 1));
      yield* client.delete(keyOf('l'));
    });
    expect(store.cost((client) => client.delete(key)).roundTrips).toBe(roundTrips);
  });

  test('an insert is 3: the WRITE, the call, and the WRITE that the server makes', () => {
    const { store } = opened(1);
    const value = filled(900, 2);
    expect(store.cost((client) => client.insert(keyOf('new'), value)).roundTrips).toBe(3);
  });

  test('a get without a cursor is 2: the query and the READ', () => {
    const store = new CloverStore({ computeNodes: 2 }, {}, durability);
    store.once((client) => client.insert(keyOf('k'), filled(10, 1)), 0);
    expect(store.cost((client) => client.get(keyOf('k'), into), 1).roundTrips).toBe(2);
  });

  test('a get behind its cursor is one more for one hop', () => {
    const store = new CloverStore({ computeNodes: 2 }, {}, durability);
    const key = keyOf('k');
    store.once((client) => client.insert(key, filled(10, 1)), 0);
    store.once((client) => client.get(key, into), 1);
    store.once((client) => client.put(key, filled(10, 2)), 0);
    expect(store.cost((client) => client.get(key, into), 1).roundTrips).toBe(2);
    expect(store.cost((client) => client.get(key, into), 1).roundTrips).toBe(1);
  });
});

describe('bytes', () => {
  // Header and record fill a class of 1024 B exactly.
  const exact = (replicas: number) => {
    const store = new CloverStore({ memoryNodes: 3, replicas, valueBytesMax: 1000 });
    const key = keyOf('key8byte');
    const value = filled(1024 - 8 * replicas - 24, 1);
    expect(8 * replicas + recordBytes(8, value.length)).toBe(1024);
    store.once(function* (client) {
      yield* client.insert(key, value);
      for (let i = 0; i < 4; i++) yield* client.put(key, value);
    });
    return { store, key, value };
  };

  test.each([1, 2, 3])('a get with %i copies brings its class and the shortcut', (replicas) => {
    const { store, key } = exact(replicas);
    const cost = store.cost((client) => client.get(key, into));
    expect([cost.bytesIn, cost.bytesOut, cost.verbs]).toEqual([1024 + 8 * replicas, 0, 2]);
  });

  test.each([1, 2, 3])('a put with %i copies sends its class, CASes and headers', (replicas) => {
    const { store, key, value } = exact(replicas);
    const cost = store.cost((client) => client.put(key, value));
    // Round 1 WRITEs the words behind the first and CASes that, round 2 WRITEs it.
    const [headers, swaps] = replicas > 1 ? [replicas * 8 * (replicas + 1), replicas] : [0, 0];
    expect([cost.bytesOut, cost.bytesIn]).toEqual([replicas * 1024 + 8 + headers, 8 + 8 * swaps]);
  });

  test('what follows a put counts as background', () => {
    const { store, key, value } = exact(1);
    const { background } = store.store.nodes.find((node) => node.context.node === 4)!;
    const before = background.bytesOut;
    const cost = store.cost(function* (client) {
      for (let i = 0; i < 32; i++) yield* client.put(key, value);
    });
    expect(cost.bytesOut).toBe(32 * (1024 + 8));
    expect(background.bytesOut).toBeGreaterThan(before);
  });
});

describe('limits', () => {
  const store = new CloverStore({ valueBytesMax: 100, keyBytesMax: 8 });
  const codeOf = (program: Parameters<CloverStore['once']>[0]): string => {
    const other = new CloverStore({ valueBytesMax: 100, keyBytesMax: 8 });
    try {
      other.once(program);
    } catch (error) {
      return (error as FarsideError).code;
    }
    return 'no error';
  };

  test('values and keys beyond what the store was made for are refused', () => {
    const long = keyOf('123456789');
    const key = keyOf('k');
    expect(codeOf((client) => client.insert(key, new Uint8Array(101)))).toBe('FARSIDE_VALUE');
    expect(codeOf((client) => client.put(key, new Uint8Array(0)))).toBe('FARSIDE_VALUE');
    expect(codeOf((client) => client.insert(long, filled(5, 1)))).toBe('FARSIDE_KEY');
    expect(codeOf((client) => client.get(long, into))).toBe('FARSIDE_KEY');
    expect(codeOf((client) => client.delete(long))).toBe('FARSIDE_KEY');
  });

  test('a buffer too small for the value is refused', () => {
    store.once((client) => client.insert(keyOf('k'), filled(100, 1)));
    expect(() => store.once((client) => client.get(keyOf('k'), new Uint8Array(99)))).toThrow(
      'the value has 100 bytes',
    );
  });

  test('more compute nodes than a header can name are refused', () => {
    expect(() => new CloverStore({ computeNodes: 1023 })).toThrow('at most 1022');
  });

  /** Inserts until something gives way. */
  const overfilled = (keysMax: number, valueBytes: number, memoryBytes: number): string => {
    const patience = { epochNs: 1000, retireIntervalNs: 1000 };
    const full = new CloverStore({ memoryNodes: 1, keysMax, memoryBytes }, patience);
    try {
      full.once(function* (client) {
        for (let i = 0; i < 5000; i++) yield* client.insert(keyOf(`k${i}`), filled(valueBytes, i));
      });
    } catch (error) {
      return `${(error as FarsideError).code} ${(error as FarsideError).message}`;
    }
    return 'no error';
  };

  test('a pool that stays empty, and a full namer, are errors and not waits for ever', () => {
    expect(overfilled(100, 2000, 1_400_000)).toMatch(/^FARSIDE_CAPACITY no free buffer of 2048 B/);
    expect(overfilled(2, 1000, 8_000_000)).toMatch(/^FARSIDE_CAPACITY no shortcut slot/);
  });
});
