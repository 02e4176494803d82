import { readdirSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { historyPromises } from '../../src/check/judge.ts';
import { checkHistoryFile } from '../../src/lab/check-history.ts';
import { packageRoot } from '../../src/lab/package.ts';

const folder = path.join(packageRoot, 'test/golden/histories');

/**
 * Histories of the literature and of known failures, each with its verdicts in the order of
 * `historyPromises` (read committed, atomic write, data reliability, monotonic reads, linearizable; H holds,
 * B broken, U unknown) and the number of operations that show why it is not linearizable. What each is about
 * stands in the file or in its name. They are kept for ever.
 */
const verdicts: Readonly<Record<string, readonly [string, number]>> = {
  'dirty-read.edn': ['BBHHB', 1],
  'etcd-late-timeout-twice.edn': ['UUUUB', 4],
  'etcd-small-values.edn': ['UUUUH', 0],
  'etcd-stale-read.edn': ['HHHHB', 3],
  'herlihy-wing-pending-write.edn': ['HBHBB', 4],
  'herlihy-wing-register-accepted.edn': ['HHHHH', 0],
  'herlihy-wing-register-rejected.edn': ['HHHHB', 4],
  'insert-refused.json': ['HHHHH', 0],
  'lost-put.edn': ['HHBBB', 3],
  'lost-update.edn': ['HHHHB', 3],
  'monotonic-reads.edn': ['HHHBB', 4],
  'resurrected-delete.json': ['HHBHB', 3],
  'stale-read-allowed.json': ['HHHHB', 4],
  'torn-read.edn': ['BBHHB', 1],
  'two-inserts.json': ['HHHHB', 2],
};

test('every recorded history has its verdicts', () => {
  expect(readdirSync(folder).toSorted()).toEqual(Object.keys(verdicts));
});

test.each(Object.entries(verdicts))('%s', (file, [letters, operations]) => {
  const checked = checkHistoryFile(path.join(folder, file), historyPromises);
  const found = [...checked.verdicts.values()];
  expect(found.map(({ status }) => status[0]?.toUpperCase()).join('')).toBe(letters);
  const linearizable = checked.verdicts.get('linearizable');
  const shown = linearizable?.status === 'broken' ? linearizable.operations.length : 0;
  expect(shown).toBe(operations);
});
