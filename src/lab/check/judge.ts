import type { History } from '../../check/history.ts';
import { type HistoryPromise, judge as judgeHistory } from '../../check/judge.ts';
import { promisesMade } from './promises.ts';
import type { Session } from './session.ts';

/** What a schedule showed. */
export type Judgement =
  | { readonly kind: 'kept' }
  | {
      readonly kind: 'safety' | 'liveness';
      /** The promise that is broken; of liveness, `progress`. */
      readonly promise: string;
      readonly explanation: string;
      /** The step after which it could be seen. */
      readonly step: number;
    };

const kept: Judgement = { kind: 'kept' };
/** Enough for a few dozen operations; a search that needs more tells nothing. */
const budgetPerKey = 1_000_000;
const harmlessMax = 100_000;

/** Promises about histories that the system makes under that durability and timing, weakest first. */
export function promisesOf({
  system,
  scenario,
  config,
  shape,
}: Session['stage']): HistoryPromise[] {
  const made = promisesMade(system, config, shape)
    .filter(({ durability }) => durability === scenario.durability)
    .filter(({ holds }) =>
      scenario.timing === 'bounded' ? holds !== 'no' : holds === 'asynchronous-safe',
    )
    .map(({ promise }) => promise);
  const asked = scenario.linearizable ? ['linearizable' as const] : [];
  const all = new Set<HistoryPromise>([...made, ...asked]);
  const order = ['read committed', 'atomic write', 'data reliability', 'linearizable'] as const;
  return order.filter((promise) => all.has(promise));
}

/** The verdict on a run that is over; `finish` has read everything back. */
export function judge(session: Session): Judgement {
  const { world, defects, recorder } = session;
  if (world.failure !== undefined) {
    const { error, task } = world.failure;
    const text = error instanceof Error ? error.message : String(error);
    return {
      kind: 'safety',
      promise: 'own invariants',
      explanation: `${task.name} ended with: ${text}`,
      step: world.steps,
    };
  }
  const [defect] = defects;
  if (defect !== undefined) {
    return { kind: defect.promise === 'progress' ? 'liveness' : 'safety', ...defect };
  }
  const history: History = { ...recorder.history(), clock: 'steps' };
  const { harmless } = session.stage;
  const settledFromNs = session.restFromStep;
  const mark = `${settledFromNs} ${markOf(history)}`;
  if (harmless.has(mark)) return kept;
  for (const promise of promisesOf(session.stage)) {
    const verdict = judgeHistory(history, promise, { budgetPerKey, settledFromNs });
    if (verdict.status !== 'broken') continue;
    const { explanation, operations } = verdict;
    return { kind: 'safety', promise, explanation, step: lastStep(session, operations) };
  }
  if (harmless.size < harmlessMax) harmless.add(mark);
  return kept;
}

/** Equal for histories that no checker can tell apart. */
function markOf(history: History): string {
  const { process, key, kind, outcome, value, invokedAt, completedAt } = history;
  let mark = '';
  for (let row = 0; row < history.length; row++) {
    mark += `${process[row]} ${key[row]} ${kind[row]} ${outcome[row]} ${value[row]} `;
    mark += `${invokedAt[row]} ${completedAt[row]};`;
  }
  return mark;
}

/** When the last of these operations had ended. */
function lastStep({ endedAtStep, world }: Session, rows: readonly number[]): number {
  return rows.reduce((last, row) => Math.max(last, endedAtStep[row] ?? world.steps), 0);
}
