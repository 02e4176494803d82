import { absentState, chosen, keeps, needs, type Steps } from './steps.ts';

/**
 * The steps without those optional ones that no other step can be helped by. A put that nobody was told
 * the end of, of a value that nobody read, is the most frequent: each one kept would double the search.
 *
 * An optional change to v helps a step that needs v, or one that needs another state than what was
 * before. The latter are puts and deletes, which need the key to be there (and gain where it was absent),
 * and refused cas operations; where there is one of these, all changes are kept.
 */
export function withoutUseless(steps: Steps): Steps {
  const { length, need, operand, next, isOptional } = steps;
  const isNeeded = new Uint8Array(steps.stateCount);
  let needsPresence = false;
  for (let i = 0; i < length; i++) {
    if (need[i] === needs.equal) isNeeded[operand[i] as number] = 1;
    if (need[i] !== needs.other) continue;
    if (operand[i] !== absentState) return steps;
    needsPresence = true;
  }
  const mayCreate = (step: number): boolean =>
    need[step] === needs.nothing || (need[step] === needs.equal && operand[step] === absentState);
  const isUseful = (step: number): boolean =>
    isOptional[step] === 0 ||
    isNeeded[next[step] as number] === 1 ||
    (needsPresence && mayCreate(step));
  const kept = Int32Array.from({ length }, (_, step) => step).filter(isUseful);
  return kept.length === length ? steps : chosen(steps, kept);
}

/**
 * Whether some step needs a state that nothing can have made by its end: seen at once, where a search
 * would first go through all orders of what came before.
 */
export function hasOrphan(steps: Steps): boolean {
  const madeFrom = new Float64Array(steps.stateCount).fill(Number.POSITIVE_INFINITY);
  madeFrom[absentState] = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < steps.length; i++) {
    const state = steps.next[i] as number;
    if (state === keeps) continue;
    madeFrom[state] = Math.min(madeFrom[state] as number, steps.invokedAt[i] as number);
  }
  for (let i = 0; i < steps.length; i++) {
    if (steps.isOptional[i] === 1 || steps.need[i] !== needs.equal) continue;
    const from = madeFrom[steps.operand[i] as number] as number;
    if (from > (steps.completedAt[i] as number)) return true;
  }
  return false;
}
