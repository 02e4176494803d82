import type { History } from './history.ts';

/**
 * The rows of each key, in the order in which their operations began. A history of independent keys is
 * right exactly where each key's part is (linearizability is local: Herlihy and Wing, 1990), and a search
 * is exponential at worst: many small ones are cheap where one large one would not end.
 */
export function rowsByKey(history: History): ReadonlyMap<number, Int32Array> {
  const { key, invokedAt } = history;
  const byBeginning = Int32Array.from({ length: history.length }, (_, row) => row);
  byBeginning.sort((a, b) => (invokedAt[a] as number) - (invokedAt[b] as number));
  const counts = new Map<number, number>();
  for (const k of key) counts.set(k, (counts.get(k) ?? 0) + 1);
  const parts = new Map([...counts].map(([k, count]) => [k, new Int32Array(count)]));
  const filled = new Map<number, number>();
  for (const row of byBeginning) {
    const k = key[row] as number;
    const at = filled.get(k) ?? 0;
    (parts.get(k) as Int32Array)[at] = row;
    filled.set(k, at + 1);
  }
  return parts;
}
