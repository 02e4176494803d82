import { type Address, nodeOf, nodeSpaceBytes, offsetOf } from '../../core/address.ts';
import type { CloverLayout } from './layout.ts';
import { type Reference, sequenceDistance, versionOf } from './pointer.ts';

/**
 * What a compute node remembers of one key: the newest version that it has seen, and where the
 * shortcut lies. Shared by all programs of the node.
 */
export class Cursor {
  readonly text: string;
  readonly server: number;
  readonly chain: number;
  /** R references to the version's copies; the first is the primary. */
  refs: readonly Reference[];
  sequence: number;
  /** Of the primary copy, derived from `refs[0]` when it changes. */
  version = 0;
  sizeClass = 0;
  /** The server's epoch when an operation that found this to be the newest version began. */
  epoch: number;
  /** Sequence of the last shortcut update that this node has WRITTEN for the chain. */
  shortcutSequence: number;
  /** Neighbours in order of eviction; maintained only where the table has a limit. */
  older: Cursor | undefined = undefined;
  newer: Cursor | undefined = undefined;
  // Addresses as small integers: a double in an object's field is an object of its own, and so one more
  // cache miss in every get of a cold cursor. Buffers lie on multiples of 64 bytes, shortcuts of 8.
  readonly #shortcutNode: number;
  readonly #shortcutWord: number;
  #bufferNode = 0;
  #bufferLine = 0;

  constructor(
    text: string,
    server: number,
    chain: number,
    refs: Reference[],
    sequence: number,
    epoch: number,
    layout: CloverLayout,
  ) {
    const shortcut = layout.shortcutAddressOf(chain);
    this.text = text;
    this.server = server;
    this.chain = chain;
    this.#shortcutNode = nodeOf(shortcut);
    this.#shortcutWord = offsetOf(shortcut) / 8;
    this.refs = refs;
    this.sequence = sequence;
    this.epoch = epoch;
    this.shortcutSequence = sequence;
    this.#standAt(refs[0] as Reference, layout);
  }

  /** Of the primary copy. */
  get address(): Address {
    return this.#bufferNode * nodeSpaceBytes + this.#bufferLine * 64;
  }

  /** Of the chain's shortcut. */
  get shortcut(): Address {
    return this.#shortcutNode * nodeSpaceBytes + this.#shortcutWord * 8;
  }

  #standAt(primary: Reference, layout: CloverLayout): void {
    const address = layout.addressOf(primary);
    this.#bufferNode = nodeOf(address);
    this.#bufferLine = offsetOf(address) / 64;
    this.version = versionOf(primary);
    this.sizeClass = layout.sizeClassOf(primary);
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
    const primary = refs[0] as Reference;
    if (primary === this.refs[0]) {
      this.epoch = Math.max(this.epoch, epoch);
      return;
    }
    if (this.refs[0] !== startedFrom && sequenceDistance(this.sequence, sequence) < 0) return;
    this.refs = refs.slice();
    this.sequence = sequence;
    this.epoch = epoch;
    this.#standAt(primary, layout);
  }
}

export type EvictBy = 'fifo' | 'lru';

/** The cursors of a node, by key. With a limit, the oldest (or least recently found) one goes. */
export class CursorTable {
  evictions = 0;
  /** Bytes of the keys in the table; for statistics. */
  keyBytes = 0;
  readonly #byKey = new Map<string, Cursor>();
  readonly #max: number;
  readonly #touches: boolean;
  #oldest: Cursor | undefined = undefined;
  #newest: Cursor | undefined = undefined;

  /** `max` 0: no limit. */
  constructor(max: number, evictBy: EvictBy) {
    this.#max = max;
    this.#touches = max > 0 && evictBy === 'lru';
  }

  get size(): number {
    return this.#byKey.size;
  }

  find(text: string): Cursor | undefined {
    const cursor = this.#byKey.get(text);
    if (this.#touches && cursor !== undefined && cursor !== this.#newest) {
      this.#unlink(cursor);
      this.#link(cursor);
    }
    return cursor;
  }

  /** Adds a cursor, or replaces the one of its key. */
  add(cursor: Cursor): void {
    this.remove(cursor.text);
    this.#byKey.set(cursor.text, cursor);
    this.keyBytes += cursor.text.length;
    if (this.#max === 0) return;
    this.#link(cursor);
    if (this.#byKey.size > this.#max) {
      this.remove((this.#oldest as Cursor).text);
      this.evictions++;
    }
  }

  remove(text: string): void {
    const cursor = this.#byKey.get(text);
    if (cursor === undefined) return;
    this.#byKey.delete(text);
    this.keyBytes -= text.length;
    if (this.#max > 0) this.#unlink(cursor);
  }

  /** Removes cursors of `server` last validated before `epoch`; gives how many. */
  removeUnusedSince(server: number, epoch: number): number {
    let count = 0;
    for (const cursor of this.#byKey.values()) {
      if (cursor.server !== server || cursor.epoch >= epoch) continue;
      this.remove(cursor.text);
      count++;
    }
    return count;
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
