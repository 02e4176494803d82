import {
  absent,
  type History,
  historyOf,
  type Operation,
  type OperationKind,
  type Outcome,
  operationKinds,
  torn,
} from '../../src/check/history.ts';

/**
 * One operation as tests write it: process, operation, its value (of a cas, first what it expects),
 * `@` and its times in nanoseconds, then, where they differ from `ok` and key 0, outcome and key. Without
 * an end it never ended, and is unknown:
 * `2 get 1 @40-50`, `1 put 2 @20 unknown k5`.
 */
export type Row = string;

export function history(rows: readonly Row[]): History {
  return historyOf(rows.map(operationOf));
}

function operationOf(row: Row): Operation {
  const match =
    /^(\d+) (\w+)((?: \w+)*) @(\d+)(?:-(\d+))?(?: (refused|failed|unknown))?(?: k(\d+))?$/.exec(
      row,
    );
  if (match === null) throw new Error(`not an operation: ${row}`);
  const [, process, kind, written = '', from, to, given, key = '0'] = match;
  const outcome = given ?? (to === undefined ? 'unknown' : 'ok');
  const values = written.trim().split(' ').map(valueIn);
  if (!operationKinds.includes(kind as OperationKind)) throw new Error(`no operation: ${row}`);
  return {
    process: Number(process),
    kind: kind as OperationKind,
    outcome: outcome as Outcome,
    key: Number(key),
    value: values.at(-1) as number,
    expected: kind === 'cas' ? (values[0] as number) : absent,
    invokedNs: Number(from),
    completedNs: to === undefined ? Number.POSITIVE_INFINITY : Number(to),
  };
}

function valueIn(text: string): number {
  if (text === '' || text === 'absent') return absent;
  return text === 'torn' ? torn : Number(text);
}
