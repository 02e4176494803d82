import { absent, type History, type Operation, operationAt } from '../../src/check/history.ts';

/**
 * Whether the operations of one key can be ordered, by trying every order: what the checker is held to.
 * It shares no idea with it but what the operations mean. For at most ten operations.
 */
export function canBeOrdered(history: History): boolean {
  if (history.length > 10) throw new Error(`${history.length} operations are too many to try`);
  const rows = Array.from({ length: history.length }, (_, row) => row).filter((row) => {
    const { kind, outcome } = operationAt(history, row);
    return outcome !== 'failed' && !(kind === 'get' && outcome === 'unknown');
  });
  const isRequired = (row: number): boolean => operationAt(history, row).outcome !== 'unknown';
  const search = (left: readonly number[], value: number): boolean => {
    if (!left.some(isRequired)) return true;
    return left.some((row) => {
      const isEarliest = left.every(
        (other) =>
          !isRequired(other) ||
          (history.completedAt[other] as number) > (history.invokedAt[row] as number),
      );
      if (!isEarliest) return false;
      const after = valueAfter(operationAt(history, row), value);
      return (
        after !== undefined &&
        search(
          left.filter((other) => other !== row),
          after,
        )
      );
    });
  };
  return search(rows, absent);
}

/** The value that the operation leaves behind, or undefined where it cannot have ended so. */
function valueAfter(operation: Operation, value: number): number | undefined {
  if (operation.kind === 'get') return operation.value === value ? value : undefined;
  const works = {
    insert: value === absent,
    put: value !== absent,
    delete: value !== absent,
    write: true,
    cas: value === operation.expected,
  }[operation.kind];
  if (operation.outcome === 'refused') return works ? undefined : value;
  return works ? operation.value : undefined;
}
