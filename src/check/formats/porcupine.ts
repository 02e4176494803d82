import { FarsideError } from '../../core/errors.ts';
import {
  absent,
  type History,
  HistoryRecorder,
  historyOf,
  keyName,
  type Operation,
  type OperationKind,
  type Outcome,
  operationAt,
  operationKinds,
  outcomes,
  torn,
} from '../history.ts';
import { jsonElements } from './json-elements.ts';

/**
 * The operations of porcupine (`porcupine.Operation` of Go, as JSON), in an array or one a line:
 *
 *     {"ClientId": 0, "Input": {"op": "put", "key": "x", "value": 2}, "Call": 4,
 *      "Output": {"outcome": "ok"}, "Return": 9, "CallNs": 120.5, "ReturnNs": 240}
 *
 * `Call` and `Return` order beginnings and ends; they are integers, so that Go can read them. The times
 * are ours, and optional. A get's output has its `value`, null where there is no such key; a cas's input
 * has `expected`. Without an output, or with `"outcome": "unknown"`, the outcome is unknown, and no
 * `Return` is needed. The key is "" where there is none.
 */
export function readPorcupine(text: string, file: string): History {
  const keys = new HistoryRecorder(0);
  const operations: Operation[] = [];
  const times: { readonly callNs: number; readonly returnNs: number }[] = [];
  for (const { value, line } of jsonElements(text, file)) {
    const row = new RowReader(value, `${file}:${line}`);
    operations.push(row.operation((name) => keys.key(name)));
    times.push(row.times());
  }
  const history = historyOf(operations, keys.keyNames);
  history.invokedNs.set(times.map(({ callNs }) => callNs));
  history.completedNs.set(times.map(({ returnNs }) => returnNs));
  return history;
}

export function writePorcupine(history: History): string {
  const lines = Array.from({ length: history.length }, (_, row) =>
    JSON.stringify(rowOf(history, row)),
  );
  return `[${lines.join(',\n')}]\n`;
}

function rowOf(history: History, row: number): unknown {
  const operation = operationAt(history, row);
  const { process, kind, outcome, value, expected, invokedNs, completedNs } = operation;
  const [call, end] = [history.invokedAt[row] as number, history.completedAt[row] as number];
  const isGet = kind === 'get';
  const written = isGet || kind === 'delete' ? {} : { value: jsonValue(value) };
  return {
    ClientId: process,
    Input: {
      op: kind,
      key: keyName(history, operation.key),
      ...(kind === 'cas' ? { expected: jsonValue(expected) } : {}),
      ...written,
    },
    Call: call,
    Output: { outcome, ...(isGet && outcome === 'ok' ? { value: jsonValue(value) } : {}) },
    // Go's zero would be an end before the beginning: what never ended ends after everything else.
    Return: end === Number.POSITIVE_INFINITY ? 2 * history.length + row : end,
    CallNs: invokedNs,
    ReturnNs: completedNs === Number.POSITIVE_INFINITY ? null : completedNs,
  };
}

function jsonValue(value: number): number | string | null {
  if (value === absent) return null;
  return value === torn ? 'torn' : value;
}

type Fields = Readonly<Record<string, unknown>>;

/** One operation; Go writes names with a capital where a struct has no tags, so case does not matter. */
class RowReader {
  readonly #fields: Fields;
  readonly #where: string;

  constructor(value: unknown, where: string) {
    this.#where = where;
    this.#fields = this.#object('the operation', value);
  }

  operation(keyOf: (name: string) => number): Operation {
    const input = this.#object('Input', this.#fields.input);
    const output = this.#object('Output', this.#fields.output ?? {});
    const kind = this.#one('op', input.op, operationKinds);
    const given = Object.keys(output).length === 0 ? 'unknown' : (output.outcome ?? 'ok');
    const outcome = this.#one('outcome', given, outcomes);
    const call = this.#number('Call', this.#fields.call);
    const end = this.#end(outcome, call);
    return {
      process: this.#number('ClientId', this.#fields.clientid),
      ...{ kind, outcome },
      key: keyOf(this.#key(input.key ?? '')),
      value: this.#held(kind, outcome, input, output),
      expected: kind === 'cas' ? this.#value('expected', input.expected ?? null) : absent,
      ...{ invokedNs: call, completedNs: end },
    };
  }

  times(): { readonly callNs: number; readonly returnNs: number } {
    const { call, callns, returnns } = this.#fields;
    const end = this.#fields.return ?? null;
    const returned = returnns === undefined ? end : returnns;
    return {
      callNs: this.#number('CallNs', callns ?? call),
      returnNs: returned === null ? Number.POSITIVE_INFINITY : this.#number('ReturnNs', returned),
    };
  }

  #end(outcome: Outcome, call: number): number {
    const end = this.#fields.return ?? null;
    const hasEnded = this.#fields.returnns !== null;
    if (outcome === 'unknown' && (end === null || !hasEnded)) return Number.POSITIVE_INFINITY;
    const returned = this.#number('Return', end);
    if (returned < call) this.#fail(`Return ${returned} lies before Call ${call}`);
    return returned;
  }

  #held(kind: OperationKind, outcome: Outcome, input: Fields, output: Fields): number {
    if (kind === 'delete' || (kind === 'get' && outcome !== 'ok')) return absent;
    const value = kind === 'get' ? output.value : input.value;
    if (value === undefined) this.#fail(`a ${kind} without its value`);
    if (value === null && kind !== 'get') this.#fail(`${kind} null: expected a whole number`);
    return this.#value('value', value);
  }

  #value(name: string, value: unknown): number {
    if (value === null) return absent;
    if (value === 'torn') return torn;
    const number = this.#number(name, value);
    if (Number.isSafeInteger(number) && number >= 0) return number;
    return this.#fail(`${name} ${number}: expected a whole number from 0`);
  }

  #key(key: unknown): string {
    if (typeof key === 'string' || typeof key === 'number') return `${key}`;
    return this.#fail(`key ${JSON.stringify(key)}: expected a string`);
  }

  #number(name: string, value: unknown): number {
    if (typeof value === 'number') return value;
    return this.#fail(`${name} ${JSON.stringify(value)}: expected a number`);
  }

  #one<T extends string>(name: string, value: unknown, all: readonly T[]): T {
    const found = all.find((one) => typeof value === 'string' && one === value.toLowerCase());
    return (
      found ?? this.#fail(`${name} ${JSON.stringify(value)}: expected one of ${all.join(', ')}`)
    );
  }

  #object(name: string, value: unknown): Fields {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      this.#fail(`${name} is ${JSON.stringify(value)}: expected an object`);
    }
    const entries = Object.entries(value as Fields);
    return Object.fromEntries(entries.map(([key, held]) => [key.toLowerCase(), held]));
  }

  #fail(message: string): never {
    throw new FarsideError('FARSIDE_INPUT', `${this.#where}: ${message}`);
  }
}
