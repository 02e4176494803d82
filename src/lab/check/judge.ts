import { absent, type History, historyOf, type Operation, operationAt, torn } from '../../check/history.ts';
import { checkLinearizability } from '../../check/linearizability.ts';
import type { SystemPromise } from '../../systems/system.ts';
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

export type PromiseName = SystemPromise['promise'];
const kept: Judgement = { kind: 'kept' };
/** Enough for a few dozen operations; a search that needs more tells nothing. */
const budgetPerKey = 1_000_000;

/** Promises that the system makes under that durability and timing. */
export function promisesOf(session: Session): PromiseName[] {
  const { system, scenario } = session.stage;
  return system.promises
    .filter(({ durability }) => durability === scenario.durability)
    .filter(({ holds }) =>
      scenario.timing === 'bounded' ? holds !== 'no' : holds === 'asynchronous-safe',
    )
    .map(({ promise }) => promise);
}

/** The verdict on a run that is over; `finish` has read everything back. */
export function judge(session: Session): Judgement {
  const { world, defects } = session;
  if (world.failure !== undefined) {
    const { error, task } = world.failure;
    return {
      kind: 'safety',
      promise: 'own invariants',
      explanation: `${task.name} ended with: ${error instanceof Error ? error.message : String(error)}`,
      step: world.steps,
    };
  }
  const [defect] = defects;
  if (defect !== undefined) return { kind: 'safety', ...defect };
  const history = session.recorder.history();
  return (
    tornRead(session, history) ??
    uncommittedRead(session, history) ??
    lostWrite(session, history) ??
    disorder(session, history) ??
    kept
  );
}

function tornRead(session: Session, history: History): Judgement | undefined {
  for (let row = 0; row < history.length; row++) {
    if (history.value[row] !== torn) continue;
    return {
      kind: 'safety',
      promise: 'atomic write',
      explanation: `${who(history, row)} returned a value that nobody wrote: parts of several`,
      step: session.endedAtStep[row] ?? session.world.steps,
    };
  }
  return undefined;
}

/** Gets of values that nobody had begun to write, or whose write had been refused. */
function uncommittedRead(session: Session, history: History): Judgement | undefined {
  for (let row = 0; row < history.length; row++) {
    const { kind, outcome, key, value } = operationAt(history, row);
    if (kind !== 'get' || outcome !== 'ok' || value === absent) continue;
    const writer = writerOf(history, key, value);
    const began = history.invokedAt[writer ?? -1];
    const refused = writer !== undefined && operationAt(history, writer).outcome === 'refused';
    if (began !== undefined && began < (history.completedAt[row] as number) && !refused) continue;
    const why = refused ? 'whose write was refused' : 'that nobody had written';
    return {
      kind: 'safety',
      promise: 'read committed',
      explanation: `${who(history, row)} returned a value ${why}`,
      step: session.endedAtStep[row] ?? session.world.steps,
    };
  }
  return undefined;
}

function writerOf(history: History, key: number, value: number): number | undefined {
  for (let row = 0; row < history.length; row++) {
    const operation = operationAt(history, row);
    if (operation.key === key && operation.value === value && operation.kind !== 'get') return row;
  }
  return undefined;
}

/**
 * What is read back at the end must be explained by some order of the changes alone: an acknowledged one
 * is never lost. That holds in systems whose gets may be stale, too.
 */
function lostWrite(session: Session, history: History): Judgement | undefined {
  const rows: Operation[] = [];
  for (let row = 0; row < history.length; row++) {
    const operation = operationAt(history, row);
    if (operation.kind !== 'get' || operation.process < 0) rows.push(operation);
  }
  const verdict = checkLinearizability(historyOf(rows, history.keyNames), { budgetPerKey });
  if (verdict.status !== 'broken') return undefined;
  return {
    kind: 'safety',
    promise: 'data reliability',
    explanation: verdict.explanation,
    step: session.world.steps,
  };
}

function disorder(session: Session, history: History): Judgement | undefined {
  if (!checksOrder(session)) return undefined;
  const verdict = checkLinearizability(history, { budgetPerKey });
  if (verdict.status !== 'broken') return undefined;
  const step = verdict.operations.reduce(
    (last, row) => Math.max(last, session.endedAtStep[row] ?? session.world.steps),
    0,
  );
  return { kind: 'safety', promise: 'linearizable', explanation: verdict.explanation, step };
}

/** Whether gets must be fresh: promised, or asked for. */
export function checksOrder(session: Session): boolean {
  const { scenario } = session.stage;
  return scenario.linearizable || promisesOf(session).includes('linearizable');
}

function who(history: History, row: number): string {
  const { process, kind, key } = operationAt(history, row);
  const name = history.keyNames[key] ?? `key ${key}`;
  return `${process < 0 ? 'the reader at the end' : `client ${process}`}: ${kind} of ${name}`;
}
