import { describe, expect, test } from 'vitest';
import { randomHistory } from '../../../test/support/random-histories.ts';
import { history } from '../../../test/support/rows.ts';
import {
  type History,
  historyOf,
  mergeHistories,
  type Operation,
  operationAt,
} from '../history.ts';
import { historyFormats, readHistory } from './formats.ts';

/** Operations in the order of their beginnings, with names for keys; numbers of keys may change. */
function shown(whole: History): unknown[] {
  return Array.from({ length: whole.length }, (_, row) => ({
    ...operationAt(whole, row),
    key: whole.keyNames[whole.key[row] as number] ?? `${whole.key[row]}`,
  }));
}

/** Which operation was over before which. */
function order(whole: History): string {
  const before: string[] = [];
  for (let a = 0; a < whole.length; a++) {
    for (let b = 0; b < whole.length; b++) {
      if ((whole.completedAt[a] as number) < (whole.invokedAt[b] as number))
        before.push(`${a}<${b}`);
    }
  }
  return before.join(' ');
}

/** A get or delete that never ended says when, in formats of events; without that it is the same. */
describe.each(['jepsen', 'porcupine'] as const)('%s', (format) => {
  test('gives back what was written', () => {
    for (let seed = 0; seed < 50; seed++) {
      const kinds = ['insert', 'get', 'put', 'delete', 'write', 'cas'] as const;
      const percents = { failedPercent: 10, unknownPercent: 10 };
      const whole = randomHistory({
        ...{ seed, operations: 40, processes: 5, keys: 3, kinds, ...percents },
      });
      const again = readHistory(historyFormats[format](whole), 'again');
      expect(shown(again)).toEqual(shown(whole));
      expect(order(again)).toBe(order(whole));
    }
  });

  test('keeps torn values, absence, refusals and what never ended', () => {
    const whole = history([
      ...['0 insert 1 @0-5', '1 get torn @6-7', '1 get absent @8-9', '0 put 2 @10-11 refused'],
      ...['2 write 3 @12', '3 delete @13'],
    ]);
    expect(shown(readHistory(historyFormats[format](whole), 'again'))).toEqual(shown(whole));
  });
});

test('events can show that an operation never ended only by what follows', () => {
  const whole = history(['0 write 1 @1', '0 get 1 @5-6']);
  expect(historyFormats.jepsen(whole)).toBe(
    '{:index 0, :time 1, :process 0, :type :invoke, :f :write, :value ["0" 1]}\n' +
      '{:index 1, :process 0, :type :info, :f :write, :value ["0" 1]}\n' +
      '{:index 2, :time 5, :process 0, :type :invoke, :f :read, :value ["0" nil]}\n' +
      '{:index 3, :time 6, :process 0, :type :ok, :f :read, :value ["0" 1]}\n',
  );
});

test('events of one process whose times the clock could not tell apart follow each other', () => {
  const whole = mergeHistories([history(['0 write 1 @1-5', '0 get 1 @5-5', '0 get 1 @5-9'])]);
  const again = readHistory(historyFormats.jepsen(whole), 'again');
  expect(shown(again)).toEqual(shown(whole));
});

test('events cannot show a process that does two things at once', () => {
  const whole = history(['0 write 1 @1-5', '0 get 1 @3-4']);
  expect(() => historyFormats.jepsen(whole)).toThrow(/process 0 has two operations in flight/);
  expect(shown(readHistory(historyFormats.porcupine(whole), 'again'))).toEqual(shown(whole));
});

test("Elle's transactions of one operation are registers", () => {
  const whole = history(['0 write 1 @1-2', '1 get 1 @3-4', '1 get absent @5-6 k1']);
  const text = historyFormats.elle(whole);
  expect(text.split('\n')[3]).toBe(
    '{:index 3, :time 4, :process 1, :type :ok, :f :txn, :value [[:r "0" 1]]}',
  );
  expect(shown(readHistory(text, 'again'))).toEqual(shown(whole));
  expect(() => historyFormats.elle(history(['0 delete @1-2']))).toThrow(/has no delete/);
});

test('what Jepsen and Go write by themselves is read', () => {
  const operation = (part: Partial<Operation>): Operation => ({
    ...{ process: 0, kind: 'write', outcome: 'ok', key: 0, value: 3, expected: -1 },
    ...{ invokedNs: 0, completedNs: 1, ...part },
  });
  const jepsen = `
    ; a comment
    [#jepsen.history.Op{:process 0 :type :invoke :f :write :value 3 :time nil}
     #_{:process 9 :type :strange}
     {:process :nemesis :type :info :f :start :value nil}
     {:process 0, :type :ok, :f :write, :value 3N}
     {:process 1, :type :invoke, :f :cas, :value [3 4]}
     {:process 1, :type :fail, :f :cas, :value [3 4], :error "busy; (\\"no\\")"}
     {:process 1, :type :invoke, :f :read, :value nil}]`;
  expect(shown(readHistory(jepsen, 'f')).slice(1)).toMatchObject([
    { kind: 'cas', outcome: 'failed', expected: 3, value: 4, key: '' },
    { kind: 'get', outcome: 'unknown' },
  ]);
  const go = `[
    {"ClientId":0,"Input":{"Op":"write","Value":3},"Call":0,"Output":{"Outcome":"ok"},"Return":1},
    {"ClientId":1,"Input":{"Op":"get"},"Call":2,"Output":{"Value":3},"Return":3},
    {"ClientId":1,"Input":{"Op":"write","Value":4},"Call":5,"Output":null,"Return":9}]`;
  const rows = readHistory(go, 'f');
  expect(operationAt(rows, 0)).toEqual(operation({}));
  expect(operationAt(rows, 1)).toMatchObject({ kind: 'get', outcome: 'ok', value: 3 });
  expect(operationAt(rows, 2)).toMatchObject({ outcome: 'unknown', completedNs: 9 });
});

test('one register without a name stays without one', () => {
  const text = '{:index 0, :time 1, :process 0, :type :invoke, :f :cas, :value [3 4]}\n';
  expect(historyFormats.jepsen(readHistory(text, 'f')).split('\n')[0]).toBe(text.trim());
});

test('an empty array is an empty history', () => {
  expect(readHistory('[]', 'f')).toMatchObject({ length: 0 });
  expect(historyOf([])).toMatchObject({ length: 0 });
});

const begin = '{:process 0, :type :invoke, :f :read, :value nil}\n';

test.each([
  ['', /^f:1: there is no operation in it/],
  ['\n\nhello', /^f:3: got "hello", expected Jepsen's EDN.*or porcupine's JSON/],
  [
    `${begin}{:process 0 :type :ok :f :write :value 1}`,
    /^f:2: process 0 ends a write, having begun a get on line 1/,
  ],
  [`${begin}\n${begin}`, /^f:3: process 0 begins a get while a get of line 1 is under way/],
  [
    '{:process 3, :type :ok, :f :read, :value 1}',
    /^f:1: process 3 ends an operation that it did not/,
  ],
  [
    `${begin}{:process 1, :type :invoke, :f :write, :value -4}`,
    /^f:2: :value -4: expected a whole/,
  ],
  [
    `${begin}{:process 1, :type :invoke, :f :increment}`,
    /^f:2: :f :increment: expected read, write/,
  ],
  [`${begin}{:process 1, :type :begun, :f :read}`, /^f:2: :type :begun: expected :invoke, :ok/],
  [`${begin}{:type :invoke, :f :read}`, /^f:2: an event without :process/],
  [`${begin}{:process 1.5 :type :ok :f :read}`, /^f:2: :process 1.5: expected a whole number/],
  [
    `${begin}{:process 1 :type :invoke :f :cas :value 3}`,
    /^f:2: :value 3: expected \[expected new\]/,
  ],
  [
    `${begin}{:process 1 :type :invoke :f :txn :value [[:w 1 2] [:r 1 2]]}`,
    /^f:2: .*of one operation/,
  ],
  [
    `${begin}{:process 1 :type :invoke :f :txn :value [[:append 1 2]]}`,
    /^f:2: .*expected :r or :w/,
  ],
  [`${begin}\n{:process 1 :type`, /^f:3: ends before the } of what line 3 opened/],
  [`${begin}{:process 1 :type [}`, /^f:2: got }, expected \]/],
  [`${begin}{:process 1 :type}`, /^f:2: a map with a key and no value/],
  [`${begin}:read`, /^f:2: got :read, expected a map such as/],
  [`${begin}{:process 1x}`, /^f:2: 1x is no number/],
  [`${begin}{:f "never`, /^f:2: a string that does not end/],
  [`${begin}${'['.repeat(200)}`, /^f:2: nested more than 64 deep/],
  [
    '[{"ClientId":0,\n"Input":{},\n"Call":0,"Return":1}]',
    /^f:1: op undefined: expected one of insert/,
  ],
  ['[{"ClientId":0,"Input":{"op":"get"},"Call":0,"Return":1},\n {"ClientId"}]', /^f:2: .*JSON/],
  ['[\n{"ClientId":0,"Input":{"op":"put","key":"x"},"Call":0}]', /^f:2: a put without its value/],
  [
    '{"ClientId":0,"Input":{"op":"put","value":1},"Call":3,"Output":{"a":1},"Return":1}',
    /Return 1 lies/,
  ],
  [
    '{"ClientId":"a","Input":{"op":"put","value":1},"Call":3}',
    /^f:1: ClientId "a": expected a number/,
  ],
  ['{"ClientId":0,"Input":{"op":"put","value":-9},"Call":3}', /^f:1: value -9: expected a whole/],
  ['{"ClientId":0,"Input":{"op":"put","value":null},"Call":3}', /^f:1: put null: expected a whole/],
  ['{"ClientId":0,"Input":"get","Call":3}', /^f:1: Input is "get": expected an object/],
  ['{"ClientId":0,"Input":{"op":"get","key":{}},"Call":3}', /^f:1: key \{\}: expected a string/],
  ['{"ClientId":0}\n\n{"ClientId":0,', /^f:(1|3): /],
  ['[{"ClientId":0}', /^f:1: /],
  ['{"ClientId":0, "Input":"\n"}', /^f:1: a string that does not end/],
])('what does not fit is refused with its line: %j', (text, says) => {
  expect(() => readHistory(text, 'f')).toThrow(says);
});
