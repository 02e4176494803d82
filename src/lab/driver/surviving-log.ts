import type { OperationKind, Outcome } from '../../check/history.ts';
import { absent, type History, historyOf, operationKinds, outcomes } from '../../check/history.ts';
import { assert } from '../../core/errors.ts';
import type { Key } from '../../core/key.ts';
import type { OperationLog } from './recording.ts';

/**
 * The operations of one node in memory that outlives its thread: a worker that is terminated leaves
 * behind what it had begun and what it had been told.
 *
 *   0  +---------------------------------------+
 *      | rows | key bytes | free               |  32-bit words
 *   64 +---------------------------------------+
 *      | process | kind | outcome | key | value | invokedNs | completedNs | free |  doubles, a row
 *      +---------------------------------------+
 *      | length, key; length, key; …           |  each key once: its number is its place
 *      +---------------------------------------+
 */
const headBytes = 64;
const rowDoubles = 8;
const column = { process: 0, kind: 1, outcome: 2, key: 3, value: 4, invoked: 5, completed: 6 };
const word = { rows: 0, keyBytes: 1 } as const;
const keyBytesEach = 256;

export class SurvivingLog implements OperationLog {
  readonly #words: Int32Array;
  readonly #rows: Float64Array;
  readonly #keys: Uint8Array;
  readonly #rowsMax: number;
  readonly #numbers = new Map<string, number>();

  /** Pages that nobody writes cost nothing, so bounds may be generous. */
  static bytesFor(rowsMax: number, keysMax: number): number {
    return headBytes + rowsMax * rowDoubles * 8 + keysMax * keyBytesEach;
  }

  constructor(buffer: ArrayBufferLike, rowsMax: number) {
    this.#rowsMax = rowsMax;
    this.#words = new Int32Array(buffer, 0, headBytes / 4);
    this.#rows = new Float64Array(buffer, headBytes, rowsMax * rowDoubles);
    this.#keys = new Uint8Array(buffer, headBytes + rowsMax * rowDoubles * 8);
    for (const [number, name] of this.#keyNames().entries()) this.#numbers.set(name, number);
  }

  begin(process: number, kind: OperationKind, key: Key, value: number, nowNs: number): number {
    const row = Atomics.load(this.#words, word.rows);
    assert(row < this.#rowsMax, () => `more than ${this.#rowsMax} operations`, 'FARSIDE_LIMIT');
    const at = row * rowDoubles;
    const kindNumber = operationKinds.indexOf(kind);
    const unknown = outcomes.indexOf('unknown');
    const forever = Number.POSITIVE_INFINITY;
    this.#rows.set([process, kindNumber, unknown, this.#number(key), value, nowNs, forever], at);
    Atomics.store(this.#words, word.rows, row + 1);
    return row;
  }

  end(row: number, outcome: Outcome, nowNs: number, value?: number): void {
    const at = row * rowDoubles;
    if (value !== undefined) this.#rows[at + column.value] = value;
    this.#rows[at + column.completed] = nowNs;
    // Last: a thread that ends before this has not been told.
    this.#rows[at + column.outcome] = outcomes.indexOf(outcome);
  }

  history(): History {
    const rows = Atomics.load(this.#words, word.rows);
    const operations = Array.from({ length: rows }, (_, row) => {
      const at = (name: keyof typeof column): number =>
        this.#rows[row * rowDoubles + column[name]] as number;
      const outcome = outcomes[at('outcome')] as Outcome;
      return {
        process: at('process'),
        kind: operationKinds[at('kind')] as OperationKind,
        outcome,
        key: at('key'),
        value: at('value'),
        expected: absent,
        invokedNs: at('invoked'),
        completedNs: outcome === 'unknown' ? Number.POSITIVE_INFINITY : at('completed'),
      };
    });
    return historyOf(operations, this.#keyNames());
  }

  #number({ text, bytes }: Key): number {
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    const from = Atomics.load(this.#words, word.keyBytes);
    assert(
      from + 1 + bytes.length <= this.#keys.length,
      () => 'more keys than the workload said there would be',
      'FARSIDE_LIMIT',
    );
    this.#keys[from] = bytes.length;
    this.#keys.set(bytes, from + 1);
    Atomics.store(this.#words, word.keyBytes, from + 1 + bytes.length);
    const number = this.#numbers.size;
    this.#numbers.set(text, number);
    return number;
  }

  #keyNames(): string[] {
    const end = Atomics.load(this.#words, word.keyBytes);
    const names: string[] = [];
    for (let at = 0; at < end; ) {
      const length = this.#keys[at] as number;
      names.push(String.fromCharCode(...this.#keys.subarray(at + 1, at + 1 + length)));
      at += 1 + length;
    }
    return names;
  }
}
