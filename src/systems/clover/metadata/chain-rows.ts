import { noReference, type Reference } from '../pointer.ts';
import { Rows, rowDoubles, rowInts } from '../rows.ts';

/**
 * What a metadata server knows of its chains as rows of 64 bytes. To take in a link of a put it looks at one
 * row, and at nothing else of the chain: between two puts many gets have used the CPU's cache.
 *
 *      0 +----------------------+----------------------+
 *        | sequence i32         | flags i32            |  flags: below
 *      8 +----------------------+----------------------+
 *        | number, f64: 0 in a row that no chain has   |
 *     16 +---------------------------------------------+
 *        | tombstone, f64                              |
 *     24 +---------------------------------------------+
 *        | R references, f64 each, the primary first   |
 *     48 +---------------------------------------------+
 *        | -                                           |
 *     64 +---------------------------------------------+
 */
const at = { sequence: 0, flags: 1 } as const;
const atDouble = { number: 1, tombstone: 2, refs: 3 } as const;
const flag = { isOver: 1, isMoved: 2, isNumbered: 4, hasPending: 8 } as const;

/** A version that was retired before its predecessor was. */
export interface PendingLink {
  readonly refs: readonly Reference[];
  readonly sequence: number;
  readonly isInDoubt: boolean;
}

export class ChainRows extends Rows {
  readonly replicas: number;
  /** By row, links that arrived early, by the version they replace; most chains have none. */
  #pending: Map<number, Map<Reference, PendingLink>> | undefined = undefined;

  constructor(capacity: number, replicas: number) {
    super(capacity);
    this.replicas = replicas;
  }

  /** Takes over a row of other rows, which is nobody's then. */
  take(row: number, from: ChainRows, fromRow: number): void {
    this.copyRow(row, from, fromRow);
    from.clearRow(fromRow);
    const pending = from.#pending?.get(fromRow);
    if (pending === undefined) return;
    this.setPending(row, pending);
    from.#pending?.delete(fromRow);
  }

  /** Of the chain whose row this is; 0 where it is none's, or beyond all. */
  number(row: number): number {
    return row < this.capacity ? (this.doubles[row * rowDoubles + atDouble.number] as number) : 0;
  }

  setNumber(row: number, number: number): void {
    this.doubles[row * rowDoubles + atDouble.number] = number;
  }

  tombstone(row: number): Reference {
    return this.doubles[row * rowDoubles + atDouble.tombstone] as number;
  }

  setTombstone(row: number, tombstone: Reference): void {
    this.doubles[row * rowDoubles + atDouble.tombstone] = tombstone;
  }

  sequence(row: number): number {
    return this.ints[row * rowInts + at.sequence] as number;
  }

  /** Copy `r` of where the chain stands; of the primary, 0. */
  ref(row: number, r: number): Reference {
    return this.doubles[row * rowDoubles + atDouble.refs + r] as number;
  }

  setRef(row: number, r: number, target: Reference): void {
    this.doubles[row * rowDoubles + atDouble.refs + r] = target;
  }

  refs(row: number): Reference[] {
    return Array.from({ length: this.replicas }, (_, r) => this.ref(row, r));
  }

  standAt(row: number, refs: readonly Reference[], sequence: number): void {
    for (let r = 0; r < this.replicas; r++) this.setRef(row, r, refs[r] as Reference);
    this.ints[row * rowInts + at.sequence] = sequence;
  }

  /** Whether nothing but the tombstone is left of a removed chain. */
  hasEnded(row: number): boolean {
    const tombstone = this.tombstone(row);
    return tombstone !== noReference && this.ref(row, 0) === tombstone;
  }

  isOver(row: number): boolean {
    return this.#has(row, flag.isOver);
  }

  setOver(row: number, isOver: boolean): void {
    this.#set(row, flag.isOver, isOver);
  }

  /** Whether the table of heads has been told that the chain has moved, and has not looked since. */
  isMoved(row: number): boolean {
    return this.#has(row, flag.isMoved);
  }

  setMoved(row: number, isMoved: boolean): void {
    this.#set(row, flag.isMoved, isMoved);
  }

  /** Whether the server's own table of heads names the chain, durably. */
  isNumbered(row: number): boolean {
    return this.#has(row, flag.isNumbered);
  }

  setNumbered(row: number): void {
    this.#set(row, flag.isNumbered, true);
  }

  pending(row: number): Map<Reference, PendingLink> | undefined {
    return this.#has(row, flag.hasPending) ? this.#pending?.get(row) : undefined;
  }

  setPending(row: number, pending: Map<Reference, PendingLink> | undefined): void {
    this.#set(row, flag.hasPending, pending !== undefined);
    if (pending === undefined) {
      this.#pending?.delete(row);
      return;
    }
    this.#pending ??= new Map();
    this.#pending.set(row, pending);
  }

  #has(row: number, bit: number): boolean {
    return ((this.ints[row * rowInts + at.flags] as number) & bit) !== 0;
  }

  #set(row: number, bit: number, isSet: boolean): void {
    const place = row * rowInts + at.flags;
    const flags = this.ints[place] as number;
    this.ints[place] = isSet ? flags | bit : flags & ~bit;
  }
}
