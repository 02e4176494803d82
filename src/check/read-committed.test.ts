import { expect, test } from 'vitest';
import { history, type Row } from '../../test/support/rows.ts';
import { checkReadCommitted } from './read-committed.ts';

test.each<{ what: string; rows: readonly Row[]; says: string; operations: readonly number[] }>([
  {
    what: 'torn',
    rows: ['0 insert 1 @0-10', '1 get torn @20-30'],
    says: 'get by process 1 (20–30 ns) found bytes that are no value of this key.',
    operations: [1],
  },
  {
    what: 'from nowhere',
    rows: ['0 insert 1 @0-10', '1 get 7 @20-30'],
    says: 'get by process 1 (20–30 ns) found 7, which nobody wrote.',
    operations: [1],
  },
  {
    what: 'of a put that failed',
    rows: ['0 insert 1 @0-10', '0 put 2 @11-12 failed', '1 get 2 @20-30'],
    says: 'get by process 1 (20–30 ns) found 2, although put 2 by process 0 (11–12 ns) failed.',
    operations: [1, 2],
  },
  {
    what: 'of an insert that was refused',
    rows: ['0 insert 1 @0-10', '0 insert 2 @11-12 refused', '1 get 2 @20-30'],
    says: 'get by process 1 (20–30 ns) found 2, although insert 2 by process 0 (11–12 ns) was refused.',
    operations: [1, 2],
  },
  {
    what: 'too early',
    rows: ['0 insert 1 @0-10', '1 get 2 @20-30', '0 put 2 @31-40'],
    says: 'get by process 1 (20–30 ns) found 2 before put 2 by process 0 (31–40 ns) began.',
    operations: [1, 2],
  },
])('a value that is $what', ({ rows, says, operations }) => {
  const explanation = `key "0": ${says}`;
  expect(checkReadCommitted(history(rows))).toEqual({ status: 'broken', explanation, operations });
});

test('stale and unconfirmed values are committed ones', () => {
  const rows: readonly Row[] = [
    '0 insert 1 @0-10',
    '0 put 2 @20-30',
    '1 get 1 @40-50',
    '0 put 3 @60 unknown',
    '1 get 3 @70-80',
    '1 get 2 @90-95',
    '1 get absent @96-97',
  ];
  expect(checkReadCommitted(history(rows))).toEqual({ status: 'holds' });
});

test('values that do not tell their write give no verdict, unless another key is broken', () => {
  const rows: readonly Row[] = ['0 insert 1 @0-10', '0 put 1 @20-30', '1 get 1 @40-50'];
  const verdict = checkReadCommitted(history(rows));
  expect(verdict.status === 'unknown' && verdict.reason).toMatch(/^key "0": 1 was written twice/);
  expect(checkReadCommitted(history([...rows, '1 get 9 @0-1 k3'])).status).toBe('broken');
});

test('a value may be written again after a write of it that failed', () => {
  const rows: readonly Row[] = ['0 insert 1 @0-10 failed', '0 insert 1 @20-30', '1 get 1 @40-50'];
  expect(checkReadCommitted(history(rows))).toEqual({ status: 'holds' });
});
