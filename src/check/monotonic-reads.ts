import { describeKey, nameOf, tell } from './describe.ts';
import { absent, type History } from './history.ts';
import { holds, type Verdict } from './verdict.ts';
import { broken, endOf, judgeKeys, type KeyVersions } from './versions.ts';

/**
 * Monotonic reads: of one key, a process never finds an older value than it has found before. A value is
 * older than another where its change was over before the other's began; and whatever the changes say, a
 * process that finds a value, then another, then the first again went back. A process has one get in
 * flight; where one has several the verdict is `unknown`.
 */
export function checkMonotonicReads(history: History): Verdict {
  return judgeKeys(history, (versions) => {
    const deletes = new Deletes(history, versions);
    const readers = new Map<number, Reader>();
    for (const get of versions.gets) {
      const process = history.process[get] as number;
      let reader = readers.get(process);
      if (reader === undefined) {
        reader = { last: get, newest: undefined, newestFrom: -1, found: new Map() };
        readers.set(process, reader);
      } else if (endAt(history, reader.last) > (history.invokedAt[get] as number)) {
        return { status: 'unknown', reason: `process ${process} has two gets in flight at once` };
      }
      const back = stepBack(history, versions, deletes, reader, get);
      if (back !== undefined) return back;
    }
    return holds;
  });
}

/** What a process has found of one key. */
interface Reader {
  last: number;
  /** The get that found the newest change, and when that change began at the earliest. */
  newest: number | undefined;
  newestFrom: number;
  /** The last get of each value. */
  readonly found: Map<number, number>;
}

/** Takes the next get of a reader; the verdict where it went back. */
function stepBack(
  history: History,
  versions: KeyVersions,
  deletes: Deletes,
  reader: Reader,
  get: number,
): Verdict | undefined {
  const { last } = reader;
  const value = history.value[get] as number;
  const { key, writerOf } = versions;
  const same = reader.found.get(value);
  if (value >= 0 && same !== undefined && history.value[last] !== value) {
    return broken(
      `${describeKey(history, key)}: ${tell(history, get)} again, which the same process had found ` +
        `before ${tell(history, last)}.`,
      [same, last, get],
    );
  }
  const writer = writerOf.get(value);
  const until =
    value === absent
      ? deletes.overBy(get)
      : writer === undefined
        ? Infinity
        : endOf(history, writer);
  const { newest, newestFrom } = reader;
  if (newest !== undefined && until < newestFrom) {
    const why =
      writer === undefined
        ? 'no delete after that explains it'
        : `${nameOf(history, writer)} was over before that was written`;
    return broken(
      `${describeKey(history, key)}: ${tell(history, get)}, although for the same process ` +
        `${tell(history, newest)} before, and ${why}.`,
      [...(writer === undefined ? [] : [writer]), newest, get],
    );
  }
  const from =
    value === absent
      ? deletes.begunAfter(newestFrom)
      : writer === undefined
        ? -1
        : (history.invokedAt[writer] as number);
  if (from > newestFrom) {
    reader.newest = get;
    reader.newestFrom = from;
  }
  reader.last = get;
  reader.found.set(value, get);
  return undefined;
}

/**
 * The deletes of a key, any of which a get that finds nothing may have seen; and before all of them the
 * key was absent too.
 */
class Deletes {
  readonly #history: History;
  /** In the order of their beginnings. */
  readonly #rows: readonly number[];
  /** The latest end among a row and those before it. */
  readonly #overBy: readonly number[];

  constructor(history: History, { done, unknown }: KeyVersions) {
    this.#history = history;
    this.#rows = [...done, ...unknown]
      .filter((row) => history.value[row] === absent)
      .sort((a, b) => begunAt(history, a) - begunAt(history, b));
    let latest = -1;
    this.#overBy = this.#rows.map((row) => {
      latest = Math.max(latest, endOf(history, row));
      return latest;
    });
  }

  /** When the newest absence that `get` can have seen was made, at the latest; -1: from the start. */
  overBy(get: number): number {
    const begun = countWhile(
      this.#rows.length,
      (i) => begunAt(this.#history, this.#rows[i] as number) < endAt(this.#history, get),
    );
    return this.#overBy[begun - 1] ?? -1;
  }

  /** When the oldest absence that is not over before `at` began to be made. */
  begunAfter(at: number): number {
    if (at < 0) return -1;
    const over = countWhile(this.#rows.length, (i) => (this.#overBy[i] as number) < at);
    const row = this.#rows[over];
    return row === undefined ? -1 : begunAt(this.#history, row);
  }
}

/** How many of `length` ordered items come before the first that is not `isSo`. */
function countWhile(length: number, isSo: (i: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isSo(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}

function begunAt(history: History, row: number): number {
  return history.invokedAt[row] as number;
}

function endAt(history: History, row: number): number {
  return history.completedAt[row] as number;
}
