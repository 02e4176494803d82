import type { Reference } from '../pointer.ts';
import { ChainRows, type PendingLink } from './chain-rows.ts';

/**
 * One life of a key, from insert to delete: what its metadata server knows of its versions. Its state is a
 * row: of its namer's while that knows it, else of its own.
 */
export class Chain {
  readonly text: string;
  #rows: ChainRows;
  #row = 0;

  constructor(text: string, number: number, refs: readonly Reference[], sequence: number) {
    this.text = text;
    this.#rows = new ChainRows(1, refs.length);
    this.#rows.setNumber(0, number);
    this.#rows.standAt(0, refs, sequence);
  }

  get rows(): ChainRows {
    return this.#rows;
  }

  get row(): number {
    return this.#row;
  }

  /** Its state lies in that row from now on. */
  moveTo(rows: ChainRows, row: number): void {
    rows.take(row, this.#rows, this.#row);
    this.#rows = rows;
    this.#row = row;
  }

  get number(): number {
    return this.#rows.number(this.#row);
  }

  /** Newest version whose predecessors have all been retired. Never recycled while it stands here. */
  get refs(): readonly Reference[] {
    return this.#rows.refs(this.#row);
  }

  get sequence(): number {
    return this.#rows.sequence(this.#row);
  }

  standAt(refs: readonly Reference[], sequence: number): void {
    this.#rows.standAt(this.#row, refs, sequence);
  }

  /** A copy of where it stands lies in another buffer from now on. */
  setRef(copy: number, target: Reference): void {
    this.#rows.setRef(this.#row, copy, target);
  }

  /** Links that arrived early, by the version they replace. */
  get pending(): ReadonlyMap<Reference, PendingLink> | undefined {
    return this.#rows.pending(this.#row);
  }

  /** Primary copy of the tombstone, once the key has been removed. */
  get tombstone(): Reference {
    return this.#rows.tombstone(this.#row);
  }

  set tombstone(tombstone: Reference) {
    this.#rows.setTombstone(this.#row, tombstone);
  }

  /** Nothing is left of it but its tombstone. */
  get hasEnded(): boolean {
    return this.#rows.hasEnded(this.#row);
  }

  /** Nothing is left of it, or its opening failed: its slot is about to be free. */
  get isOver(): boolean {
    return this.#rows.isOver(this.#row);
  }

  set isOver(isOver: boolean) {
    this.#rows.setOver(this.#row, isOver);
  }

  remembers(): unknown {
    const { text, number, refs, sequence, pending, tombstone, isOver } = this;
    return [text, number, refs, sequence, tombstone, isOver, linksIn(pending)];
  }
}

function* linksIn(pending: ReadonlyMap<Reference, PendingLink> | undefined): Generator<unknown> {
  for (const [old, { refs, sequence, isInDoubt }] of pending ?? []) {
    yield [old, refs, sequence, isInDoubt];
  }
}
