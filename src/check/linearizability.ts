import { describeKey } from './describe.ts';
import { explainViolation } from './explain-violation.ts';
import type { History } from './history.ts';
import { type Budget, findOrder } from './order-search.ts';
import { rowsByKey } from './partition.ts';
import { smallestViolation } from './smallest-violation.ts';
import { absentState, keeps, needs, type Steps, stepsOf } from './steps.ts';
import { holds, type Verdict } from './verdict.ts';

export interface LinearizabilityOptions {
  /**
   * How far the search of one key may go, in operations looked at: about a second for each 50 million.
   * Making a violation small may cost as much again.
   */
  readonly budgetPerKey?: number;
}

const defaultBudgetPerKey = 100_000_000;

/**
 * Whether there is, for each key, one order of its operations that explains every answer and in which
 * whoever ended before another began comes first. Every key is absent at first. What is unknown may have
 * taken effect at any time after its beginning, or never; failed operations did not.
 *
 * The verdict is `unknown` where a key's search reaches its budget and no other key is broken.
 * FARSIDE_INPUT for a history that says what cannot be, as a refused get.
 */
export function checkLinearizability(
  history: History,
  { budgetPerKey = defaultBudgetPerKey }: LinearizabilityOptions = {},
): Verdict {
  let gaveUp: Verdict | undefined;
  for (const [key, rows] of rowsByKey(history)) {
    const steps = stepsOf(history, rows);
    const result = findOrder(steps, { left: budgetPerKey });
    if (result === 'none') return violation(history, steps, { left: budgetPerKey });
    if (result === 'found') continue;
    gaveUp ??= {
      status: 'unknown',
      reason:
        `${describeKey(history, key)}: its ${steps.length} operations have too many orders to try ` +
        `within a budget of ${budgetPerKey}; record fewer at once, or raise the budget`,
    };
  }
  return gaveUp ?? holds;
}

function violation(history: History, steps: Steps, budget: Budget): Verdict {
  const fewest = smallestViolation(steps, budget);
  const rows = fewest.map((step) => steps.row[step] as number);
  const sources = sourcesOf(history, steps, fewest);
  // A get makes no sense to a reader without the write of what it found.
  const shown = new Set([...rows, ...sources.values()]);
  const { invokedAt } = history;
  return {
    status: 'broken',
    explanation: explainViolation(history, rows, sources),
    operations: [...shown].sort((a, b) => (invokedAt[a] as number) - (invokedAt[b] as number)),
  };
}

/** For each value that one of `fewest` needs, the row of its write, where only one wrote it. */
function sourcesOf(
  history: History,
  steps: Steps,
  fewest: readonly number[],
): ReadonlyMap<number, number> {
  const sources = new Map<number, number>();
  for (const step of fewest) {
    const state = steps.operand[step] as number;
    if (steps.need[step] !== needs.equal || state === absentState) continue;
    const writers = [...steps.next.keys()].filter((i) => steps.next[i] === state && i !== step);
    const [writer] = writers;
    if (writers.length !== 1 || writer === undefined || steps.next[writer] === keeps) continue;
    const row = steps.row[writer] as number;
    // One that began only after the value was found explains nothing.
    if ((steps.invokedAt[writer] as number) > (steps.completedAt[step] as number)) continue;
    sources.set(history.value[row] as number, row);
  }
  return sources;
}
