import { expect, test } from 'vitest';
import { CloverStore } from '../../../test/support/clover-store.ts';
import { type Program, readWord } from '../../core/effect.ts';
import { keyOf } from '../../core/key.ts';
import { highHalf, lowHalf } from '../../core/word.ts';
import { areaIn, entryIn, type Reference } from './pointer.ts';

const key = keyOf('k');
const into = new Uint8Array(4096);

test('one shortcut WRITE a chain and batch, of the newest version whatever order they ended in', () => {
  const store = new CloverStore({}, { retireBatch: 4, retireIntervalNs: 10 ** 9 });
  const node = store.node();
  store.once((client) => client.insert(key, Uint8Array.of(0)));
  const cursor = node.cursors.find(key)!;
  const retired: Reference[] = [];
  const version = (n: number): Reference[] => [cursor.refs[0]! + 256 * n];
  // The server is not asked: only what the node WRITEs is of interest here.
  const drain = [2, 4, 3, 1]
    .map((n) => node.retire.add(cursor, version(n - 1)[0]!, version(n), 1 + n))
    .at(-1) as Program<void>;
  store.once(function* () {
    const step = drain.next();
    yield step.value as never;
    const word = yield* readWord(cursor.shortcut);
    retired.push(entryIn(highHalf(word), lowHalf(word)), areaIn(lowHalf(word)));
  });
  expect(retired).toEqual([version(4)[0], 5]);
  expect(node.retire.shortcutWrites).toBe(1);
});

test('an update older than one already WRITTEN is left out', () => {
  const store = new CloverStore({}, { retireBatch: 1 });
  const node = store.node();
  store.once(function* (client) {
    yield* client.insert(key, Uint8Array.of(0));
    for (let i = 1; i <= 5; i++) yield* client.put(key, Uint8Array.of(i));
    while (node.retire.linksRetired < 5) yield* client.get(key, into);
  });
  const cursor = node.cursors.find(key)!;
  expect(cursor.shortcutSequence).toBe(cursor.sequence);
  const writes = node.retire.shortcutWrites;
  const drain = node.retire.add(cursor, cursor.refs[0]!, cursor.refs, cursor.sequence - 2)!;
  const step = drain.next();
  // The next thing it does is to call the server: no batch of WRITEs comes first.
  expect((step.value as { kind: number }).kind).not.toBe(1);
  expect(node.retire.shortcutWrites).toBe(writes);
});

test('every superseded version is reported and comes back, however few there are', () => {
  const store = new CloverStore({}, { retireBatch: 16, retireIntervalNs: 2000 });
  store.once(function* (client) {
    yield* client.insert(key, Uint8Array.of(0));
    for (let i = 1; i <= 5; i++) yield* client.put(key, Uint8Array.of(i));
  });
  const node = store.node();
  store.once(function* (client) {
    while (node.retire.linksRetired < 5) yield* client.get(key, into);
  });
  expect(node.retire.waiting).toBe(0);
  const chain = store.servers[0]!.namer.find(key.text)!;
  expect(chain.refs).toEqual(node.cursors.find(key)!.refs);
});

test('deleting a key gives all its buffers and its shortcut back', () => {
  const store = new CloverStore({ memoryNodes: 3, replicas: 3 }, { retireIntervalNs: 2000 });
  const used = (): number => store.servers[0]!.allocator.usedBytes;
  const held = (): number => store.node().free.heldBytes();
  store.once(function* (client) {
    for (let round = 0; round < 20; round++) {
      yield* client.insert(key, new Uint8Array(300).fill(round));
      for (let i = 0; i < 3; i++) yield* client.put(key, new Uint8Array(300).fill(i));
      // A failed insert and a failed put keep nothing either.
      yield* client.insert(key, new Uint8Array(300));
      yield* client.delete(key);
      yield* client.put(key, new Uint8Array(300));
    }
    const { namer, allocator } = store.servers[0]!;
    while (namer.chains > 0) yield* client.get(key, into);
    for (let i = 0; i < 100_000 && used() > held(); i++) {
      yield* client.get(key, into);
      allocator.settle(store.node().site.context.nowNs());
    }
  });
  expect(store.servers[0]!.namer.chains).toBe(0);
  expect(used()).toBe(held());
});
