import { type Batch, batch, read, type Verb } from '../../core/effect.ts';
import type { CursorRows } from './cursor-rows.ts';
import { noReference, type Reference } from './pointer.ts';
import { type Scratch, shortcutRead } from './scratch.ts';

/**
 * The two READs of a get, in one doorbell a node: the buffer at the cursor, and the shortcut. Used again
 * and again by one client, and it keeps what the get has to know when they are back: a local of a
 * generator is saved and restored around each yield, and one that is no small integer is allocated for it.
 */
export class GetReads {
  readonly shortcut: Verb<unknown>;
  /** Where the buffer goes: a view as long as its class. */
  bytes: Uint8Array;
  /** The cursor's row and where it stood, and the epoch and the time at which that was looked up. */
  row = 0;
  primary: Reference = noReference;
  chain = 0;
  version = 0;
  epoch = 0;
  startNs = 0;
  readonly #views: readonly Uint8Array[];
  readonly #data: Verb<void>;
  readonly #batch: Batch;

  constructor(scratch: Scratch) {
    this.bytes = scratch.bytes;
    this.#views = scratch.views;
    this.#data = read(0, scratch.bytes);
    this.shortcut = shortcutRead(0, scratch);
    this.#batch = batch(this.#data, this.shortcut);
  }

  /** Of the version that a cursor stands at. */
  at(rows: CursorRows, row: number, epochs: readonly number[], nowNs: number): Batch {
    this.row = row;
    this.primary = rows.primary(row);
    this.chain = rows.chain(row);
    this.version = rows.version(row);
    this.epoch = epochs[rows.server(row)] as number;
    this.startNs = nowNs;
    this.bytes = this.#views[rows.sizeClass(row)] as Uint8Array;
    this.#data.again(rows.address(row), this.bytes);
    this.shortcut.again(rows.shortcut(row));
    return this.#batch.again();
  }

  /** Throws where one of them did not end ok. */
  finish(): void {
    this.#batch.finish();
  }
}
