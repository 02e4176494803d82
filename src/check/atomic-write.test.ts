import { expect, test } from 'vitest';
import { history, type Row } from '../../test/support/rows.ts';
import { checkAtomicWrite } from './atomic-write.ts';

/** A put whose writer crashed, and gets after everything has ended. */
const crashed: readonly Row[] = ['0 insert 1 @0-10', '1 put 2 @20 unknown'];

test('a write that shows and is gone again is no atomic one', () => {
  const rows = [...crashed, '2 get 1 @30-40', '3 get 2 @50-60', '2 get 1 @70-80'];
  expect(checkAtomicWrite(history(rows))).toEqual({
    status: 'broken',
    explanation:
      'key "0": get by process 2 (70–80 ns) found 1, as get by process 2 (30–40 ns) found 1, although ' +
      'in between get by process 3 (50–60 ns) found 2 and nothing was being written.',
    operations: [2, 3, 4],
  });
});

test('a delete that shows and is gone again, and an insert', () => {
  const deleted: readonly Row[] = ['0 insert 1 @0-10', '1 delete @20 unknown'];
  const back = [...deleted, '2 get absent @30-40', '2 get 1 @50-60'];
  expect(checkAtomicWrite(history(back)).status).toBe('holds');
  expect(checkAtomicWrite(history([...back, '2 get absent @70-80'])).status).toBe('holds');
  const again = [...deleted, '2 get 1 @22-25', '2 get absent @30-40', '2 get 1 @50-60'];
  expect(checkAtomicWrite(history(again)).status).toBe('broken');
  const inserted: readonly Row[] = ['1 insert 1 @20 unknown', '2 get absent @30-40'];
  const gone = [...inserted, '2 get 1 @50-60', '2 get absent @70-80'];
  expect(checkAtomicWrite(history(gone)).status).toBe('broken');
});

test.each<readonly Row[]>([
  ['0 insert 1 @0-10', '1 get torn @20-30'],
  ['0 insert 1 @0-10', '0 put 2 @20-30 failed', '1 get 2 @40-50'],
])('a value that is torn or was not written: %j %j', (...rows) => {
  expect(checkAtomicWrite(history(rows)).status).toBe('broken');
});

test.each<readonly Row[]>([
  [...crashed, '2 get 1 @30-40', '3 get 2 @50-60', '2 get 2 @70-80'],
  // While it is being written, a copy may be ahead of another.
  ['0 insert 1 @0-10', '1 put 2 @20-90', '2 get 1 @30-40', '3 get 2 @50-60', '2 get 1 @70-80'],
  // Gets that overlap tell of no order.
  [...crashed, '2 get 1 @30-60', '3 get 2 @35-55', '2 get 1 @70-80', '3 get 1 @81-82'],
])('what a write may look like: %j', (...rows) => {
  expect(checkAtomicWrite(history(rows))).toEqual({ status: 'holds' });
});

test('gets before recovery was through are no evidence', () => {
  const rows = [...crashed, '2 get 1 @30-40', '3 get 2 @50-60', '2 get 1 @70-80'];
  expect(checkAtomicWrite(history(rows), { settledFromNs: 60 }).status).toBe('holds');
});
