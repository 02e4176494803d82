import { expect, test } from 'vitest';
import { history, type Row } from '../../test/support/rows.ts';
import { checkDurability } from './durability.ts';
import { torn } from './history.ts';

const written: readonly Row[] = ['0 insert 1 @0-10', '1 put 2 @20-30'];

test('an acknowledged put that later gets do not find is lost', () => {
  expect(checkDurability(history([...written, '2 get 1 @40-50']))).toEqual({
    status: 'broken',
    explanation:
      'key "0": get by process 2 (40–50 ns) found 1, so put 2 by process 1 (20–30 ns), which was ' +
      'acknowledged and began after insert 1 by process 0 (0–10 ns) had ended, is lost.',
    operations: [0, 1, 2],
  });
});

test('an acknowledged delete whose entry comes back is undone', () => {
  const rows: readonly Row[] = ['0 insert 1 @0-10', '1 delete @20-30', '2 get 1 @40-50'];
  const verdict = checkDurability(history(rows));
  expect(verdict.status === 'broken' && verdict.explanation).toMatch(
    /^key "0": get .* found 1, so delete by process 1 .* had ended, is undone\.$/,
  );
});

test('an audit counts as a get of every key', () => {
  const final = (...entries: [number, number][]) => ({ final: new Map(entries) });
  const told = (options: ReturnType<typeof final>): unknown => {
    const verdict = checkDurability(history(written), options);
    return verdict.status === 'broken' ? verdict.explanation : verdict.status;
  };
  expect(told(final([0, 2]))).toBe('holds');
  expect(told(final([0, 1]))).toMatch(/the audit found 1, so put 2 .* is lost\.$/);
  expect(told(final())).toBe(
    'key "0": the audit found no such key, so put 2 by process 1 (20–30 ns), which was acknowledged, ' +
      'is lost.',
  );
  expect(told(final([0, 9]))).toBe('key "0": the audit found 9, which nobody wrote.');
  expect(told(final([0, torn]))).toMatch(/found bytes that are no value of this key, which nobody/);
  expect(told(final([0, 2], [8, 5]))).toBe('key "8": the audit found 5, which nobody wrote.');
});

test.each<readonly Row[]>([
  [...written, '2 get 2 @40-50'],
  // Not at rest: the put is under way.
  ['0 insert 1 @0-10', '1 put 2 @20-60', '2 get 1 @40-50'],
  // Either of two concurrent puts may be the last.
  [...written, '0 put 3 @25-35', '2 get 2 @40-50', '2 get 2 @51-52'],
  // A put without an answer may be done or not, and late.
  [...written, '0 put 3 @5 unknown', '2 get 3 @40-50'],
  [...written, '0 put 3 @32 unknown', '2 get 2 @40-50'],
  ['0 insert 1 @0-10', '1 delete @5 unknown', '2 get absent @40-50'],
  ['0 insert 1 @0-10 failed', '2 get absent @40-50'],
])('what may be left: %j %j %j', (...rows) => {
  expect(checkDurability(history(rows))).toEqual({ status: 'holds' });
});

test('a stale get is no loss as long as a later one finds what was written', () => {
  const rows = [...written, '2 get 1 @40-50', '3 get 2 @60-70'];
  expect(checkDurability(history(rows)).status).toBe('holds');
  expect(checkDurability(history([...rows, '2 get 1 @80-90']))).toMatchObject({
    ...{ status: 'broken', operations: [0, 1, 4] },
  });
  // One that overlaps the stale get does not speak for what is there afterwards.
  const overlapping = [...written, '3 get 2 @40-48', '2 get 1 @45-50'];
  expect(checkDurability(history(overlapping)).status).toBe('broken');
});

test('a get before recovery was through does not count', () => {
  const rows = [...written, '2 get 1 @40-50'];
  expect(checkDurability(history(rows), { settledFromNs: 55 }).status).toBe('holds');
  expect(checkDurability(history(rows)).status).toBe('broken');
});
