import {
  batch,
  cas,
  compute,
  flush,
  type Program,
  read,
  readWord,
  type Verb,
  write,
  writeWord,
} from '../../core/effect.ts';
import { FarsideError } from '../../core/errors.ts';
import { type Key, keyOf } from '../../core/key.ts';
import { recordBytes, recordFlags, recordHead, recordIsWhole } from '../../core/record.ts';
import { highHalf, loadWord, lowHalf } from '../../core/word.ts';
import type { RecoveryReport } from '../recovery.ts';
import { IndexTable } from './index-table.ts';
import type { DirectNode } from './node.ts';
import { checksummedBytes, movedFlag, RecordReader } from './reader.ts';
import { lockBytes, type SizeClass, sizeClassAt, sizeClasses } from './size-classes.ts';
import { bucketBytes } from './sizing.ts';
import { readIndex } from './sweep-reads.ts';
import {
  decodeLock,
  heldWord,
  idleWord,
  lockState,
  nextLifeWord,
  nobody,
  unpackEntry,
  versionGeneration,
  versionOf,
} from './words.ts';

/** A slot whose lock is held; `stamp` names the write that it was taken for. */
export interface HeldSlot {
  readonly primary: number;
  readonly slot: number;
  readonly sizeClass: SizeClass;
  readonly generation: number;
  readonly stamp: number;
}

/** A bucket whose lock is held, for the insert that `stamp` names. */
export interface HeldBucket {
  readonly primary: number;
  readonly bucket: number;
  readonly stamp: number;
}

/** `waiting`: a key was moving to this slot, and what became of its old slot is not decided yet. */
export type Repaired = 'forward' | 'back' | 'freed' | 'waiting';

/** What a recovery has done so far. */
export type Tally = { -readonly [K in keyof RecoveryReport]: RecoveryReport[K] };

/**
 * Finishes what the holder of a slot's lock has left half done, or undoes it. Whoever runs this holds
 * the lock, by its own incarnation in the lock word: it is the only one that may change the slot.
 *
 * - Every redo copy is whole, is the write that the lock names, and all are equal: committed copies
 *   may have been touched. The redo record goes over all of them, and what it says is done.
 * - Otherwise no committed copy was touched, since those WRITEs are posted after every redo WRITE has
 *   completed. What there is of the redo is wiped, and the lock is left. Not wiped, it could be taken
 *   for a later write's: say copy 0 has the redo of a write that was undone, and 2^18 writes later the
 *   stamp comes round, its writer dies holding the lock with no redo written, and copy 1 is lost. The
 *   only surviving redo copy would then be whole and of the lock's version.
 *   Equality guards the same case where no copy is lost.
 *
 * A slot that a key was moving to (it is held, by the same stamp as the slot the key moves from) has
 * no redo. It belongs to the key if the entry names it, and is free if the move was undone. The old
 * slot decides that, and it may be in the hands of another that recovers too: hence `waiting`.
 * Freeing the new slot because the entry does not name it yet would let the other link a free slot.
 *
 * The entry is changed by a CAS from the word that names the old slot. The dead writer's own WRITE of
 * the entry may have been the last thing it did; others may then have moved on from the new slot, and
 * a WRITE now would bring back an entry for a slot of an earlier life.
 */
export class SlotRepair {
  readonly tally: Tally;
  /** Slots made free, and not announced yet: one of each primary and class. */
  readonly freed = new Map<string, HeldSlot>();
  readonly #node: DirectNode;
  readonly #index: IndexTable;
  readonly #copies: readonly Uint8Array[];

  constructor(node: DirectNode, tally: Tally) {
    this.#node = node;
    this.tally = tally;
    this.#index = new IndexTable(node, new RecordReader(node));
    const { replicas, keyBytesMax, valueBytesMax } = node.shape;
    const largest = recordBytes(keyBytesMax, valueBytesMax);
    const capacity = sizeClasses.find(({ capacityBytes }) => capacityBytes >= largest);
    this.#copies = Array.from(
      { length: replicas },
      () => new Uint8Array(capacity?.capacityBytes ?? largest),
    );
  }

  /** From another incarnation, which is fenced. False where somebody else has it by now. */
  *takeOver(held: HeldSlot, from: number): Program<boolean> {
    const { generation, stamp } = held;
    const address = this.#address(held, 0);
    const mine = heldWord(generation, this.#node.context.incarnation, stamp);
    const take = cas(address, heldWord(generation, from, stamp), mine);
    yield* batch(take, ...this.#flushOf(address, lockBytes));
    return take.swapped;
  }

  /** Finishes or undoes, and leaves the lock, unless it has to wait. */
  *finish(held: HeldSlot): Program<Repaired> {
    const records = this.#copies.map((bytes) => bytes.subarray(0, held.sizeClass.capacityBytes));
    const redoAt = held.sizeClass.redoOffsetBytes;
    // What is READ here decides, and has to decide the same after a power loss: the writer's own FLUSH may
    // have been lost with it. Say the redo is on both copies and not durable, this goes forward and has
    // written one committed copy when the memory node of the other copy starts anew, without the redo:
    // whoever comes next goes back, and the copies differ; or without the lock, and nobody comes.
    const reads = records.flatMap((into, copy): Verb<unknown>[] => {
      const address = this.#address(held, copy) + redoAt;
      return [read(address, into), ...this.#flushOf(address, into.length)];
    });
    yield* batch(...this.#flushOf(this.#address(held, 0), lockBytes), ...reads);
    const version = versionOf(held.generation, held.stamp);
    const redo = records[0] as Uint8Array;
    if (yield* this.#agree(records, version)) return yield* this.#forward(held, redo);
    const dirty = records.map((bytes) => recordHead.field.version.get(bytes, 0) === version);
    return yield* this.#back(held, dirty);
  }

  /** As `finish`, and waits where it has to: for another that recovers, who waits for nobody. */
  *finishInTime(held: HeldSlot): Program<Repaired> {
    const { lockRetriesMax } = this.#node.config;
    for (let tries = 0; ; tries++) {
      const repaired = yield* this.#node.undisturbed(held.primary, this.finish(held));
      if (repaired !== 'waiting') return repaired;
      if (tries >= lockRetriesMax) throw stillHeld(held, tries, this.#node.context.incarnation);
      yield* this.#node.backOff(tries);
    }
  }

  *#agree(records: readonly Uint8Array[], version: number): Program<boolean> {
    const first = records[0] as Uint8Array;
    if (recordHead.field.version.get(first, 0) !== version) return false;
    yield* compute(this.#node.config.checksumBy, checksummedBytes(lengthOf(first)));
    if (!recordIsWhole(first, 0)) return false;
    const length = lengthOf(first);
    return records.every((bytes) => first.every((byte, i) => i >= length || byte === bytes[i]));
  }

  /** Puts a record over all committed copies, and does what it says. */
  *#forward(held: HeldSlot, source: Uint8Array): Program<Repaired> {
    const record = source.slice(0, lengthOf(source));
    const flags = recordHead.field.flags.get(record, 0);
    const key = keyIn(record);
    const to = (flags & movedFlag) === 0 ? 0n : loadWord(record, movedWordAt(key));
    // Filled in one doorbell with the redo; its FLUSH may have been lost as well, and the note goes over the
    // old value.
    if (to !== 0n) yield* this.#flushMoved(held.primary, to);
    yield* this.#toCopies(held, lockBytes, record);
    this.tally.entriesRepaired++;
    if ((flags & (recordFlags.tombstone | movedFlag)) === 0) {
      yield* this.#leave(held, idleWord(held.generation));
      return 'forward';
    }
    yield* this.#relink(held, key, to);
    yield* this.free(held);
    return 'forward';
  }

  *#flushMoved(primary: number, entry: bigint): Program {
    const { slot, sizeClass } = unpackEntry(highHalf(entry), lowHalf(entry));
    const lengthBytes = lockBytes + sizeClassAt(sizeClass).capacityBytes;
    const flushes = this.#copies.flatMap((_, copy) =>
      this.#flushOf(this.#node.geometry.slot(primary, copy, slot), lengthBytes),
    );
    if (flushes.length > 0) yield* batch(...flushes);
  }

  /** Makes the entry that names the slot name another, or nothing. */
  *#relink(held: HeldSlot, key: Key, to: bigint): Program {
    const named = yield* this.#entryNaming(held, key);
    if (named === undefined) {
      // The writer's own WRITE of the entry has landed, and its FLUSH may not have: a power loss would bring
      // back an entry of a slot that is free by then, which nobody could clear or follow.
      const { home, other } = this.#index.placeOf(key);
      const { geometry } = this.#node;
      const buckets = [home, other].map((bucket) => geometry.bucket(held.primary, bucket));
      const flushes = buckets.flatMap((bucket) => this.#flushOf(bucket, bucketBytes));
      if (flushes.length > 0) yield* batch(...flushes);
      return;
    }
    const address = this.#node.geometry.entry(held.primary, named.at);
    yield* batch(cas(address, named.word, to), ...this.#flushOf(address, 8));
    this.tally.bytesMoved += 8;
  }

  *#back(held: HeldSlot, dirty: readonly boolean[]): Program<Repaired> {
    const records = this.#copies.map((bytes) => bytes.subarray(0, held.sizeClass.capacityBytes));
    yield* batch(...records.map((into, copy) => read(this.#address(held, copy) + lockBytes, into)));
    const whole = records.find(
      (bytes) =>
        recordIsWhole(bytes, 0) &&
        versionGeneration(recordHead.field.version.get(bytes, 0)) === held.generation,
    );
    if (whole === undefined) return yield* this.#backTorn(held);
    const key = keyIn(whole);
    const linked = yield* this.#entryNaming(held, key);
    if (linked === undefined) {
      if (yield* this.#oldSlotIsHeld(held, key)) return 'waiting';
      // It was decided between the look at the entries and at its lock.
      if ((yield* this.#entryNaming(held, key)) === undefined) {
        yield* this.free(held);
        return 'freed';
      }
    }
    // Without redo copies nothing says how far the write came: any whole copy is as good.
    if (!this.#node.config.redo) return yield* this.#forward(held, whole);
    yield* this.#wipe(held, dirty);
    yield* this.#leave(held, idleWord(held.generation));
    return 'back';
  }

  /** No copy is whole: a new slot that was never filled; without redo also a record that is lost. */
  *#backTorn(held: HeldSlot): Program<Repaired> {
    const { slot, generation } = held;
    const index = yield* readIndex(this.#node.geometry, held.primary);
    if (!index.names(slot, generation)) {
      yield* this.free(held);
      return 'freed';
    }
    yield* this.#leave(held, idleWord(generation));
    return 'back';
  }

  /** Ends the slot's life on all copies; it is offered to all. */
  *free(held: HeldSlot): Program {
    const word = nextLifeWord(held.generation, nobody);
    const copies: Verb<unknown>[] = [];
    for (let copy = 1; copy < this.#node.geometry.replicas; copy++) {
      const address = this.#address(held, copy);
      copies.push(writeWord(address, word), ...this.#flushOf(address, lockBytes));
    }
    // Before the primary's, which lets others have the slot: a late WRITE to a copy would say `free`
    // of what they have filled.
    if (copies.length > 0) yield* batch(...copies);
    this.tally.bytesMoved += copies.length * 8;
    yield* this.#leave(held, word);
    this.tally.buffersReclaimed++;
    this.freed.set(`${held.primary} ${held.sizeClass.index}`, held);
  }

  /** Lets nodes that are out of slots know where there are some now. */
  *announceFreed(): Program {
    const { allocator } = this.#node;
    for (const { primary, sizeClass, slot } of this.freed.values()) {
      yield* allocator.announce(primary, sizeClass, slot);
    }
    this.freed.clear();
  }

  *#leave(held: HeldSlot, word: bigint): Program {
    const address = this.#address(held, 0);
    yield* batch(writeWord(address, word), ...this.#flushOf(address, lockBytes));
    this.tally.bytesMoved += lockBytes;
  }

  *#wipe(held: HeldSlot, dirty: readonly boolean[]): Program {
    const nothing = new Uint8Array(recordHead.sizeBytes);
    const verbs: Verb<unknown>[] = [];
    for (const [copy, isDirty] of dirty.entries()) {
      if (!isDirty) continue;
      const address = this.#address(held, copy) + held.sizeClass.redoOffsetBytes;
      verbs.push(write(address, nothing), ...this.#flushOf(address, nothing.length));
      this.tally.bytesMoved += nothing.length;
    }
    if (verbs.length === 0) return;
    yield* batch(...verbs);
    this.tally.entriesRepaired++;
  }

  *#entryNaming({ primary, slot, generation }: HeldSlot, key: Key) {
    const place = this.#index.placeOf(key);
    yield* this.#index.fetch(primary, place);
    return this.#index.entryNaming(place, slot, generation);
  }

  /** Whether another slot of the key, by the entries fetched last, is held for the same write. */
  *#oldSlotIsHeld(held: HeldSlot, key: Key): Program<boolean> {
    for (const { entry } of this.#index.entriesOf(this.#index.placeOf(key))) {
      const address = this.#node.geometry.slot(held.primary, 0, entry.slot);
      const { state, stamp } = decodeLock(yield* readWord(address));
      if (state === lockState.held && stamp === held.stamp && entry.slot !== held.slot) return true;
    }
    return false;
  }

  *#toCopies(held: HeldSlot, offsetBytes: number, bytes: Uint8Array): Program {
    const verbs = this.#copies.flatMap((_, copy): Verb<unknown>[] => {
      const address = this.#address(held, copy) + offsetBytes;
      return [write(address, bytes), ...this.#flushOf(address, bytes.length)];
    });
    yield* batch(...verbs);
    this.tally.bytesMoved += bytes.length * this.#copies.length;
  }

  #flushOf(address: number, lengthBytes: number): Verb<unknown>[] {
    return this.#node.context.durability === 'flush' ? [flush(address, lengthBytes)] : [];
  }

  #address({ primary, slot }: HeldSlot, copy: number): number {
    return this.#node.geometry.slot(primary, copy, slot);
  }
}

export function keyIn(record: Uint8Array): Key {
  const start = recordHead.sizeBytes;
  return keyOf(record.slice(start, start + recordHead.field.keyBytes.get(record, 0)));
}

/** Where a note's value, the entry of the new slot, starts. */
export function movedWordAt(key: Key): number {
  return recordHead.sizeBytes + key.bytes.length;
}

function lengthOf(record: Uint8Array): number {
  const { keyBytes, valueBytes } = recordHead.field;
  return recordBytes(keyBytes.get(record, 0), valueBytes.get(record, 0));
}

/** Waited for as long as a lock is. */
export function stillHeld(held: HeldSlot, tries: number, holder: number): FarsideError {
  return new FarsideError(
    'FARSIDE_LIMIT',
    `slot ${held.slot} of place ${held.primary} was still held at each of ${tries} looks, by ` +
      `incarnation ${holder}, which recovers it; has it crashed as well, and has nobody said so?`,
  );
}
