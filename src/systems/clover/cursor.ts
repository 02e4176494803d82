import type { Address } from '../../core/address.ts';
import type { Key } from '../../core/key.ts';
import { CursorRows } from './cursor-rows.ts';
import type { CloverLayout } from './layout.ts';
import { type Reference, sequenceDistance } from './pointer.ts';

/**
 * What a compute node remembers of one key: the newest version that it has seen, and where the
 * shortcut lies. Shared by all programs of the node. Its state is a row (cursor-rows.ts): of its table
 * while it is in one, else of its own, for operations that still hold it.
 */
export class Cursor {
  readonly key: Key;
  /** Neighbours in order of eviction; maintained only where the table has a limit. */
  older: Cursor | undefined = undefined;
  newer: Cursor | undefined = undefined;
  readonly #replicas: number;
  #rows = new CursorRows(1);
  #row = 0;

  /** `refs`: R references to the version's copies; the first is the primary. */
  constructor(
    key: Key,
    server: number,
    chain: number,
    refs: readonly Reference[],
    sequence: number,
    epoch: number,
    layout: CloverLayout,
  ) {
    this.key = key;
    this.#replicas = refs.length;
    this.#rows.setChain(0, chain, layout);
    this.#rows.setEpoch(0, epoch);
    this.#rows.setShortcutSequence(0, sequence);
    this.#rows.standAt(0, server, refs, sequence, layout);
  }

  get row(): number {
    return this.#row;
  }

  /** Its state lies in that row from now on. */
  moveTo(rows: CursorRows, row: number): void {
    rows.copyRow(row, this.#rows, this.#row);
    this.#rows = rows;
    this.#row = row;
  }

  get server(): number {
    return this.#rows.server(this.#row);
  }

  get chain(): number {
    return this.#rows.chain(this.#row);
  }

  get refs(): readonly Reference[] {
    return this.#rows.refs(this.#row, this.#replicas);
  }

  get primary(): Reference {
    return this.#rows.primary(this.#row);
  }

  get sequence(): number {
    return this.#rows.sequence(this.#row);
  }

  get version(): number {
    return this.#rows.version(this.#row);
  }

  get sizeClass(): number {
    return this.#rows.sizeClass(this.#row);
  }

  get epoch(): number {
    return this.#rows.epoch(this.#row);
  }

  get shortcutSequence(): number {
    return this.#rows.shortcutSequence(this.#row);
  }

  set shortcutSequence(sequence: number) {
    this.#rows.setShortcutSequence(this.#row, sequence);
  }

  get address(): Address {
    return this.#rows.address(this.#row);
  }

  get shortcut(): Address {
    return this.#rows.shortcut(this.#row);
  }

  /**
   * Moves to a version that an operation found to be the newest. `startedFrom` is where the cursor
   * stood when that operation began. Where another program has moved it since, only a later sequence
   * replaces what that one found; otherwise the answer is taken as it is, because sequences more than
   * 511 versions apart compare wrongly, and a cursor left alone for that long would never catch up.
   */
  advance(
    startedFrom: Reference,
    refs: readonly Reference[],
    sequence: number,
    epoch: number,
    layout: CloverLayout,
  ): void {
    const { primary } = this;
    if (refs[0] === primary) {
      this.#rows.setEpoch(this.#row, Math.max(this.epoch, epoch));
      return;
    }
    if (primary !== startedFrom && sequenceDistance(this.sequence, sequence) < 0) return;
    this.#rows.standAt(this.#row, this.server, refs, sequence, layout);
    this.#rows.setEpoch(this.#row, epoch);
  }
}
