import { type Budget, findOrder } from './order-search.ts';
import { keeps, relaxed, type Steps } from './steps.ts';

/** So few operations are thinned one by one, because the quickest way may not end in the simplest story. */
const smallWindow = 64;

/** Entries that one of the many searches here may look at. */
const perSearch = 2_000_000;

/**
 * The fewest steps that cannot be ordered, as far as the budget goes. A step is left out by no longer
 * asking that it be explained, not by forgetting it: a write that is left out may still have happened,
 * at any time from its beginning on. Forgetting it would make a violation of every read of its value.
 *
 * Gives step numbers: leave out any one of them, and the others can be ordered.
 */
export function smallestViolation(steps: Steps, budget: Budget): readonly number[] {
  const byEnd = Array.from({ length: steps.length }, (_, step) => step)
    .filter((step) => steps.isOptional[step] === 0)
    .sort((a, b) => (steps.completedAt[a] as number) - (steps.completedAt[b] as number));
  const violates = (forced: readonly number[]): boolean => isViolated(steps, forced, budget);
  // Whether a violation is among the first so many changes once, and so does whether it is among the
  // last so many: two binary searches leave the window that the end of the history first broke in.
  const shortest = first(byEnd.length, (count) => violates(byEnd.slice(0, count)));
  const prefix = byEnd.slice(0, shortest);
  const dropped =
    shortest <= smallWindow ? 0 : first(shortest, (k) => !violates(prefix.slice(k))) - 1;
  const window = prefix.slice(dropped);
  let fewest: readonly number[] = window;
  for (const order of orders(steps, window)) {
    const thin = thinned(order, violates);
    if (thin.length < fewest.length) fewest = thin;
  }
  return fewest.toSorted((a, b) => a - b);
}

/**
 * Which of several violations thinning ends with depends on what it leaves out first. Of those of one size,
 * one with fewer gets is told more simply.
 */
function* orders(steps: Steps, window: readonly number[]): Iterable<readonly number[]> {
  const looks = window.filter((step) => steps.next[step] === keeps);
  const changes = window.filter((step) => steps.next[step] !== keeps);
  yield [...looks, ...changes];
  yield window;
  yield window.toReversed();
  yield [...changes, ...looks];
}

function isViolated(steps: Steps, forced: readonly number[], budget: Budget): boolean {
  if (budget.left <= 0) return false;
  const isForced = new Uint8Array(steps.length);
  for (const step of forced) isForced[step] = 1;
  const allowed = Math.min(budget.left, perSearch);
  const search = { left: allowed };
  const result = findOrder(relaxed(steps, isForced), search);
  budget.left -= allowed - search.left + steps.length;
  return result === 'none';
}

/** The least count from 1 to `most` that is true, where larger ones stay true; `most` untried. */
function first(most: number, isTrue: (count: number) => boolean): number {
  let low = 1;
  let high = most;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isTrue(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/**
 * Leaves out halves, quarters … single ones, as long as what stays violates (Zeller's ddmin); of a small
 * window only single ones, so that the order in which they come decides.
 */
function thinned(
  window: readonly number[],
  violates: (forced: readonly number[]) => boolean,
): readonly number[] {
  let kept = window;
  const half = Math.ceil(kept.length / 2);
  for (let size = kept.length <= smallWindow ? 1 : half; size >= 1; size = nextSize(size)) {
    for (let at = 0; at < kept.length; ) {
      const without = [...kept.slice(0, at), ...kept.slice(at + size)];
      if (without.length > 0 && violates(without)) kept = without;
      else at += size;
    }
  }
  return kept;
}

function nextSize(size: number): number {
  return size === 1 ? 0 : Math.ceil(size / 2);
}
