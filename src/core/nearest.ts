/**
 * Which of the names a reader probably meant: for every message about an unknown flag, key or
 * setting.
 */

/** Names longer than this are compared by their beginnings; no name of ours comes near it. */
const comparedCharactersMax = 64;

/**
 * The nearest of `candidates` to `name`, or undefined where none is near enough to be worth saying:
 * more than one edit in three characters is a different word. Upper and lower case count as equal.
 */
export function nearest(name: string, candidates: Iterable<string>): string | undefined {
  const wanted = comparable(name);
  let best: string | undefined;
  let bestEdits = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const edits = editDistance(wanted, comparable(candidate));
    const editsMax = Math.max(1, Math.floor(Math.max(name.length, candidate.length) / 3));
    if (edits <= editsMax && edits < bestEdits) {
      best = candidate;
      bestEdits = edits;
    }
  }
  return best;
}

/** `; did you mean checksumBy?`, or nothing: to be appended to a message. */
export function didYouMean(name: string, candidates: Iterable<string>): string {
  const found = nearest(name, candidates);
  return found === undefined ? '' : `; did you mean ${found}?`;
}

/** Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`. */
export function editDistance(a: string, b: string): number {
  // Three rows suffice: a swap of neighbours looks two rows back.
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = at(last, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let edits = Math.min(at(last, j) + 1, at(row, j - 1) + 1, replaced);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        edits = Math.min(edits, at(beforeLast, j - 2) + 1);
      }
      row.push(edits);
    }
    beforeLast = last;
    last = row;
  }
  return at(last, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] as number;
}

function comparable(name: string): string {
  return name.slice(0, comparedCharactersMax).toLowerCase();
}
