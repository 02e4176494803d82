import { expect, test } from 'vitest';
import {
  absent,
  HistoryRecorder,
  historyOf,
  mergeHistories,
  type Operation,
  operationAt,
} from './history.ts';

const get: Operation = {
  process: 0,
  kind: 'get',
  outcome: 'ok',
  key: 0,
  value: 5,
  expected: absent,
  invokedNs: 10,
  completedNs: 20,
};

test('a recorder gives back what it was told, also beyond its first size', () => {
  const recorder = new HistoryRecorder(1);
  const key = recorder.key('apple');
  expect([recorder.key('pear'), recorder.key('apple')]).toEqual([1, key]);
  const put = recorder.begin(3, 'put', key, 7, 1);
  const read = recorder.begin(4, 'get', key, absent, 2);
  recorder.endGet(read, 7, 3);
  recorder.end(put, 'refused', 4);
  for (let i = 0; i < 100; i++) recorder.begin(5, 'delete', key, absent, 5 + i);
  const history = recorder.history();
  expect(history.length).toBe(102);
  expect(operationAt(history, put)).toMatchObject({
    ...{ process: 3, kind: 'put', outcome: 'refused', key, value: 7, invokedNs: 1, completedNs: 4 },
  });
  expect(operationAt(history, read)).toMatchObject({ kind: 'get', outcome: 'ok', value: 7 });
  expect(operationAt(history, 101)).toMatchObject({
    ...{ kind: 'delete', outcome: 'unknown', completedNs: Number.POSITIVE_INFINITY },
  });
  expect([...history.invokedAt.subarray(0, 3)]).toEqual([0, 1, 4]);
  expect([...history.completedAt.subarray(0, 3)]).toEqual([3, 2, Number.POSITIVE_INFINITY]);
});

test('after clear a recorder begins anew and knows its keys', () => {
  const recorder = new HistoryRecorder();
  recorder.key('apple');
  recorder.begin(0, 'get', 0, absent, 1);
  recorder.clear();
  expect(recorder.length).toBe(0);
  expect(recorder.key('pear')).toBe(1);
  recorder.begin(0, 'get', 0, absent, 1);
  expect(recorder.history().invokedAt[0]).toBe(0);
});

test('in one thread the order of calls decides, between threads the clock, which may not tell', () => {
  const recorder = new HistoryRecorder();
  const first = recorder.begin(0, 'get', 0, absent, 1);
  recorder.endGet(first, 5, 2);
  const second = recorder.begin(0, 'get', 0, absent, 2);
  recorder.endGet(second, 5, 2);
  const isOrdered = ({ completedAt, invokedAt }: ReturnType<typeof recorder.history>): boolean =>
    (completedAt[first] as number) < (invokedAt[second] as number);
  expect(isOrdered(recorder.history())).toBe(true);
  expect(isOrdered(mergeHistories([recorder.history()]))).toBe(false);
});

test('joining matches keys by their names', () => {
  const parts = [['a', 'b'] as const, ['b', 'a'] as const].map((names, process) => {
    const recorder = new HistoryRecorder();
    for (const name of names) recorder.begin(process, 'get', recorder.key(name), absent, process);
    return recorder.history();
  });
  const joined = mergeHistories(parts);
  expect([...joined.key].map((key) => joined.keyNames[key])).toEqual(['a', 'b', 'b', 'a']);
});

test('rows are ordered by time, and those that never ended come last', () => {
  const history = historyOf([
    { ...get, invokedNs: 10, completedNs: 30 },
    { ...get, invokedNs: 30, completedNs: Number.POSITIVE_INFINITY, outcome: 'unknown' },
    { ...get, invokedNs: 5, completedNs: 9 },
  ]);
  expect([...history.invokedAt]).toEqual([2, 3, 0]);
  expect([...history.completedAt]).toEqual([4, Number.POSITIVE_INFINITY, 1]);
});
