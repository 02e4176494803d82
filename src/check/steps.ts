import { FarsideError } from '../core/errors.ts';
import { absent, type History, keyName, operationAt, outcomeNumber } from './history.ts';

/**
 * The operations of one key as steps of one variable. Its states are numbers: 0 is `absent`, the others
 * stand for the values that occur. Each step needs something of the state and may change it:
 *
 *     insert ok        needs 0          becomes v      get ok           needs v
 *     put ok           needs not 0      becomes v      insert refused   needs not 0
 *     delete ok        needs not 0      becomes 0      put, delete      needs 0
 *     write            needs nothing    becomes v        refused
 *     cas ok           needs e          becomes v      cas refused      needs not e
 *
 * Failed operations and gets without an answer say nothing and are left out. An unknown change is
 * optional: it may come at any time after its beginning, with the same need, or never.
 */
export interface Steps {
  readonly length: number;
  readonly row: Int32Array;
  readonly need: Uint8Array;
  readonly operand: Int32Array;
  /** The state that the step makes, or `keeps`. */
  readonly next: Int32Array;
  readonly isOptional: Uint8Array;
  readonly invokedAt: Float64Array;
  /** Infinity where the step is optional. */
  readonly completedAt: Float64Array;
  readonly stateCount: number;
}

export const needs = { nothing: 0, equal: 1, other: 2 } as const;
export const keeps = -1;
export const absentState = 0;

export function isLegal(steps: Steps, step: number, state: number): boolean {
  const need = steps.need[step] as number;
  if (need === needs.nothing) return true;
  return (need === needs.equal) === (steps.operand[step] === state);
}

interface Draft {
  readonly row: number;
  readonly need: number;
  readonly operand: number;
  readonly next: number;
}

/** `rows` of one key in the order of their beginnings. FARSIDE_INPUT for what cannot be refused. */
export function stepsOf(history: History, rows: Int32Array): Steps {
  const states = new Map([[absent, absentState]]);
  const stateOf = (value: number): number => {
    let state = states.get(value);
    if (state === undefined) {
      state = states.size;
      states.set(value, state);
    }
    return state;
  };
  const drafts: Draft[] = [];
  for (const row of rows) {
    if (history.outcome[row] === outcomeNumber.failed) continue;
    const draft = draftOf(history, row, stateOf);
    if (draft !== undefined) drafts.push(draft);
  }
  const isOptional = Uint8Array.from(drafts, ({ row }) =>
    history.outcome[row] === outcomeNumber.unknown ? 1 : 0,
  );
  return {
    length: drafts.length,
    row: Int32Array.from(drafts, ({ row }) => row),
    need: Uint8Array.from(drafts, ({ need }) => need),
    operand: Int32Array.from(drafts, ({ operand }) => operand),
    next: Int32Array.from(drafts, ({ next }) => next),
    isOptional,
    invokedAt: Float64Array.from(drafts, ({ row }) => history.invokedAt[row] as number),
    completedAt: Float64Array.from(drafts, ({ row }, step) =>
      isOptional[step] === 1 ? Number.POSITIVE_INFINITY : (history.completedAt[row] as number),
    ),
    stateCount: states.size,
  };
}

function draftOf(
  history: History,
  row: number,
  stateOf: (value: number) => number,
): Draft | undefined {
  const { kind, outcome, value, expected, process, key } = operationAt(history, row);
  const isRefused = outcome === 'refused';
  const change = (need: number, operand: number, next: number): Draft =>
    isRefused
      ? { row, need: needs.equal + needs.other - need, operand, next: keeps }
      : { row, need, operand, next };
  switch (kind) {
    case 'insert':
      return change(needs.equal, absentState, stateOf(value));
    case 'put':
      return change(needs.other, absentState, stateOf(value));
    case 'delete':
      return change(needs.other, absentState, absentState);
    case 'cas':
      return change(needs.equal, stateOf(expected), stateOf(value));
    case 'get':
    case 'write':
      if (isRefused) {
        throw new FarsideError(
          'FARSIDE_INPUT',
          `key ${keyName(history, key)}: a ${kind} of process ${process} is refused, and only ` +
            'insert, put, delete and cas can be; say failed or unknown',
        );
      }
      if (kind === 'write') return { row, need: needs.nothing, operand: 0, next: stateOf(value) };
      if (outcome !== 'ok') return undefined;
      return { row, need: needs.equal, operand: stateOf(value), next: keeps };
  }
}

/**
 * The same steps, of which only the `forced` must be explained: a change that is not becomes optional,
 * whatever only looks is left out. If all the steps can be ordered, then these can.
 */
export function relaxed(steps: Steps, forced: Uint8Array): Steps {
  const kept = Int32Array.from({ length: steps.length }, (_, step) => step).filter(
    (step) => forced[step] === 1 || steps.next[step] !== keeps,
  );
  const some = chosen(steps, kept);
  for (const [i, step] of kept.entries()) {
    if (forced[step] === 1) continue;
    some.isOptional[i] = 1;
    some.completedAt[i] = Number.POSITIVE_INFINITY;
  }
  return some;
}

/** Some of the steps, in their order. */
export function chosen(steps: Steps, kept: Int32Array): Steps {
  const bytes = (column: Uint8Array): Uint8Array =>
    Uint8Array.from(kept, (step) => column[step] as number);
  const doubles = (column: Float64Array): Float64Array =>
    Float64Array.from(kept, (step) => column[step] as number);
  const integers = (column: Int32Array): Int32Array => kept.map((step) => column[step] as number);
  return {
    length: kept.length,
    row: integers(steps.row),
    need: bytes(steps.need),
    operand: integers(steps.operand),
    next: integers(steps.next),
    isOptional: bytes(steps.isOptional),
    invokedAt: doubles(steps.invokedAt),
    completedAt: doubles(steps.completedAt),
    stateCount: steps.stateCount,
  };
}
