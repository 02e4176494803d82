import { describeKey, nameOf, tell } from './describe.ts';
import { absent, type History, torn } from './history.ts';
import type { Verdict } from './verdict.ts';
import { broken, judgeKeys, type KeyVersions, mayBeSeen } from './versions.ts';

/**
 * Read committed, of single entries: every get finds a value that somebody wrote whole and that was, or
 * may have been, committed. Found are torn values, values from nowhere, values of writes that failed or
 * were refused, and values seen before their write began. Gets may be stale.
 */
export function checkReadCommitted(history: History): Verdict {
  return judgeKeys(history, (versions) => {
    for (const get of versions.gets) {
      const anomaly = anomalyOf(history, versions, get);
      if (anomaly === undefined) continue;
      const { why, rows } = anomaly;
      const explanation = `${describeKey(history, versions.key)}: ${tell(history, get)}${why}.`;
      return broken(explanation, rows);
    }
    return { status: 'holds' };
  });
}

/** What is wrong with the value that `get` found, as the end of a sentence about the get. */
export function anomalyOf(
  history: History,
  { writerOf }: KeyVersions,
  get: number,
): { readonly why: string; readonly rows: readonly number[] } | undefined {
  const value = history.value[get] as number;
  if (value === absent) return undefined;
  if (value === torn) return { why: '', rows: [get] };
  const writer = writerOf.get(value);
  if (writer === undefined) return { why: ', which nobody wrote', rows: [get] };
  if (!mayBeSeen(history, writer)) {
    return { why: `, although ${tell(history, writer)}`, rows: [writer, get] };
  }
  if ((history.invokedAt[writer] as number) < (history.completedAt[get] as number))
    return undefined;
  return { why: ` before ${nameOf(history, writer)} began`, rows: [get, writer] };
}
