import { absent, type History, keyName, type Operation, operationAt, torn } from './history.ts';

/** `put 7 by process 1 (10–25 ns)`. */
export function nameOf(history: History, row: number): string {
  const operation = operationAt(history, row);
  const { process, invokedNs, completedNs } = operation;
  const end = completedNs === Number.POSITIVE_INFINITY ? '' : rounded(completedNs);
  return `${deed(operation)} by process ${process} (${rounded(invokedNs)}–${end} ns)`;
}

/** `get by process 2 (30–31 ns) found 7`. */
export function tell(history: History, row: number): string {
  return `${nameOf(history, row)} ${ending(operationAt(history, row))}`;
}

export function describeKey(history: History, key: number): string {
  return `key ${JSON.stringify(keyName(history, key))}`;
}

/** As the object of `found`. */
export function describeValue(value: number): string {
  if (value === absent) return 'no such key';
  return value === torn ? 'bytes that are no value of this key' : `${value}`;
}

function deed({ kind, value, expected }: Operation): string {
  switch (kind) {
    case 'get':
    case 'delete':
      return kind;
    case 'insert':
    case 'put':
    case 'write':
      return `${kind} ${value}`;
    case 'cas':
      return `cas ${expected} → ${value}`;
  }
}

function ending({ kind, outcome, value }: Operation): string {
  if (outcome === 'ok') return kind === 'get' ? `found ${describeValue(value)}` : 'worked';
  if (outcome === 'refused') return 'was refused';
  return outcome === 'failed' ? 'failed' : 'has an unknown outcome';
}

function rounded(ns: number): string {
  return `${Math.round(ns * 1000) / 1000}`;
}
