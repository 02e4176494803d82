/** One finished operation on one key of a store; `value` is what was written or read. */
export interface KeyOperation {
  readonly operation: 'insert' | 'put' | 'delete' | 'get';
  readonly invokedNs: number;
  readonly returnedNs: number;
  readonly value?: number | undefined;
  /** Of insert, put and delete. */
  readonly result?: boolean;
}

/** Gives the state after the operation, or false where it could not have answered so. */
function apply(state: number | undefined, o: KeyOperation): number | undefined | false {
  switch (o.operation) {
    case 'get':
      return o.value === state ? state : false;
    case 'insert':
      if (o.result !== (state === undefined)) return false;
      return o.result ? o.value : state;
    case 'put':
      if (o.result !== (state !== undefined)) return false;
      return o.result ? o.value : state;
    case 'delete':
      return o.result === (state !== undefined) ? undefined : false;
  }
}

/** Whether some order of the operations explains all answers and respects who ended before whom. */
export function isLinearizable(history: readonly KeyOperation[]): boolean {
  if (history.length > 30) throw new Error('too long for this search');
  const seen = new Set<string>();
  const search = (done: number, state: number | undefined): boolean => {
    if (done === 2 ** history.length - 1) return true;
    const mark = `${done} ${state}`;
    if (seen.has(mark)) return false;
    seen.add(mark);
    const open = history.filter((_, i) => (done & (1 << i)) === 0);
    const firstReturnNs = Math.min(...open.map((o) => o.returnedNs));
    return open.some((o) => {
      if (o.invokedNs > firstReturnNs) return false;
      const next = apply(state, o);
      return next !== false && search(done | (1 << history.indexOf(o)), next);
    });
  };
  return search(0, undefined);
}
