import { absent, type History } from './history.ts';
import { endOf, type KeyVersions, mayBeSeen } from './versions.ts';

export interface SettledOptions {
  /** Gets that began earlier are no evidence of what lasts: recovery may not have been through. */
  readonly settledFromNs?: number;
}

/**
 * Gets at rest: those that began when every change of the key had ended or been given up. What they find
 * is what the changes left behind, on any system that converges, linearizable or not.
 */
export function settledGets(
  history: History,
  { gets, done, unknown }: KeyVersions,
  { settledFromNs = Number.NEGATIVE_INFINITY }: SettledOptions,
): readonly number[] {
  let restFrom = Number.NEGATIVE_INFINITY;
  for (const row of [...done, ...unknown]) {
    const completedAt = history.completedAt[row] as number;
    const ended = completedAt === Number.POSITIVE_INFINITY ? history.invokedAt[row] : completedAt;
    restFrom = Math.max(restFrom, ended as number);
  }
  return gets.filter(
    (get) =>
      (history.invokedAt[get] as number) > restFrom &&
      (history.invokedNs[get] as number) >= settledFromNs,
  );
}

/**
 * An acknowledged change that began after the one that wrote `value` had ended, so that `value` cannot be
 * what is left; undefined where it can. For `absent`, deletes take the place of the write. A value of
 * unknown outcome may always be left.
 */
export function survivorDenying(
  history: History,
  { done, unknown, writerOf }: KeyVersions,
  value: number,
): number | undefined {
  const last = done.at(-1);
  if (last === undefined) return undefined;
  if (value !== absent) {
    const writer = writerOf.get(value);
    if (writer === undefined || !mayBeSeen(history, writer)) return undefined;
    return endOf(history, writer) > (history.invokedAt[last] as number) ? undefined : last;
  }
  const mayBeLast = (row: number): boolean =>
    history.value[row] === absent && endOf(history, row) > (history.invokedAt[last] as number);
  return done.some(mayBeLast) || unknown.some(mayBeLast) ? undefined : last;
}
