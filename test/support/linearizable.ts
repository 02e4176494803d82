/**
 * One operation on one key of a store; `value` is what was written or read. One that never ended,
 * because the run was cut off, has no `result` and returns at infinity: it may have taken effect or
 * not.
 */
export interface KeyOperation {
  readonly operation: 'insert' | 'put' | 'delete' | 'get';
  readonly invokedNs: number;
  readonly returnedNs: number;
  readonly value?: number | undefined;
  /** Of insert, put and delete. */
  readonly result?: boolean | undefined;
}

/** Gives the state after the operation, or false where it could not have answered so. */
function apply(state: number | undefined, o: KeyOperation): number | undefined | false {
  if (o.operation === 'get') return o.value === state ? state : false;
  const works = (o.operation === 'insert') === (state === undefined);
  if (o.result !== undefined && o.result !== works) return false;
  if (!works) return state;
  return o.operation === 'delete' ? undefined : o.value;
}

/** Whether some order of the operations explains all answers and respects who ended before whom. */
export function isLinearizable(history: readonly KeyOperation[]): boolean {
  if (history.length > 30) throw new Error('too long for this search');
  const seen = new Set<string>();
  const search = (done: number, state: number | undefined): boolean => {
    const left = history.filter((_, i) => (done & (1 << i)) === 0);
    if (left.every((o) => o.returnedNs === Number.POSITIVE_INFINITY)) return true;
    const mark = `${done} ${state}`;
    if (seen.has(mark)) return false;
    seen.add(mark);
    const firstReturnNs = Math.min(...left.map((o) => o.returnedNs));
    return left.some((o) => {
      if (o.invokedNs > firstReturnNs) return false;
      const next = apply(state, o);
      return next !== false && search(done | (1 << history.indexOf(o)), next);
    });
  };
  return search(0, undefined);
}
