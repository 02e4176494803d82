import { describe, expect, test } from 'vitest';
import { canBeOrdered } from '../../test/support/brute-force.ts';
import { randomHistory, withOneLie } from '../../test/support/random-histories.ts';
import { history, type Row } from '../../test/support/rows.ts';
import { type History, historyOf, operationAt } from './history.ts';
import { checkLinearizability } from './linearizability.ts';

/** Only the given operations, as a history of their own. */
function only(whole: History, rows: readonly number[]): History {
  return historyOf(rows.map((row) => operationAt(whole, row)));
}

const cases: readonly {
  readonly what: string;
  readonly rows: readonly Row[];
  readonly says: string;
}[] = [
  {
    what: 'a stale get',
    rows: ['0 insert 1 @0-10', '1 put 2 @20-30', '2 get 1 @40-50', '3 get 2 @60-70'],
    says:
      'get by process 2 (40–50 ns) found 1, although put 2 by process 1 (20–30 ns), begun after ' +
      'insert 1 by process 0 (0–10 ns) had ended, was over before the get began',
  },
  {
    what: 'a get that misses an insert',
    rows: ['0 insert 1 @0-10', '1 get absent @20-30'],
    says:
      'get by process 1 (20–30 ns) found no such key, although insert 1 by process 0 (0–10 ns) was ' +
      'over before the get began',
  },
  {
    what: 'a get of a value that nobody wrote',
    rows: ['0 insert 1 @0-10', '1 get 9 @20-30'],
    says: 'get by process 1 (20–30 ns) found 9, which nobody had begun to write',
  },
  {
    what: 'a get before its write',
    rows: ['0 insert 1 @0-10', '1 get 2 @20-30', '0 put 2 @40-50'],
    says: 'get by process 1 (20–30 ns) found 2, which nobody had begun to write',
  },
  {
    what: 'two gets that go back under one concurrent put',
    rows: ['0 insert 1 @0-10', '1 put 2 @20-90', '2 get 2 @30-40', '3 get 1 @50-60'],
    says:
      'get by process 3 (50–60 ns) found 1, although get by process 2 (30–40 ns) found 2 before, and ' +
      'put 2 by process 1 (20–90 ns) began after insert 1 by process 0 (0–10 ns) had ended',
  },
  {
    what: 'two inserts that both worked',
    rows: ['0 insert 1 @0-50', '1 insert 2 @10-40', '2 get 2 @60-70'],
    says:
      'no order of these 2 operations explains their answers: insert 1 by process 0 (0–50 ns) worked; ' +
      'insert 2 by process 1 (10–40 ns) worked',
  },
  {
    what: 'an acknowledged delete that is not seen',
    rows: ['0 insert 1 @0-10', '0 delete @20-30', '1 get 1 @40-50'],
    says:
      'get by process 1 (40–50 ns) found 1, although delete by process 0 (20–30 ns), begun after ' +
      'insert 1 by process 0 (0–10 ns) had ended, was over before the get began',
  },
  {
    what: 'a get of torn bytes',
    rows: ['0 insert 1 @0-10', '1 get torn @20-30'],
    says: 'get by process 1 (20–30 ns) found bytes that are no value of this key',
  },
  {
    what: 'a cas that worked on a value long gone',
    rows: ['0 write 1 @0-10', '0 write 2 @20-30', '1 cas 1 3 @40-50'],
    says:
      'no order of these 3 operations explains their answers: write 1 by process 0 (0–10 ns) worked; ' +
      'write 2 by process 0 (20–30 ns) worked; cas 1 → 3 by process 1 (40–50 ns) worked',
  },
];

describe('what is broken is found, made small and said in one sentence', () => {
  test.each(cases)('$what', ({ rows, says }) => {
    const verdict = checkLinearizability(history(rows));
    expect(verdict).toMatchObject({ status: 'broken', explanation: `key "0": ${says}.` });
  });
});

test.each<readonly Row[]>([
  ['0 insert 1 @0-10', '1 put 2 @20-90', '2 get 1 @30-40', '3 get 2 @50-60'],
  ['0 insert 1 @0-10', '1 put 2 @20 unknown', '2 get 1 @30-40', '3 get 2 @5000-5001'],
  ['0 insert 1 @0-10', '1 put 2 @20 unknown', '2 get 1 @30-40'],
  ['0 insert 1 @0-10', '1 insert 2 @20-30 refused', '1 delete @40-50', '1 delete @60-70 refused'],
  ['0 insert 1 @0-10', '1 put 2 @20-30 failed', '2 get 1 @40-50'],
  ['0 get absent @0-10', '0 put 1 @20-30 refused', '0 get absent @40-50'],
  ['0 write 1 @0-10', '1 cas 2 3 @20-30 refused', '1 cas 1 3 @40-50', '2 get 3 @60-70'],
  [],
])('what is right holds: %j %j %j', (...rows) => {
  expect(checkLinearizability(history(rows))).toEqual({ status: 'holds' });
});

test('ends that meet a beginning at the same nanosecond leave the order open', () => {
  const rows: readonly Row[] = ['0 insert 1 @0-10', '1 put 2 @20-30', '2 get 1 @30-40'];
  expect(checkLinearizability(history(rows)).status).toBe('holds');
});

test('each key is judged alone, and one that is broken is enough', () => {
  const rows: readonly Row[] = ['0 insert 1 @0-10', '1 insert 2 @20-30 k5', '2 get 1 @40-50 k5'];
  const verdict = checkLinearizability(history(rows));
  expect(verdict.status === 'broken' && verdict.explanation).toMatch(/^key "5": get by process 2/);
});

test('the operations of a verdict violate by themselves, and are few', () => {
  let broken = 0;
  for (let seed = 0; seed < 300; seed++) {
    const lie = withOneLie(
      randomHistory({ seed, operations: 60, processes: 4, unknownPercent: 10 }),
      seed,
    );
    const verdict = checkLinearizability(lie);
    if (verdict.status !== 'broken') continue;
    broken++;
    expect(verdict.operations.length, `seed ${seed}`).toBeLessThanOrEqual(10);
    expect(canBeOrdered(only(lie, verdict.operations)), `seed ${seed}`).toBe(false);
  }
  expect(broken).toBeGreaterThan(200);
});

test('a search that ends at its budget does not pretend to know', () => {
  const long = randomHistory({ seed: 1, operations: 2000, processes: 6 });
  const verdict = checkLinearizability(long, { budgetPerKey: 500 });
  expect(verdict.status === 'unknown' && verdict.reason).toMatch(
    /^key "0": its \d+ operations have/,
  );
});

test('what cannot be refused is said to be wrong', () => {
  expect(() => checkLinearizability(history(['0 get 1 @0-10 refused']))).toThrow(
    /key 0: a get of process 0 is refused/,
  );
});
