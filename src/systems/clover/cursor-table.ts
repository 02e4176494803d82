import type { Key } from '../../core/key.ts';
import type { Cursor } from './cursor.ts';
import { CursorRows } from './cursor-rows.ts';
import type { Reference } from './pointer.ts';
import { RowIndex } from './row-index.ts';

export type EvictBy = 'fifo' | 'lru';

/** The cursors of a node, by key. With a limit, the oldest (or least recently found) one goes. */
export class CursorTable {
  evictions = 0;
  /** Bytes of the keys in the table; for statistics. */
  keyBytes = 0;
  readonly rows = new CursorRows(16);
  readonly #index = new RowIndex();
  /** By row. */
  readonly #cursors: (Cursor | undefined)[] = [];
  readonly #freeRows: number[] = [];
  readonly #max: number;
  readonly #touches: boolean;
  #oldest: Cursor | undefined = undefined;
  #newest: Cursor | undefined = undefined;

  /** `max` 0: no limit. */
  constructor(max: number, evictBy: EvictBy) {
    this.#max = max;
    this.#touches = max > 0 && evictBy === 'lru';
  }

  /** Of a table without a limit: with one, which was found last matters as well. */
  *remembers(): Generator<unknown> {
    for (const [row, cursor] of this.#cursors.entries()) {
      if (cursor !== undefined) yield [cursor.key.text, ...this.rows.remembers(row)];
    }
    yield this.#freeRows;
  }

  /** Sequences of the shortcuts that were written last, by row. */
  get shortcutSequences(): readonly number[] {
    return this.#cursors.map((cursor) => cursor?.shortcutSequence ?? 0);
  }

  get size(): number {
    return this.#index.size;
  }

  /** The row of the key's cursor; -1 where there is none. */
  findRow(key: Key): number {
    const row = this.#index.find(key);
    if (this.#touches && row >= 0) this.#touch(this.#cursors[row] as Cursor);
    return row;
  }

  at(row: number): Cursor {
    return this.#cursors[row] as Cursor;
  }

  find(key: Key): Cursor | undefined {
    const row = this.findRow(key);
    return row < 0 ? undefined : this.#cursors[row];
  }

  /** An operation that began in `epoch` found that version to be the newest. */
  validate(row: number, key: Key, primary: Reference, epoch: number): void {
    const { rows } = this;
    if (rows.epoch(row) >= epoch) return;
    if (this.#index.holds(row, key) && rows.primary(row) === primary) rows.setEpoch(row, epoch);
  }

  /** Adds a cursor, or replaces the one of its key. */
  add(cursor: Cursor): void {
    const { key } = cursor;
    this.remove(key);
    const row = this.#freeRows.pop() ?? this.#index.size;
    this.rows.reach(row);
    cursor.moveTo(this.rows, row);
    this.#cursors[row] = cursor;
    this.#index.add(key, row);
    this.keyBytes += key.text.length;
    if (this.#max === 0) return;
    this.#link(cursor);
    if (this.size > this.#max) {
      this.remove((this.#oldest as Cursor).key);
      this.evictions++;
    }
  }

  /** Operations that hold the cursor keep it, with a row of its own. */
  remove(key: Key): void {
    const row = this.#index.find(key);
    if (row < 0) return;
    const cursor = this.#cursors[row] as Cursor;
    this.#index.remove(key);
    cursor.moveTo(new CursorRows(1), 0);
    this.#cursors[row] = undefined;
    this.#freeRows.push(row);
    this.keyBytes -= key.text.length;
    if (this.#max > 0) this.#unlink(cursor);
  }

  /** Removes cursors of `server` last validated before `epoch`; gives how many. */
  removeUnusedSince(server: number, epoch: number): number {
    let count = 0;
    for (const cursor of this.#cursors) {
      if (cursor === undefined || cursor.server !== server || cursor.epoch >= epoch) continue;
      this.remove(cursor.key);
      count++;
    }
    return count;
  }

  #touch(cursor: Cursor): void {
    if (cursor === this.#newest) return;
    this.#unlink(cursor);
    this.#link(cursor);
  }

  #link(cursor: Cursor): void {
    cursor.older = this.#newest;
    cursor.newer = undefined;
    if (this.#newest === undefined) this.#oldest = cursor;
    else this.#newest.newer = cursor;
    this.#newest = cursor;
  }

  #unlink(cursor: Cursor): void {
    if (cursor.older === undefined) this.#oldest = cursor.newer;
    else cursor.older.newer = cursor.newer;
    if (cursor.newer === undefined) this.#newest = cursor.older;
    else cursor.newer.older = cursor.older;
    cursor.older = undefined;
    cursor.newer = undefined;
  }
}
