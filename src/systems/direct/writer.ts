import type { Address } from '../../core/address.ts';
import {
  batch,
  cas,
  compute,
  flush,
  type Program,
  type Verb,
  write,
  writeWord,
} from '../../core/effect.ts';
import { FarsideError } from '../../core/errors.ts';
import type { Key } from '../../core/key.ts';
import { encodeRecord, recordFlags, recordHead } from '../../core/record.ts';
import { storeWord } from '../../core/word.ts';
import type { DirectNode, Location } from './node.ts';
import { checksummedBytes, movedFlag } from './reader.ts';
import { lockBytes, type SizeClass, sizeClassFor } from './size-classes.ts';
import {
  decodeLock,
  freeWord,
  generationMax,
  heldWord,
  idleWord,
  type LockWord,
  lockState,
  nextLifeWord,
  versionOf,
} from './words.ts';

/** The slot that a key moves to: filled, and locked, by `SlotWriter.move`. */
export interface NewPlace {
  readonly slot: number;
  readonly generation: number;
  /** The index entry that names it. */
  readonly entryWord: bigint;
}

const noValue = new Uint8Array(0);

/**
 * Changes records in place, under the lock of their slot:
 *
 *   CAS lock  ->  WRITE redo, all copies  ->  WRITE committed, all copies  ->  WRITE unlock
 *
 * each waiting for the one before (paper §4.1). Only the primary's lock word is ever held: a lock
 * has one place, or two nodes could each hold some copies of it. Those of the other copies keep the
 * generation, idle or free, so that whoever reads a copy, or takes over from a lost primary, finds
 * a lock that nobody has to release.
 *
 * What a crash leaves behind, and how recovery tells (repair.ts). If every redo copy has the version
 * (generation, stamp) that the lock word names and all are equal, then committed copies may have been
 * touched: the redo goes over them all. If not, then no committed copy was touched, since those WRITEs
 * are posted after every redo WRITE has completed: the redo is wiped, and the write never was.
 */
export class SlotWriter {
  readonly #node: DirectNode;
  /** A slot's first bytes: lock word and record. */
  readonly #slotBytes: Uint8Array;
  /** Tombstones and forwarding notes: a head, a key and one word. */
  readonly #noteBytes: Uint8Array;
  readonly #entryWord = new Uint8Array(8);
  /** The record encoded last, within `#slotBytes`, and the note, within `#noteBytes`. */
  #record: Uint8Array;
  #note: Uint8Array;

  constructor(node: DirectNode) {
    this.#node = node;
    const { keyBytesMax, valueBytesMax } = node.shape;
    const largest = sizeClassFor(recordHead.sizeBytes + keyBytesMax + valueBytesMax);
    this.#slotBytes = new Uint8Array(lockBytes + largest.capacityBytes);
    this.#noteBytes = new Uint8Array(recordHead.sizeBytes + Math.ceil(keyBytesMax / 8) * 8 + 8);
    this.#record = this.#slotBytes;
    this.#note = this.#noteBytes;
  }

  get #flushes(): boolean {
    return this.#node.context.durability === 'flush';
  }

  /** Builds the record that the next WRITEs carry, and its checksum: once, for both spaces. */
  *encode(key: Key, value: Uint8Array, generation: number, stamp: number): Program {
    const version = versionOf(generation, stamp);
    const length = encodeRecord(this.#slotBytes, lockBytes, key, value, version);
    this.#record = viewOf(this.#slotBytes, this.#record, lockBytes, lockBytes + length);
    yield* compute(this.#node.config.checksumBy, checksummedBytes(length));
  }

  get recordBytes(): number {
    return this.#record.length;
  }

  /**
   * Takes the lock of that life of the slot: 1 round trip where it is idle. False where the slot
   * has been freed, and the location is stale. FARSIDE_LIMIT names the holder.
   */
  *lock(location: Location, stamp: number): Program<boolean> {
    const { config, context, geometry } = this.#node;
    const { generation } = location;
    const address = geometry.slot(location.primary, 0, location.slot);
    const idle = idleWord(generation);
    const held = heldWord(generation, context.incarnation, stamp);
    for (let tries = 0; tries < config.lockRetriesMax; tries++) {
      const old = yield* cas(address, idle, held);
      if (old === idle) return true;
      const found = decodeLock(old);
      if (found.generation !== generation || found.state !== lockState.held) return false;
      this.#node.count('lockRetries');
      const { primary, slot, sizeClass } = location;
      if (this.#node.isSuspended(primary)) {
        // The lock may be one that cannot be finished before the memory node is replaced, for which
        // all writes under way have to end.
        yield* this.#node.pauseWrite(stamp, primary);
        return false;
      }
      if (this.#node.isAbandoned(found, primary, slot)) {
        const left = { primary, slot, sizeClass, generation, stamp: found.stamp };
        if (yield* this.#node.leftovers.finishAbandoned(left)) continue;
      }
      yield* this.#node.backOff(tries);
      if (tries === config.lockRetriesMax - 1) throw lockBusy(location, tries + 1, found);
    }
    return false;
  }

  /** Puts the encoded record in place and leaves the lock: 3 round trips, 2 without redo. */
  *replace(location: Location): Program {
    const { geometry } = this.#node;
    if (this.#node.config.redo) yield* batch(...this.#redo(location, this.#record));
    yield* batch(...this.#committed(location, this.#record));
    const lock = geometry.slot(location.primary, 0, location.slot);
    // Not flushed: a lock that a power loss brings back is found, and broken, when the node
    // restarts.
    yield* writeWord(lock, idleWord(location.generation));
  }

  /**
   * WRITEs the encoded record and its lock word to every copy of a slot that nobody else knows; the
   * primary's lock word is `word`, and it goes last. Until it lands, the word says whose slot this is;
   * from then on the record's version does, which has landed before. In one WRITE the word might land
   * without the version, and after a crash nobody could say whether a live node is filling the slot.
   */
  fill(primary: number, slot: number, generation: number, word: bigint): Verb<unknown>[] {
    storeWord(this.#slotBytes, 0, idleWord(generation));
    const { geometry } = this.#node;
    const bytes = this.#slotBytes.subarray(0, lockBytes + this.#record.length);
    const verbs: Verb<unknown>[] = [];
    for (let copy = geometry.replicas - 1; copy > 0; copy--) {
      verbs.push(...this.#durably(geometry.slot(primary, copy, slot), bytes));
    }
    const lock = geometry.slot(primary, 0, slot);
    verbs.push(write(lock + lockBytes, this.#record), writeWord(lock, word));
    if (this.#flushes) verbs.push(flush(lock, bytes.length));
    return verbs;
  }

  /** Deletes the key whose slot is locked: 3 round trips, 2 without redo. */
  *delete(key: Key, location: Location, stamp: number): Program {
    yield* this.#retire(key, location, stamp, undefined);
  }

  /**
   * Moves the encoded record to a new slot and frees the old one, whose lock is held: 3 round
   * trips.
   *
   * The new slot starts its life locked, until the entry names it. Otherwise a second writer, who
   * follows the old slot's note to the new one, could delete the key there and clear the entry, all
   * before the first one's WRITE of the entry takes effect: that WRITE would then bring back an
   * entry that names a freed slot, for ever.
   */
  *move(key: Key, from: Location, stamp: number, to: NewPlace): Program {
    const lock = this.#node.geometry.slot(from.primary, 0, to.slot);
    const held = heldWord(to.generation, this.#node.context.incarnation, stamp);
    const before = this.fill(from.primary, to.slot, to.generation, held);
    const after = [writeWord(lock, idleWord(to.generation))];
    yield* this.#retire(key, from, stamp, to.entryWord, before, after);
  }

  /**
   * Ends the life of a slot whose lock is held. A record that says so takes the place of the old
   * one, through the redo space like any other, and that is the moment the change happens: whoever
   * has the location, cached or from the index, reads that record first. The index entry follows on
   * the same queue pair, and the lock word last, with the next life's generation.
   *
   * `entryWord` is that of the key's new place, or undefined where it is deleted; `before` goes
   * with the first step and `after` with the last.
   */
  *#retire(
    key: Key,
    location: Location,
    stamp: number,
    entryWord: bigint | undefined,
    before: readonly Verb<unknown>[] = [],
    after: readonly Verb<unknown>[] = [],
  ): Program {
    const { generation, primary, slot } = location;
    yield* this.#encodeNote(key, versionOf(generation, stamp), entryWord);
    const first = this.#node.config.redo
      ? [...before, ...this.#redo(location, this.#note)]
      : before;
    if (first.length > 0) yield* batch(...first);
    const entry = this.#node.geometry.entry(primary, location.entry);
    const unlink: Verb<unknown>[] = [writeWord(entry, entryWord ?? 0n)];
    if (this.#flushes) unlink.push(flush(entry, 8));
    yield* batch(...this.#committed(location, this.#note), ...unlink);
    const word = nextLifeWord(generation, this.#node.context.incarnation);
    // Before its word can say that it is this node's: a sweep by this node would find it in no list, take it
    // for one that a program has lost, and offer it to all, while this program puts it on its node's list.
    const free = { slot, generation: generation + 1 };
    this.#node.allocator.inUse.begin(primary, free);
    try {
      yield* batch(...this.#lockWords(primary, slot, word), ...after);
    } catch (error) {
      this.#node.allocator.inUse.lost(primary, free);
      throw error;
    }
  }

  /** WRITEs a lock word to every copy; for slots that no other node can have locked. */
  #lockWords(primary: number, slot: number, word: bigint): Verb<unknown>[] {
    const { geometry } = this.#node;
    const verbs: Verb<unknown>[] = [];
    for (let copy = geometry.replicas - 1; copy >= 0; copy--) {
      verbs.push(writeWord(geometry.slot(primary, copy, slot), word));
    }
    return verbs;
  }

  /**
   * Takes back a slot that was filled and not linked. Flushed: after a power loss at a copy, and the
   * loss of the primary after that, its record would look like one that was inserted.
   */
  *unfill(primary: number, slot: number, generation: number): Program {
    const { geometry, context, shape } = this.#node;
    const verbs = this.#lockWords(primary, slot, freeWord(generation, context.incarnation));
    for (let copy = 0; this.#flushes && copy < shape.replicas; copy++) {
      verbs.push(flush(geometry.slot(primary, copy, slot), lockBytes));
    }
    yield* batch(...verbs);
  }

  /** Gives the slot to the allocator, unless its generations are used up. */
  release(location: Location): Program | undefined {
    const { allocator } = this.#node;
    const { primary, slot, generation, sizeClass } = location;
    const free = { slot, generation: generation + 1 };
    if (generation < generationMax) return allocator.release(primary, sizeClass, free);
    allocator.linked(primary, free);
    this.#node.count('slotsRetired');
    return undefined;
  }

  /** A tombstone, or with an entry word the note that says where the key has moved. */
  *#encodeNote(key: Key, version: number, entryWord: bigint | undefined): Program {
    let value = noValue;
    let flags: number = recordFlags.tombstone;
    if (entryWord !== undefined) {
      storeWord(this.#entryWord, 0, entryWord);
      value = this.#entryWord;
      flags = movedFlag;
    }
    const length = encodeRecord(this.#noteBytes, 0, key, value, version, flags);
    this.#note = viewOf(this.#noteBytes, this.#note, 0, length);
    yield* compute(this.#node.config.checksumBy, checksummedBytes(length));
  }

  /**
   * The lock word is flushed with the redo, before any committed copy is touched: otherwise a power
   * loss in the middle of the commit could leave a torn record beside a lock that says idle.
   */
  #redo(location: Location, record: Uint8Array): Verb<unknown>[] {
    const { primary, slot, sizeClass } = location;
    const verbs = this.#toCopies(primary, slot, sizeClass.redoOffsetBytes, record);
    if (this.#flushes) verbs.push(flush(this.#node.geometry.slot(primary, 0, slot), lockBytes));
    return verbs;
  }

  #committed(location: Location, record: Uint8Array): Verb<unknown>[] {
    return this.#toCopies(location.primary, location.slot, lockBytes, record);
  }

  /** The primary's last, so that what a caller appends for the primary joins its doorbell. */
  #toCopies(
    primary: number,
    slot: number,
    offsetBytes: number,
    bytes: Uint8Array,
  ): Verb<unknown>[] {
    const { geometry } = this.#node;
    const verbs: Verb<unknown>[] = [];
    for (let copy = geometry.replicas - 1; copy >= 0; copy--) {
      verbs.push(...this.#durably(geometry.slot(primary, copy, slot) + offsetBytes, bytes));
    }
    return verbs;
  }

  #durably(address: Address, bytes: Uint8Array): Verb<unknown>[] {
    const verb = write(address, bytes);
    return this.#flushes ? [verb, flush(address, bytes.length)] : [verb];
  }
}

/** The slot's class for a put that has outgrown the old one; see `extentsGenerous` in sizing.ts. */
export function grownClass(from: SizeClass, recordBytes: number, largestBytes: number): SizeClass {
  return sizeClassFor(Math.max(recordBytes, Math.min(largestBytes, 2 * from.capacityBytes)));
}

/** `view` if it is that part of `bytes` already, since most records of a store have one length. */
function viewOf(bytes: Uint8Array, view: Uint8Array, start: number, end: number): Uint8Array {
  if (view.byteOffset === start && view.byteLength === end - start) return view;
  return bytes.subarray(start, end);
}

function lockBusy(location: Location, tries: number, holder: LockWord): FarsideError {
  return new FarsideError(
    'FARSIDE_LIMIT',
    `slot ${location.slot} of memory node ${location.primary} was locked at each of ${tries} ` +
      `attempts, last by incarnation ${holder.incarnation}; it may have crashed, or ` +
      'lockRetriesMax is too low',
  );
}
