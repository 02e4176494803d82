import { expect, test } from 'vitest';
import { history, type Row } from '../../test/support/rows.ts';
import { checkMonotonicReads } from './monotonic-reads.ts';

const written: readonly Row[] = ['0 insert 1 @0-10', '0 put 2 @20-30'];

test('a process that finds an older value went back', () => {
  expect(checkMonotonicReads(history([...written, '1 get 2 @40-50', '1 get 1 @60-70']))).toEqual({
    status: 'broken',
    explanation:
      'key "0": get by process 1 (60–70 ns) found 1, although for the same process get by process 1 ' +
      '(40–50 ns) found 2 before, and insert 1 by process 0 (0–10 ns) was over before that was written.',
    operations: [0, 2, 3],
  });
});

test('a process that finds a value again went back, whatever the writes say', () => {
  const rows: readonly Row[] = ['0 insert 1 @0-99', '0 write 2 @0-99'];
  const reads: readonly Row[] = ['1 get 1 @10-20', '1 get 2 @30-40', '1 get 1 @50-60'];
  const verdict = checkMonotonicReads(history([...rows, ...reads]));
  expect(verdict).toMatchObject({ status: 'broken', operations: [2, 3, 4] });
});

test.each<readonly Row[]>([
  // Nothing was deleted.
  [...written, '1 get 1 @40-50', '1 get absent @60-70'],
  // The only delete was over before what was found was written.
  [
    '0 insert 1 @0-5',
    '0 delete @6-9',
    '0 insert 2 @20-30',
    '1 get 2 @40-50',
    '1 get absent @60-70',
  ],
  // The absence found came after the insert that is found then.
  ['0 insert 1 @0-5', '1 get 1 @6-7', '0 delete @20-30', '1 get absent @40-50', '1 get 1 @60-70'],
])('an entry that vanishes or comes back: %j %j %j', (...rows) => {
  expect(checkMonotonicReads(history(rows)).status).toBe('broken');
});

test('an absence newer than a value is left behind by finding that value', () => {
  const rows: readonly Row[] = [
    ...['0 insert 1 @0-5', '0 delete @6-9', '0 insert 2 @10-15', '0 delete @16-19'],
    ...['1 get 2 @20-25', '1 get absent @30-35', '1 get 1 @40-45'],
  ];
  expect(checkMonotonicReads(history(rows)).status).toBe('broken');
});

test.each<readonly Row[]>([
  // Two processes promise each other nothing.
  [...written, '1 get 2 @40-50', '2 get 1 @60-70'],
  [...written, '1 get 1 @40-50', '1 get 2 @60-70', '1 get 2 @80-90'],
  // Concurrent writes have no order of their own.
  ['0 insert 1 @0-30', '2 put 2 @10-40', '1 get 2 @50-60', '1 get 1 @70-80'],
  // What has no answer may come late.
  ['0 insert 1 @0-5', '0 put 3 @6 unknown', '0 put 2 @20-30', '1 get 2 @40-50', '1 get 3 @60-70'],
  ['0 insert 1 @0-5', '0 delete @6 unknown', '1 get 1 @40-50', '1 get absent @60-70'],
  // The first absence may be that from before everything.
  [...written, '1 get absent @40-50', '1 get 1 @60-70', '1 get 2 @80-90'],
  // Keys are apart.
  [...written, '0 insert 1 @0-5 k1', '1 get 2 @40-50', '1 get 1 @60-70 k1'],
])('what goes forward holds: %j %j %j', (...rows) => {
  expect(checkMonotonicReads(history(rows))).toEqual({ status: 'holds' });
});

test('two gets in flight at once have no order to judge', () => {
  const rows = [...written, '1 get 2 @40-70', '1 get 1 @50-60'];
  expect(checkMonotonicReads(history(rows))).toEqual({
    status: 'unknown',
    reason: 'process 1 has two gets in flight at once',
  });
});
