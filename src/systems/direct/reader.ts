import { align8 } from '../../core/address.ts';
import { compute, type Program, read, VerbError } from '../../core/effect.ts';
import { assert, FarsideError } from '../../core/errors.ts';
import type { Key } from '../../core/key.ts';
import { recordFlags, recordHead, recordIsWhole, recordValueBytes } from '../../core/record.ts';
import { loadHalf, loadWord } from '../../core/word.ts';
import type { DirectNode, Location } from './node.ts';
import { lockBytes, sizeClassAt, sizeClassFor } from './size-classes.ts';
import { decodeLock, lockState, unpackEntry, versionGeneration } from './words.ts';

/** A record with this flag has moved: its value is the index entry of the slot it has moved to. */
export const movedFlag = 2;

/**
 * What a READ of a slot brought.
 * - `mine`: the key's record, whole, of the life that was asked for.
 * - `deleted`, `moved`: likewise, and says that the key is gone, or where it has gone.
 * - `reused`: the slot has been freed and lives another life.
 * - `other`: a whole record of that life, of a key with the same fingerprint.
 */
export type Found = 'mine' | 'deleted' | 'moved' | 'reused' | 'other';

/** The checksum covers a record of that length, but for its own four bytes. */
export function checksummedBytes(length: number): number {
  return length - 4;
}

/** Torn READs before the reader starts to pause: a WRITE in progress ends within one or two. */
const immediateRetries = 16;

/**
 * Reads records without locks. Its buffer is laid out as the start of a slot, lock word and record;
 * the lock word is READ where readers spin on it, and for its generation where a READ was torn.
 */
export class RecordReader {
  readonly #node: DirectNode;
  readonly #buffer: Uint8Array;
  readonly #spins: boolean;
  /** The last view handed to a READ: most gets of a store have one length. */
  #view: Uint8Array;

  constructor(node: DirectNode) {
    this.#node = node;
    const { keyBytesMax, valueBytesMax } = node.shape;
    const largest = recordHead.sizeBytes + keyBytesMax + valueBytesMax;
    this.#buffer = new Uint8Array(lockBytes + sizeClassFor(largest).capacityBytes);
    this.#spins = node.config.readers === 'spin-on-lock';
    this.#view = this.#buffer;
  }

  /** The bytes that the last READ brought; a record starts at `recordAt`. */
  get bytes(): Uint8Array {
    return this.#buffer;
  }

  readonly recordAt = lockBytes;

  /**
   * READs the record at `location`, as long as it was when last seen, until it is whole: 1 round
   * trip where nobody writes to it. Where the primary does not answer, or stays torn, the next copy
   * is read.
   *
   * A checksum is enough for a record to be one write's: a torn READ mixes words of two writes, and
   * no word of it is trusted before the checksum holds, but for the version's generation. That is
   * one aligned word, and it never goes back, so that another generation in it is proof of reuse at
   * once.
   *
   * `isWriting`: for a write under way. Where a memory node is being replaced, a torn record is `reused` for
   * it: whoever left the record torn may be lost, its repair waits for the replacement, and that for all
   * writes under way to end.
   */
  *read(location: Location, key: Key, isWriting = false): Program<Found> {
    let failure: VerbError | undefined;
    for (let copy = 0; copy < this.#node.geometry.replicas; copy++) {
      try {
        const found = yield* this.#readCopy(location, copy, key, isWriting);
        if (found !== undefined) return found;
        failure = undefined;
      } catch (error) {
        if (!(error instanceof VerbError)) throw error;
        failure = error;
      }
      this.#node.count('failovers');
    }
    if (failure !== undefined) throw failure;
    throw new FarsideError(
      'FARSIDE_LIMIT',
      `no copy of the record of key ${JSON.stringify(key.text)} was whole in ` +
        `${this.#node.config.readRetriesMax} READs: a writer may have crashed in the middle of it`,
    );
  }

  /** Undefined where no READ of this copy was whole. */
  *#readCopy(
    location: Location,
    copy: number,
    key: Key,
    isWriting: boolean,
  ): Program<Found | undefined> {
    const { config, geometry } = this.#node;
    const slot = geometry.slot(location.primary, copy, location.slot);
    const { capacityBytes } = location.sizeClass;
    let recordBytes = Math.min(location.recordBytes, capacityBytes);
    for (let tries = 0; tries < config.readRetriesMax; tries++) {
      const withLock = this.#spins || tries > 0;
      if (withLock) yield* read(slot, this.#viewOf(0, lockBytes + recordBytes));
      else yield* read(slot + lockBytes, this.#viewOf(lockBytes, lockBytes + recordBytes));
      const bytes = this.#buffer;
      const version = recordHead.field.version.get(bytes, lockBytes);
      if (versionGeneration(version) !== location.generation) return 'reused';
      // The version alone does not tell where whoever filled the slot next has crashed in the middle of
      // it, and its WRITE has landed in part, but for that word: nobody repairs what lies in a free slot,
      // and this would be a torn record for ever.
      if (withLock && decodeLock(loadWord(bytes, 0)).generation !== location.generation)
        return 'reused';
      if (this.#spins && loadHalf(bytes, 4) >>> 30 === lockState.held) {
        this.#node.count('lockedReads');
        if (tries >= immediateRetries) yield* this.#node.backOff(tries - immediateRetries);
        continue;
      }
      const needed = this.#recordBytesSaid();
      if (needed > recordBytes && needed <= capacityBytes) {
        // It has grown in place since it was last seen, or the length is torn: READ that much.
        this.#node.count('lengthMisses');
        recordBytes = needed;
        continue;
      }
      if (needed <= recordBytes) {
        yield* compute(config.checksumBy, checksummedBytes(needed));
        if (recordIsWhole(bytes, lockBytes)) {
          location.recordBytes = needed;
          return this.#classify(key);
        }
      }
      this.#node.count('tornReads');
      if (isWriting && this.#node.isSuspended(location.primary)) return 'reused';
      if (tries >= immediateRetries) yield* this.#node.backOff(tries - immediateRetries);
    }
    return undefined;
  }

  #viewOf(start: number, end: number): Uint8Array {
    const view = this.#view;
    if (view.byteOffset === start && view.byteLength === end - start) return view;
    this.#view = this.#buffer.subarray(start, end);
    return this.#view;
  }

  /** Length of the record by its own head, which may be torn. */
  #recordBytesSaid(): number {
    const { keyBytes, valueBytes } = recordHead.field;
    const bytes = this.#buffer;
    return align8(
      recordHead.sizeBytes + keyBytes.get(bytes, lockBytes) + valueBytes.get(bytes, lockBytes),
    );
  }

  #classify(key: Key): Found {
    if (recordValueBytes(this.#buffer, lockBytes, key) === undefined) return 'other';
    const flags = recordHead.field.flags.get(this.#buffer, lockBytes);
    if ((flags & recordFlags.tombstone) !== 0) return 'deleted';
    return (flags & movedFlag) !== 0 ? 'moved' : 'mine';
  }

  /** Where a record that was found `moved` has gone. */
  movedTo(from: Location): Location {
    const at = lockBytes + recordHead.sizeBytes + this.#keyBytes();
    const bytes = this.#buffer;
    const entry = unpackEntry(loadHalf(bytes, at + 4), loadHalf(bytes, at));
    assert(
      entry.generation > 0,
      () => `slot ${from.slot} of place ${from.primary}: a moved record names no slot`,
      'FARSIDE_CORRUPT',
    );
    const sizeClass = sizeClassAt(entry.sizeClass);
    return {
      primary: from.primary,
      slot: entry.slot,
      sizeClass,
      generation: entry.generation,
      entry: from.entry,
      epoch: from.epoch,
      recordBytes: sizeClass.capacityBytes,
    };
  }

  #keyBytes(): number {
    return recordHead.field.keyBytes.get(this.#buffer, lockBytes);
  }
}
