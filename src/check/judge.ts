import { checkAtomicWrite } from './atomic-write.ts';
import { checkDurability } from './durability.ts';
import type { History } from './history.ts';
import { checkLinearizability, type LinearizabilityOptions } from './linearizability.ts';
import { checkMonotonicReads } from './monotonic-reads.ts';
import { checkReadCommitted } from './read-committed.ts';
import type { SettledOptions } from './settled.ts';
import type { Verdict } from './verdict.ts';

/** What a history alone can be held to, the weakest promise first. */
export const historyPromises = [
  'read committed',
  'atomic write',
  'data reliability',
  'monotonic reads',
  'linearizable',
] as const;
export type HistoryPromise = (typeof historyPromises)[number];

export interface JudgeOptions extends LinearizabilityOptions, SettledOptions {}

export function judge(
  history: History,
  promise: HistoryPromise,
  options: JudgeOptions = {},
): Verdict {
  switch (promise) {
    case 'read committed':
      return checkReadCommitted(history);
    case 'atomic write':
      return checkAtomicWrite(history, options);
    case 'data reliability':
      return checkDurability(history, options);
    case 'monotonic reads':
      return checkMonotonicReads(history);
    case 'linearizable':
      return checkLinearizability(history, options);
  }
}
