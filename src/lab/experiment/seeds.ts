/**
 * Seeds as they may be written: `7`, `1..5`, `1,2,9`. Several seeds give medians with intervals.
 */
export const seedMax = 2 ** 32 - 1;
export const seedCountMax = 1000;
export const seedExpectation =
  'a seed from 0 to 4294967295, a list of seeds, or a range of at most 1000 such as 1..5';

/** The seeds of one written element; undefined where it is none. */
export function seedsOf(raw: unknown): number[] | undefined {
  const text = typeof raw === 'number' ? String(raw) : raw;
  if (typeof text !== 'string') return undefined;
  const match = /^(\d+)(?:\.\.(\d+))?$/.exec(text.trim());
  if (match === null) return undefined;
  const first = Number(match[1]);
  const last = match[2] === undefined ? first : Number(match[2]);
  if (last < first || last > seedMax || last - first >= seedCountMax) return undefined;
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

export function isSeedText(raw: unknown): boolean {
  return seedsOf(raw) !== undefined;
}
