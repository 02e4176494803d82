import { absent, type History, keyName, type Operation, operationAt, torn } from './history.ts';

/** `put 7 by process 1 (10–25 ns)`. */
export function nameOf(history: History, row: number): string {
  const operation = operationAt(history, row);
  return `${deed(operation)} by process ${operation.process} (${when(history, operation)})`;
}

/** `get by process 2 (30–31 ns) found 7`. */
export function tell(history: History, row: number): string {
  return `${nameOf(history, row)} ${ending(operationAt(history, row))}`;
}

/** A history of one register has no name for it. */
export function describeKey(history: History, key: number): string {
  const name = keyName(history, key);
  return name === '' ? 'the register' : `key ${JSON.stringify(name)}`;
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

function when(history: History, { invokedNs, completedNs }: Operation): string {
  if (history.clock === 'steps') {
    const isOver = completedNs !== Number.POSITIVE_INFINITY;
    return isOver ? `steps ${invokedNs} to ${completedNs}` : `from step ${invokedNs}`;
  }
  const [unit, unitNs] = unitOf(history);
  // To the picosecond, which is what virtual time has.
  const inUnit = (ns: number): string => `${Math.round(ns * 1000) / (1000 * unitNs)}`;
  if (completedNs === Number.POSITIVE_INFINITY) return `from ${inUnit(invokedNs)} ${unit}`;
  return `${inUnit(invokedNs)}–${inUnit(completedNs)} ${unit}`;
}

/** One for all times of a history, so that they can be compared by eye. */
function unitOf({ invokedNs }: History): readonly [string, number] {
  const lastNs = invokedNs.reduce((latest, ns) => Math.max(latest, ns), 0);
  if (lastNs < 1e5) return ['ns', 1];
  return lastNs < 1e8 ? ['us', 1e3] : ['ms', 1e6];
}
