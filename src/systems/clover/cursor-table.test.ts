import fc from 'fast-check';
import { expect, test } from 'vitest';
import { smallShape } from '../../../test/support/in-thread.ts';
import { keyOf } from '../../core/key.ts';
import { assembleCluster } from '../assemble.ts';
import { Cursor } from './cursor.ts';
import { CursorTable, type EvictBy } from './cursor-table.ts';
import { system } from './index.ts';
import { CloverLayout } from './layout.ts';
import { type Reference, reference } from './pointer.ts';

const config = system.configure({}, smallShape);
const layout = new CloverLayout(assembleCluster(system, smallShape, config), smallShape, config);
const refs = (handle: number, version = 1): Reference[] => [reference(handle, version)];
const cursor = (text: string, sequence = 1, epoch = 0): Cursor =>
  new Cursor(keyOf(text), 0, layout.slots, refs(1), sequence, epoch, layout);

test.each<EvictBy>(['fifo', 'lru'])('%s keeps what a list of that order would keep', (evictBy) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.tuple(fc.constantFrom('add', 'find', 'remove'), fc.constantFrom(...'abcdefg'))),
      (max, steps) => {
        const table = new CursorTable(max, evictBy);
        let order: string[] = [];
        for (const [step, text] of steps) {
          const present = order.includes(text);
          if (step === 'find') {
            expect(table.find(keyOf(text)) !== undefined).toBe(present);
            if (present && evictBy === 'lru') order = [...order.filter((t) => t !== text), text];
          } else {
            order = order.filter((t) => t !== text);
            if (step === 'remove') table.remove(keyOf(text));
            else {
              table.add(cursor(text));
              order = [...order, text].slice(-max);
            }
          }
          expect(table.size).toBe(order.length);
        }
        for (const text of 'abcdefg') {
          expect(table.find(keyOf(text)) !== undefined).toBe(order.includes(text));
        }
      },
    ),
  );
});

test('evictions are counted, and a table without limit has none', () => {
  const limited = new CursorTable(2, 'fifo');
  const unlimited = new CursorTable(0, 'fifo');
  for (const text of 'abcde') {
    limited.add(cursor(text));
    unlimited.add(cursor(text));
  }
  expect([limited.size, limited.evictions]).toEqual([2, 3]);
  expect([unlimited.size, unlimited.evictions]).toEqual([5, 0]);
  expect(limited.keyBytes).toBe(2);
});

test('a cursor never goes back to what another program has left behind', () => {
  const c = cursor('a', 1020);
  c.advance(refs(1)[0] as Reference, refs(2), 1022, 0, layout);
  expect(c.refs).toEqual(refs(2));
  // A program that started from the first version found an older one than the cursor now shows.
  c.advance(refs(1)[0] as Reference, refs(3), 1021, 0, layout);
  expect(c.refs).toEqual(refs(2));
  c.advance(refs(1)[0] as Reference, refs(4), 2, 0, layout);
  expect([c.refs, c.sequence]).toEqual([refs(4), 2]);
});

test('a cursor that was left alone for 600 versions still moves forward', () => {
  const c = cursor('a', 10);
  c.advance(refs(1)[0] as Reference, refs(9, 3), 610, 0, layout);
  expect([c.sequence, c.version]).toEqual([610, 3]);
});

test('validation is dated by the epoch in which the operation began', () => {
  const c = cursor('a', 1, 4);
  c.advance(refs(1)[0] as Reference, refs(1), 1, 3, layout);
  expect(c.epoch).toBe(4);
  c.advance(refs(1)[0] as Reference, refs(2), 2, 3, layout);
  expect(c.epoch).toBe(3);
});

test('cursors of one server that went unused are dropped together', () => {
  const table = new CursorTable(0, 'fifo');
  for (const [text, epoch] of [
    ['a', 1],
    ['b', 2],
    ['c', 3],
  ] as const) {
    table.add(cursor(text, 1, epoch));
  }
  expect(table.removeUnusedSince(1, 3)).toBe(0);
  expect(table.removeUnusedSince(0, 3)).toBe(2);
  expect(table.find(keyOf('c'))).toBeDefined();
  expect(table.size).toBe(1);
});
