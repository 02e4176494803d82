import { absent, historyOf, type Operation, torn } from '../../src/check/history.ts';
import { checkLinearizability } from '../../src/check/linearizability.ts';

/**
 * One operation on one key of a store; `value` is what was written or read, NaN where it was no value at
 * all. One that never ended, because the run was cut off, has no `result` and returns at infinity.
 */
export interface KeyOperation {
  readonly operation: 'insert' | 'put' | 'delete' | 'get';
  readonly invokedNs: number;
  readonly returnedNs: number;
  readonly value?: number | undefined;
  /** Of insert, put and delete. */
  readonly result?: boolean | undefined;
}

/** Whether some order of the operations explains all answers and respects who ended before whom. */
export function isLinearizable(operations: readonly KeyOperation[]): boolean {
  return checkLinearizability(historyOf(operations.map(rowOf))).status === 'holds';
}

function rowOf(operation: KeyOperation, process: number): Operation {
  const { operation: kind, invokedNs, returnedNs, value = absent, result = true } = operation;
  const outcome = returnedNs === Number.POSITIVE_INFINITY ? 'unknown' : result ? 'ok' : 'refused';
  const times = { invokedNs, completedNs: returnedNs };
  return {
    ...{ process, kind, outcome, key: 0, expected: absent, ...times },
    value: Number.isNaN(value) ? torn : value,
  };
}
