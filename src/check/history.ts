import { assert } from '../core/errors.ts';

/**
 * What clients asked of a store and what they were told: one row for each operation, in columns. A
 * program that records calls `begin` before its operation and `end` after it; one that does not holds
 * no recorder and pays one test of `undefined`.
 *
 * Values are numbers that name a value, not its bytes: an integrity stamp, a word, an index. Every
 * checker but linearizability needs each write of one key to have a value of its own.
 */
export const operationKinds = ['insert', 'get', 'put', 'delete', 'write', 'cas'] as const;
/**
 * The first four are those of a `StoreClient`: `insert` works where the key is absent, `put` and
 * `delete` where it is there. `write` (always works) and `cas` (works where the value is `expected`) are
 * those of a register, from histories of other tools.
 */
export type OperationKind = (typeof operationKinds)[number];

export const outcomes = ['ok', 'refused', 'failed', 'unknown'] as const;
/**
 * `ok`: done; `refused`: answered, and not done because of what the key was (false from a store's
 * operation), which tells as much as a get does; `failed`: certainly not done; `unknown`: may take effect
 * at any time after its beginning, or never. An operation that never ended is unknown.
 */
export type Outcome = (typeof outcomes)[number];

/** What a get found where there is no such key, and what every key is before anything is written. */
export const absent = -1;
/** What a get found that is no value of this key: torn, mixed or damaged bytes. */
export const torn = -2;
/** Values that are written are integers from 0 to this. */
export const valueMax = Number.MAX_SAFE_INTEGER;

/** One row, for people and for formats; checkers read the columns. */
export interface Operation {
  readonly process: number;
  readonly kind: OperationKind;
  readonly outcome: Outcome;
  /** Into `keyNames`. */
  readonly key: number;
  /** Written or read; `absent` for `delete`, and for a get that was not `ok`. */
  readonly value: number;
  /** Of a `cas`; otherwise `absent`. */
  readonly expected: number;
  readonly invokedNs: number;
  /** Infinity where it never ended. */
  readonly completedNs: number;
}

/** Columns of equal length. */
export interface History {
  readonly length: number;
  readonly process: Int32Array;
  readonly key: Int32Array;
  /** Indices into `operationKinds` and `outcomes`. */
  readonly kind: Uint8Array;
  readonly outcome: Uint8Array;
  readonly value: Float64Array;
  readonly expected: Float64Array;
  readonly invokedNs: Float64Array;
  readonly completedNs: Float64Array;
  /**
   * The order of beginnings and ends, as distinct integers: operation a was over before b began exactly
   * where `completedAt[a] < invokedAt[b]`. Infinity where it never ended.
   */
  readonly invokedAt: Float64Array;
  readonly completedAt: Float64Array;
  readonly keyNames: readonly string[];
  /** What the times count; absent: nanoseconds. An explored schedule has no time, only steps. */
  readonly clock?: 'steps';
}

export const kindNumber = numbered(operationKinds);
export const outcomeNumber = numbered(outcomes);

/**
 * Records the operations of one thread. Its events are ordered by the calls, which one thread makes in
 * the order in which things happen; `mergeHistories` joins those of several threads by their times.
 */
export class HistoryRecorder {
  readonly keyNames: string[] = [];
  readonly #keys = new Map<string, number>();
  #rows: Columns;
  #length = 0;
  #events = 0;

  constructor(rowsAtFirst = 1024) {
    this.#rows = columns(rowsAtFirst);
  }

  get length(): number {
    return this.#length;
  }

  /** The number of a key in this history. Whoever has numbers of their own need not name keys. */
  key(name: string): number {
    let number = this.#keys.get(name);
    if (number === undefined) {
      number = this.keyNames.push(name) - 1;
      this.#keys.set(name, number);
    }
    return number;
  }

  /** Gives the row, for `end`. `value`: what is to be written; `absent` for get and delete. */
  begin(
    process: number,
    kind: OperationKind,
    key: number,
    value: number,
    nowNs: number,
    expected = absent,
  ): number {
    if (this.#length === this.#rows.process.length) this.#rows = longer(this.#rows);
    const rows = this.#rows;
    const row = this.#length++;
    rows.process[row] = process;
    rows.key[row] = key;
    rows.kind[row] = kindNumber[kind];
    rows.outcome[row] = outcomeNumber.unknown;
    rows.value[row] = value;
    rows.expected[row] = expected;
    rows.invokedNs[row] = nowNs;
    rows.completedNs[row] = Number.POSITIVE_INFINITY;
    rows.invokedAt[row] = this.#events++;
    rows.completedAt[row] = Number.POSITIVE_INFINITY;
    return row;
  }

  end(row: number, outcome: Outcome, nowNs: number): void {
    const rows = this.#rows;
    rows.outcome[row] = outcomeNumber[outcome];
    rows.completedNs[row] = nowNs;
    rows.completedAt[row] = this.#events++;
  }

  /** The end of a get: `value` is what it found, or `absent`, or `torn`. */
  endGet(row: number, value: number, nowNs: number): void {
    this.#rows.value[row] = value;
    this.end(row, 'ok', nowNs);
  }

  /** Forgets all operations and keeps keys and memory, for the next of many short runs. */
  clear(): void {
    this.#length = 0;
    this.#events = 0;
  }

  /** Views of the columns, valid until the next `begin` or `clear`; plain data that threads can send. */
  history(): History {
    const rows = mapColumns(this.#rows, (column) => column.subarray(0, this.#length));
    return { length: this.#length, keyNames: this.keyNames, ...rows };
  }
}

/** A history of rows that are at hand, ordered by their times. */
export function historyOf(
  operations: readonly Operation[],
  keyNames: readonly string[] = [],
): History {
  const rows = columns(operations.length);
  for (const [i, operation] of operations.entries()) {
    rows.process[i] = operation.process;
    rows.key[i] = operation.key;
    rows.kind[i] = kindNumber[operation.kind];
    rows.outcome[i] = outcomeNumber[operation.outcome];
    rows.value[i] = operation.value;
    rows.expected[i] = operation.expected;
    rows.invokedNs[i] = operation.invokedNs;
    rows.completedNs[i] = operation.completedNs;
  }
  return { length: operations.length, keyNames, ...orderedByTime(rows) };
}

/** Joins what several threads recorded by one clock. Keys are matched by their names. */
export function mergeHistories(parts: readonly History[]): History {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const rows = columns(length);
  const names = new HistoryRecorder(0);
  let at = 0;
  for (const part of parts) {
    for (const name of columnNames) rows[name].set(part[name], at);
    for (let i = 0; i < part.length; i++, at++) {
      rows.key[at] = names.key(keyName(part, part.key[i] as number));
    }
  }
  return { length, keyNames: names.keyNames, ...orderedByTime(rows) };
}

export function operationAt(history: History, row: number): Operation {
  assert(row >= 0 && row < history.length, () => `row ${row} of ${history.length}`);
  return {
    process: history.process[row] as number,
    kind: operationKinds[history.kind[row] as number] as OperationKind,
    outcome: outcomes[history.outcome[row] as number] as Outcome,
    key: history.key[row] as number,
    value: history.value[row] as number,
    expected: history.expected[row] as number,
    invokedNs: history.invokedNs[row] as number,
    completedNs: history.completedNs[row] as number,
  };
}

/** A key that was never named goes by its number. */
export function keyName(history: History, key: number): string {
  return history.keyNames[key] ?? `${key}`;
}

const columnNames = [
  'process',
  'key',
  'kind',
  'outcome',
  'value',
  'expected',
  'invokedNs',
  'completedNs',
  'invokedAt',
  'completedAt',
] as const;
type Columns = Pick<History, (typeof columnNames)[number]>;
type Column = Columns[keyof Columns];

function columns(rowCount: number): Columns {
  const doubles = (): Float64Array => new Float64Array(rowCount);
  return {
    process: new Int32Array(rowCount),
    key: new Int32Array(rowCount),
    kind: new Uint8Array(rowCount),
    outcome: new Uint8Array(rowCount),
    value: doubles(),
    expected: doubles(),
    invokedNs: doubles(),
    completedNs: doubles(),
    invokedAt: doubles(),
    completedAt: doubles(),
  };
}

function mapColumns(rows: Columns, change: (column: Column) => Column): Columns {
  return Object.fromEntries(columnNames.map((name) => [name, change(rows[name])])) as Columns;
}

function longer(rows: Columns): Columns {
  const twice = columns(Math.max(16, rows.process.length * 2));
  for (const name of columnNames) twice[name].set(rows[name]);
  return twice;
}

/**
 * Orders events by time. Where several have the same time, beginnings come before ends: such operations
 * count as concurrent. A clock of limited resolution cannot tell which came first, and to order what was
 * concurrent would find violations that did not happen, even between two operations of one process.
 */
function orderedByTime(rows: Columns): Columns {
  const { invokedNs, completedNs } = rows;
  // Event 2i is the beginning of operation i, event 2i + 1 its end.
  const timeOf = (event: number): number =>
    ((event & 1) === 0 ? invokedNs : completedNs)[event >>> 1] as number;
  const events = Uint32Array.from({ length: 2 * invokedNs.length }, (_, event) => event);
  events.sort((a, b) => timeOf(a) - timeOf(b) || (a & 1) - (b & 1) || a - b);
  for (const [at, event] of events.entries()) {
    const column = (event & 1) === 0 ? rows.invokedAt : rows.completedAt;
    column[event >>> 1] = timeOf(event) === Number.POSITIVE_INFINITY ? timeOf(event) : at;
  }
  return rows;
}

function numbered<T extends string>(names: readonly T[]): Readonly<Record<T, number>> {
  return Object.fromEntries(names.map((name, i) => [name, i])) as Record<T, number>;
}
