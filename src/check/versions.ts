import { describeKey } from './describe.ts';
import { type History, kindNumber, outcomeNumber } from './history.ts';
import { rowsByKey } from './partition.ts';
import { holds, type Verdict } from './verdict.ts';

/** The operations of one key whose writes can be told apart by their values. */
export interface KeyVersions {
  readonly key: number;
  /** In the order of their beginnings, as the others. */
  readonly rows: Int32Array;
  /** Gets that found something, or that there is no such key. */
  readonly gets: readonly number[];
  /** Changes that were acknowledged, deletes among them. */
  readonly done: readonly number[];
  /** Changes that may have happened, or may still. */
  readonly unknown: readonly number[];
  /** The change that wrote a value: done or unknown where there is one, else one that was not done. */
  readonly writerOf: ReadonlyMap<number, number>;
}

/**
 * Judges key by key: broken where one is, unknown where one is and none is broken. A key with two writes
 * of one value is unknown: a get of it would say nothing.
 */
export function judgeKeys(history: History, judge: (versions: KeyVersions) => Verdict): Verdict {
  let unknown: Verdict | undefined;
  for (const [key, rows] of rowsByKey(history)) {
    const versions = versionsOf(history, key, rows);
    if ('twice' in versions) {
      unknown ??= {
        status: 'unknown',
        reason:
          `${describeKey(history, key)}: ${versions.twice} was written twice, so it does not tell ` +
          'which write a get saw; give every write a value of its own',
      };
      continue;
    }
    const verdict = judge(versions);
    if (verdict.status === 'broken') return verdict;
    if (verdict.status === 'unknown') unknown ??= verdict;
  }
  return unknown ?? holds;
}

function versionsOf(
  history: History,
  key: number,
  rows: Int32Array,
): KeyVersions | { readonly twice: number } {
  const gets: number[] = [];
  const done: number[] = [];
  const unknown: number[] = [];
  const writerOf = new Map<number, number>();
  for (const row of rows) {
    const outcome = history.outcome[row];
    const isOk = outcome === outcomeNumber.ok;
    if (history.kind[row] === kindNumber.get) {
      if (isOk) gets.push(row);
      continue;
    }
    const mayHaveHappened = isOk || outcome === outcomeNumber.unknown;
    if (mayHaveHappened) (isOk ? done : unknown).push(row);
    if (history.kind[row] === kindNumber.delete) continue;
    const value = history.value[row] as number;
    const other = writerOf.get(value);
    if (other === undefined || !mayBeSeen(history, other)) writerOf.set(value, row);
    else if (mayHaveHappened) return { twice: value };
  }
  return { key, rows, gets, done, unknown, writerOf };
}

/** Whether the change was done, or may have been. */
export function mayBeSeen(history: History, row: number): boolean {
  const outcome = history.outcome[row];
  return outcome === outcomeNumber.ok || outcome === outcomeNumber.unknown;
}

/** When the change cannot take effect any more. */
export function endOf(history: History, row: number): number {
  if (history.outcome[row] === outcomeNumber.unknown) return Number.POSITIVE_INFINITY;
  return history.completedAt[row] as number;
}

export function broken(explanation: string, operations: readonly number[]): Verdict {
  return { status: 'broken', explanation, operations };
}
