import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import {
  batch,
  type FarsideError,
  faa,
  type OpenStoreOptions,
  openNode,
  openStore,
  type Program,
  readWord,
  type Store,
  sleep,
} from '../../index.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const opened: { close(): Promise<void> }[] = [];

async function open(options: OpenStoreOptions): Promise<Store> {
  const store = await openStore({ keysMax: 200, valueBytesMax: 256, ...options });
  opened.push(store);
  return store;
}

async function failure(work: Promise<unknown>): Promise<FarsideError> {
  return work.then(
    () => expect.fail('it should have been refused'),
    (error: FarsideError) => error,
  );
}

afterEach(async () => {
  for (const store of opened.splice(0)) await store.close();
});

const everywhere = (['shared', 'sim'] as const).flatMap((fabric) =>
  ['direct', 'central', 'clover'].map((system) => ({ system, fabric })),
);

describe.each(everywhere)('$system on $fabric', (options) => {
  test('an application inserts, reads, replaces and deletes', async () => {
    const store = await open(options);
    expect(await store.get('greeting')).toBeUndefined();
    expect(await store.insert('greeting', bytes('hello'))).toBe(true);
    expect(await store.insert('greeting', bytes('again'))).toBe(false);
    expect(await store.get('greeting')).toEqual(bytes('hello'));
    expect(await store.put('greeting', bytes('good evening'))).toBe(true);
    const into = new Uint8Array(64);
    expect(await store.getInto('greeting', into)).toBe(12);
    expect(into.subarray(0, 12)).toEqual(bytes('good evening'));
    expect(await store.put('grüße', bytes('x'))).toBe(false);
    expect(await store.delete('greeting')).toBe(true);
    expect(await store.delete('greeting')).toBe(false);
    expect(await store.get('greeting')).toBeUndefined();
  });

  test('more operations than clients may be under way, and close waits for them', async () => {
    const store = await open({ ...options, outstanding: 4 });
    const keys = Array.from({ length: 40 }, (_, i) => `key ${i}`);
    await Promise.all(keys.map((key) => store.insert(key, bytes(`value of ${key}`))));
    const reading = Promise.all(keys.map((key) => store.get(key)));
    const closed = store.close();
    expect(await reading).toEqual(keys.map((key) => bytes(`value of ${key}`)));
    await closed;
    expect((await failure(store.get('key 1'))).message).toMatch(/the store is closed/);
  });

  test('an operation that is refused rejects, and the store goes on', async () => {
    const store = await open(options);
    expect((await failure(store.get(''))).code).toBe('FARSIDE_KEY');
    expect((await failure(store.insert('k', new Uint8Array(5000)))).code).toBe('FARSIDE_VALUE');
    expect(await store.insert('k', bytes('v'))).toBe(true);
    expect(await store.get('k')).toEqual(bytes('v'));
  });
});

describe.each([{ fabric: 'shared' }, { fabric: 'sim' }] as const)(
  'a node on $fabric',
  (options) => {
    test('runs programs as promises, interleaved, each with its own error', async () => {
      const { node, cluster, close } = await openNode({
        system: 'direct',
        keysMax: 10,
        ...options,
      });
      opened.push({ close });
      const [region] = cluster.node(0).regions;
      const word = (region?.address ?? 0) + (region?.sizeBytes ?? 0) - 8;
      const count = function* (times: number): Program<bigint> {
        for (let i = 0; i < times; i++) yield* faa(word, 1n);
        yield* sleep(1000);
        return yield* readWord(word);
      };
      const wrong = function* (): Program<void> {
        yield* batch(readWord(word + 4));
      };
      const [first, error, second] = await Promise.all([
        node.run(count(200)),
        failure(node.run(wrong())),
        node.run(count(100)),
      ]);
      expect([first >= 200n, second >= 100n, error.code]).toEqual([
        true,
        true,
        'FARSIDE_ALIGNMENT',
      ]);
      expect(await node.run(count(0))).toBe(300n);
      expect(node.context.nowNs()).toBeGreaterThan(0);
    });
  },
);

test.each(['shared', 'sim'] as const)(
  'a server that fails fails its clients on %s',
  async (fabric) => {
    const system = fileURLToPath(
      new URL('../../../test/support/failing-system.js', import.meta.url),
    );
    const store = await openStore({ system, fabric });
    const message = 'the server found its table in disorder';
    expect((await failure(store.get('a'))).message).toBe(message);
    expect((await failure(store.get('b'))).message).toBe(message);
  },
);

test('what is asked for is checked before anything starts', async () => {
  expect((await failure(openStore({ system: 'clovr' }))).message).toMatch(/did you mean clover/);
  const tooMany = { system: 'direct', replicas: 3, memoryNodes: 2 };
  expect((await failure(openStore(tooMany))).code).toBe('FARSIDE_USAGE');
  const none = { system: 'direct', outstanding: 0 };
  expect((await failure(openStore(none))).message).toBe(
    'outstanding is 0: expected an integer of 1 to 1024',
  );
});
