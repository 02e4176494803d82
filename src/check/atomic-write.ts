import { describeKey, tell } from './describe.ts';
import { absent, type History } from './history.ts';
import { anomalyOf } from './read-committed.ts';
import { type SettledOptions, settledGets, survivorDenying } from './settled.ts';
import { holds, type Verdict } from './verdict.ts';
import { broken, judgeKeys, type KeyVersions } from './versions.ts';

/**
 * Atomic write: a change happens entirely or not at all, and once. Found are values that are torn or of
 * changes that did not happen, and, among gets at rest, a change that shows and is gone again: rolled
 * forward by one survivor and back by another, or done on one copy alone.
 */
export function checkAtomicWrite(history: History, options: SettledOptions = {}): Verdict {
  return judgeKeys(history, (versions) => {
    for (const get of versions.gets) {
      const anomaly = anomalyOf(history, versions, get);
      if (anomaly === undefined) continue;
      const key = describeKey(history, versions.key);
      return broken(`${key}: ${tell(history, get)}${anomaly.why}.`, anomaly.rows);
    }
    return flicker(history, versions, settledGets(history, versions, options));
  });
}

/**
 * Looks for a value seen, then another, then the first again, by gets of which each was over before the
 * next began. At rest, a value comes back only by a change of unknown outcome, which writes it once; of
 * deletes there may be several. Only values are judged that the changes may have left: another is a stale
 * one, or a lost change, which other promises speak of.
 */
function flicker(history: History, versions: KeyVersions, gets: readonly number[]): Verdict {
  const mayVanish = versions.unknown.some((row) => history.value[row] === absent);
  /** The first get that found each value, as they ended, and the first to end after it that did not. */
  const firsts = new Map<number, { readonly first: number; left: number | undefined }>();
  const byEnd = gets.toSorted((a, b) => endAt(history, a) - endAt(history, b));
  let ended = 0;
  for (const get of gets) {
    for (; ended < byEnd.length; ended++) {
      const earlier = byEnd[ended] as number;
      if (endAt(history, earlier) > (history.invokedAt[get] as number)) break;
      note(history, firsts, earlier);
    }
    const value = history.value[get] as number;
    const seen = firsts.get(value);
    if (seen?.left === undefined || (value === absent && mayVanish)) continue;
    const between = history.value[seen.left] as number;
    if (!mayBeLeft(history, versions, value) || !mayBeLeft(history, versions, between)) continue;
    return broken(
      `${describeKey(history, versions.key)}: ${tell(history, get)}, as ${tell(history, seen.first)}, ` +
        `although in between ${tell(history, seen.left)} and nothing was being written.`,
      [seen.first, seen.left, get],
    );
  }
  return holds;
}

function mayBeLeft(history: History, versions: KeyVersions, value: number): boolean {
  return survivorDenying(history, versions, value) === undefined;
}

function note(
  history: History,
  firsts: Map<number, { readonly first: number; left: number | undefined }>,
  get: number,
): void {
  const value = history.value[get] as number;
  for (const [other, seen] of firsts) {
    if (other === value || seen.left !== undefined) continue;
    if (endAt(history, seen.first) < (history.invokedAt[get] as number)) seen.left = get;
  }
  if (!firsts.has(value)) firsts.set(value, { first: get, left: undefined });
}

function endAt(history: History, row: number): number {
  return history.completedAt[row] as number;
}
