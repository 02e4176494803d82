import type { Address } from '../../core/address.ts';
import type { CloverLayout } from './layout.ts';
import { type Reference, versionOf } from './pointer.ts';
import { Rows, rowDoubles, rowInts } from './rows.ts';

/**
 * Cursors as rows of 64 bytes. A get reads one row and nothing else of its cursor.
 *
 *      0 +----------------------+----------------------+
 *        | epoch i32            | shape i32            |  shape: version | class << 8 | server << 16
 *      8 +----------------------+----------------------+
 *        | sequence i32         | shortcut's i32       |  sequences of the version, of the last shortcut
 *     16 +----------------------+----------------------+
 *        | address of the primary copy, f64            |  derived from the first reference
 *     24 +---------------------------------------------+
 *        | address of the shortcut, f64                |  derived from the chain
 *     32 +---------------------------------------------+
 *        | chain, f64                                  |
 *     40 +---------------------------------------------+
 *        | R references, f64 each, the primary first   |
 *     64 +---------------------------------------------+
 */
const at = { epoch: 0, shape: 1, sequence: 2, shortcutSequence: 3 } as const;
const atDouble = { address: 2, shortcut: 3, chain: 4, refs: 5 } as const;

export class CursorRows extends Rows {
  /** A row, but for the sequence of its last shortcut: that is its retire queue's. */
  remembers(row: number): readonly unknown[] {
    const ints = this.ints.subarray(row * rowInts, row * rowInts + at.shortcutSequence);
    return [ints, this.doubles.subarray(row * rowDoubles + 2, (row + 1) * rowDoubles)];
  }

  /** The server's epoch when an operation that found this to be the newest version began. */
  epoch(row: number): number {
    return this.ints[row * rowInts + at.epoch] as number;
  }

  setEpoch(row: number, epoch: number): void {
    this.ints[row * rowInts + at.epoch] = epoch;
  }

  /** Of the primary copy. */
  version(row: number): number {
    return (this.ints[row * rowInts + at.shape] as number) & 0xff;
  }

  sizeClass(row: number): number {
    return ((this.ints[row * rowInts + at.shape] as number) >> 8) & 0xff;
  }

  server(row: number): number {
    return (this.ints[row * rowInts + at.shape] as number) >> 16;
  }

  sequence(row: number): number {
    return this.ints[row * rowInts + at.sequence] as number;
  }

  /** Sequence of the last shortcut update that this node has WRITTEN for the chain. */
  shortcutSequence(row: number): number {
    return this.ints[row * rowInts + at.shortcutSequence] as number;
  }

  setShortcutSequence(row: number, sequence: number): void {
    this.ints[row * rowInts + at.shortcutSequence] = sequence;
  }

  /** Of the primary copy. */
  address(row: number): Address {
    return this.doubles[row * rowDoubles + atDouble.address] as number;
  }

  /** Of the chain's shortcut. */
  shortcut(row: number): Address {
    return this.doubles[row * rowDoubles + atDouble.shortcut] as number;
  }

  chain(row: number): number {
    return this.doubles[row * rowDoubles + atDouble.chain] as number;
  }

  setChain(row: number, chain: number, layout: CloverLayout): void {
    this.doubles[row * rowDoubles + atDouble.chain] = chain;
    this.doubles[row * rowDoubles + atDouble.shortcut] = layout.shortcutAddressOf(chain);
  }

  /** The reference to the primary copy: names the version. */
  primary(row: number): Reference {
    return this.doubles[row * rowDoubles + atDouble.refs] as number;
  }

  refs(row: number, replicas: number): Reference[] {
    const start = row * rowDoubles + atDouble.refs;
    const refs = [this.doubles[start] as Reference];
    for (let r = 1; r < replicas; r++) refs.push(this.doubles[start + r] as Reference);
    return refs;
  }

  /** Stands at a version. */
  standAt(
    row: number,
    server: number,
    refs: readonly Reference[],
    sequence: number,
    layout: CloverLayout,
  ): void {
    const primary = refs[0] as Reference;
    const doubles = this.doubles;
    for (let r = 0; r < refs.length; r++) {
      doubles[row * rowDoubles + atDouble.refs + r] = refs[r] as Reference;
    }
    doubles[row * rowDoubles + atDouble.address] = layout.addressOf(primary);
    const shape = versionOf(primary) | (layout.sizeClassOf(primary) << 8) | (server << 16);
    this.ints[row * rowInts + at.shape] = shape;
    this.ints[row * rowInts + at.sequence] = sequence;
  }
}
