import { batch, type Program, read, readWord, type Verb, writeWord } from '../../core/effect.ts';
import { FarsideError } from '../../core/errors.ts';
import type { Key } from '../../core/key.ts';
import { recordBytes, recordFlags, recordHead, recordIsWhole } from '../../core/record.ts';
import { loadHalf, loadWord, storeWord } from '../../core/word.ts';
import { copyArea, unlessLost, writeAll } from './copying.ts';
import { type Geometry, placeOf } from './geometry.ts';
import type { DirectNode } from './node.ts';
import { movedFlag } from './reader.ts';
import { keyIn, type Tally } from './repair.ts';
import { type Run, readExtents, runsIn, slotsOf } from './runs.ts';
import { lockBytes, slotUnitBytes } from './size-classes.ts';
import { bucketBytes, bucketEntries, extentBytes, runExtents } from './sizing.ts';
import {
  decodeLock,
  freeWord,
  generationMax,
  idleWord,
  lockState,
  nobody,
  packClaim,
  packEntry,
  packExtent,
  packOffer,
  retiredWord,
  stampIncarnation,
  unpackClaim,
  versionGeneration,
  versionStamp,
} from './words.ts';

/** A record that may be a key's: whole, in an idle slot, and not said to be deleted or moved. */
interface Candidate {
  readonly run: Run;
  readonly slot: number;
  readonly generation: number;
  readonly writer: number;
}

/**
 * Builds anew what a lost memory node held, from the copies that are left. No write touches any of it
 * meanwhile, and nothing that began before can land any more.
 *
 * - Its copies of other primaries are copied from those, or from their other copies.
 * - Its own area is copied from the first copy that answers. Lock words of copies are never held, so
 *   what was under way is told by the redo: where every redo copy that is left is whole, all are equal,
 *   and it is another write's than a committed record, that write may have been half committed, and is
 *   finished: on all copies alike. A write that was undone has had its redo wiped.
 * - Its index is built from the slots: a slot is a key's where it is idle and its record is whole, of
 *   the life that the lock word says, and neither a tombstone nor a note. All else is free.
 *
 * Two slots with one key are a move, or an insert in vain, that was cut short; either record is right
 * for a move. A slot that a lost node wrote last gives way: an insert of a node that lives ends knowing
 * whether it was in vain, and says so before this begins.
 */
export class Rebuild {
  readonly #node: DirectNode;
  readonly #place: number;
  readonly #tally: Tally;
  readonly #target: Geometry;
  readonly #live = new Map<string, Candidate>();
  readonly #keys = new Map<string, Key>();

  constructor(node: DirectNode, place: number, to: number, tally: Tally) {
    this.#node = node;
    this.#place = place;
    this.#tally = tally;
    this.#target = node.geometry.onNode(place, to);
  }

  *run(): Program {
    const { geometry } = this.#node;
    for (const [copy, primary] of geometry.primariesAt(this.#place).entries()) {
      if (copy > 0) yield* this.#copyOf(primary, copy);
    }
    for (const copy of this.#copiesLeft(this.#place, 1)) {
      const extents = yield* unlessLost(this.#node, this.#extentsIn(this.#place, copy));
      if (extents === undefined) continue;
      yield* this.#ownArea(copy, extents);
      return;
    }
  }

  /**
   * Copies of a primary that may be there: not those at a place that is to be built anew, and holds
   * nothing.
   */
  #copiesLeft(primary: number, first: number): number[] {
    const { memoryNodes, replicas } = this.#node.geometry;
    const all = Array.from({ length: replicas - first }, (_, i) => first + i);
    return all.filter((copy) => !this.#node.isRebuilding((primary + copy) % memoryNodes));
  }

  /** This place's copy of another primary's area. */
  *#copyOf(primary: number, copy: number): Program {
    for (const from of this.#copiesLeft(primary, 0)) {
      if (from === copy) continue;
      const moved = yield* unlessLost(this.#node, this.#copyFrom(primary, copy, from));
      if (moved === undefined) continue;
      this.#tally.bytesMoved += moved;
      return;
    }
  }

  *#copyFrom(primary: number, copy: number, from: number): Program<number> {
    const { geometry } = this.#node;
    const extents =
      from === 0
        ? unpackClaim(yield* readWord(geometry.claims(primary))).extents
        : yield* this.#extentsIn(primary, from);
    const moved = yield* copyArea(this.#node, { primary, copy, from, extents }, this.#target);
    if (from === 0) yield* this.#idleCopies(primary, copy, extents);
    return moved;
  }

  /** A lock that is held at the primary, by a write that lost a verb, is held nowhere else. */
  *#idleCopies(primary: number, copy: number, extents: number): Program {
    const directory = yield* readExtents(this.#target, primary, copy, extents);
    for (const run of runsIn(directory)) {
      const slots = slotsOf(run, this.#target.sizing);
      const addresses = slots.map((slot) => this.#target.slot(primary, copy, slot));
      const words = addresses.map((address) => readWord(address));
      yield* this.#inBatches(words);
      const changes = words.flatMap(({ word }, i) => {
        const { state, generation } = decodeLock(word);
        if (state !== lockState.held) return [];
        return [writeWord(addresses[i] as number, idleWord(generation))];
      });
      yield* this.#inBatches(changes);
    }
  }

  /** Claimed extents as a copy's directory has them. */
  *#extentsIn(primary: number, copy: number): Program<number> {
    const { geometry } = this.#node;
    const { extentsPerCopy } = geometry.sizing;
    const runs = runsIn(yield* readExtents(geometry, primary, copy, extentsPerCopy));
    return Math.max(
      0,
      ...runs.map((run) => run.firstExtent + runExtents(run.sizeClass.strideBytes)),
    );
  }

  *#ownArea(copy: number, extents: number): Program {
    // A copy on a second node that is lost takes no part; it is built anew after this one.
    const others: number[] = [];
    let most = extents;
    for (const other of this.#copiesLeft(this.#place, 1)) {
      const there = yield* unlessLost(this.#node, this.#extentsIn(this.#place, other));
      if (there === undefined) continue;
      others.push(other);
      most = Math.max(most, there);
    }
    const runs = runsIn(yield* readExtents(this.#node.geometry, this.#place, copy, extents));
    yield* this.#directories(runs, most, others);
    for (const run of runs) yield* this.#run(run, others);
    const free = yield* this.#freeTheRest(runs, others);
    yield* this.#index();
    const claim = packClaim({ extents, sizeClass: -1, incarnation: nobody });
    const words: Verb<unknown>[] = [writeWord(this.#target.claims(this.#place), claim)];
    for (const [sizeClass, extent] of free) {
      words.push(writeWord(this.#target.offer(this.#place, sizeClass), packOffer(1, extent)));
    }
    yield* this.#durably(words);
  }

  /**
   * The directory of all copies. A claim that lost a verb is in some of them only, and nobody has used
   * the run: it is one that the copy which counts has named, whole, or none.
   */
  *#directories(runs: readonly Run[], extents: number, others: readonly number[]): Program {
    if (extents === 0) return;
    const bytes = new Uint8Array(extents * 8);
    for (const { firstExtent, sizeClass, incarnation } of runs) {
      for (let inRun = 0; inRun < runExtents(sizeClass.strideBytes); inRun++) {
        const word = packExtent({ sizeClass: sizeClass.index, inRun, incarnation });
        storeWord(bytes, (firstExtent + inRun) * 8, word);
      }
    }
    const { geometry } = this.#node;
    const addresses = others.map((copy) => geometry.directory(this.#place, copy, 0));
    addresses.push(this.#target.directory(this.#place, 0, 0));
    yield* writeAll(
      this.#node,
      addresses.map((address) => ({ address, bytes })),
    );
    this.#tally.bytesMoved += bytes.length * addresses.length;
  }

  /** Copies a run, finishes what its redo records say, and finds the records that are keys'. */
  *#run(run: Run, others: readonly number[]): Program {
    const { geometry } = this.#node;
    const bytes = runExtents(run.sizeClass.strideBytes) * extentBytes;
    const start = (run.firstExtent * extentBytes) / slotUnitBytes;
    const images = others.map(() => new Uint8Array(bytes));
    yield* batch(
      ...images.map((into, i) =>
        read(geometry.slot(this.#place, others[i] as number, start), into),
      ),
    );
    for (const slot of slotsOf(run, geometry.sizing)) {
      const at = (slot - start) * slotUnitBytes;
      yield* this.#slot(
        run,
        slot,
        images.map((image) => image.subarray(at)),
        others,
      );
    }
    yield* writeAll(this.#node, [
      { address: this.#target.slot(this.#place, 0, start), bytes: images[0] as Uint8Array },
    ]);
    this.#tally.bytesMoved += bytes;
  }

  *#slot(run: Run, slot: number, images: Uint8Array[], others: readonly number[]): Program {
    const { capacityBytes, redoOffsetBytes } = run.sizeClass;
    const first = images[0] as Uint8Array;
    const lock = decodeLock(loadWord(first, 0));
    if (lock.state !== lockState.idle || lock.generation === 0) return;
    const { generation } = lock;
    const part = (image: Uint8Array, at: number) => image.subarray(at, at + capacityBytes);
    const redo = images.map((image) => part(image, redoOffsetBytes));
    const committed = images.map((image) => part(image, lockBytes));
    const record = committed[0] as Uint8Array;
    const source = redo[0] as Uint8Array;
    if (isOf(source, generation) && redo.every((bytes) => same(bytes, source))) {
      const length = lengthOf(source);
      const behind = committed.filter((bytes) => !same(bytes, source));
      if (behind.length > 0) {
        for (const bytes of committed) bytes.set(source.subarray(0, length));
        yield* writeAll(
          this.#node,
          others.map((copy) => ({
            address: this.#node.geometry.slot(this.#place, copy, slot) + lockBytes,
            bytes: record.subarray(0, length),
          })),
        );
        this.#tally.entriesRepaired++;
        this.#tally.bytesMoved += length * others.length;
      }
    }
    if (!isOf(record, generation)) return;
    const flags = recordHead.field.flags.get(record, 0);
    if ((flags & (recordFlags.tombstone | movedFlag)) !== 0) return;
    // An insert that lost a verb has filled some copies only. Nobody has seen it, since its entry comes
    // after all of them; taken for the key's, the record of this copy would stay another than those of
    // the others.
    const isEverywhere = images.every((image, i) => {
      const word = decodeLock(loadWord(image, 0));
      const isSameLife = word.state === lockState.idle && word.generation === generation;
      return isSameLife && same(committed[i] as Uint8Array, record);
    });
    if (!isEverywhere) return;
    const writer = stampIncarnation(versionStamp(recordHead.field.version.get(record, 0)));
    this.#consider(keyIn(record), { run, slot, generation, writer });
  }

  #consider(key: Key, candidate: Candidate): void {
    const known = this.#live.get(key.text);
    if (known !== undefined && !this.#node.lost.has(known.writer)) return;
    this.#live.set(key.text, candidate);
    this.#keys.set(key.text, key);
  }

  /** Words of all slots that are no key's, on all copies; gives by class a run that has some. */
  *#freeTheRest(runs: readonly Run[], others: readonly number[]): Program<Map<number, number>> {
    const taken = new Map([...this.#live.values()].map((one) => [one.slot, one.generation]));
    const free = new Map<number, number>();
    const { geometry } = this.#node;
    for (const run of runs) {
      const slots = slotsOf(run, this.#target.sizing);
      const words = slots.map((slot) => readWord(this.#target.slot(this.#place, 0, slot)));
      yield* this.#inBatches(words);
      const changes: Verb<unknown>[] = [];
      for (const [i, slot] of slots.entries()) {
        const { state, generation } = decodeLock(words[i]?.word ?? 0n);
        const live = taken.get(slot);
        let word = live === undefined ? freeWord(Math.max(1, generation), nobody) : idleWord(live);
        if (live === undefined && state === lockState.idle && generation > 0) {
          word = generation < generationMax ? freeWord(generation + 1, nobody) : retiredWord();
        } else if (state === lockState.retired) word = retiredWord();
        if (live === undefined) free.set(run.sizeClass.index, run.firstExtent);
        changes.push(writeWord(this.#target.slot(this.#place, 0, slot), word));
        for (const copy of others) {
          changes.push(writeWord(geometry.slot(this.#place, copy, slot), word));
        }
      }
      yield* this.#inBatches(changes);
      this.#tally.bytesMoved += 8 * changes.length;
      this.#tally.buffersReclaimed += slots.length;
    }
    this.#tally.buffersReclaimed -= taken.size;
    return free;
  }

  *#index(): Program {
    const { buckets } = this.#target.sizing;
    const bytes = new Uint8Array(buckets * bucketBytes);
    for (const [text, { run, slot, generation }] of this.#live) {
      const key = this.#keys.get(text) as Key;
      const { home, other, fingerprint } = placeOf(key, buckets);
      const at = emptyEntry(bytes, home, other);
      if (at === undefined) throw indexFull(key, this.#place);
      storeWord(
        bytes,
        at,
        packEntry({ slot, generation, sizeClass: run.sizeClass.index, fingerprint }),
      );
    }
    const piece = 64 * 1024;
    for (let at = 0; at < bytes.length; at += piece) {
      const part = bytes.subarray(at, Math.min(at + piece, bytes.length));
      yield* writeAll(this.#node, [
        { address: this.#target.bucket(this.#place, 0) + at, bytes: part },
      ]);
    }
    this.#tally.bytesMoved += bytes.length;
  }

  *#inBatches(verbs: readonly Verb<unknown>[]): Program {
    for (let i = 0; i < verbs.length; i += 128) yield* this.#durably(verbs.slice(i, i + 128));
  }

  *#durably(verbs: readonly Verb<unknown>[]): Program {
    yield* batch(...this.#node.recovery.withFlushes(verbs));
  }
}

function isOf(record: Uint8Array, generation: number): boolean {
  if (versionGeneration(recordHead.field.version.get(record, 0)) !== generation) return false;
  return recordIsWhole(record, 0);
}

/** Whether `bytes` start with the record in `record`. */
function same(bytes: Uint8Array, record: Uint8Array): boolean {
  const length = lengthOf(record);
  for (let i = 0; i < length; i++) if (bytes[i] !== record[i]) return false;
  return true;
}

function lengthOf(record: Uint8Array): number {
  const { keyBytes, valueBytes } = recordHead.field;
  return recordBytes(keyBytes.get(record, 0), valueBytes.get(record, 0));
}

/** Offset of an empty entry in the emptier of two buckets. */
function emptyEntry(index: Uint8Array, home: number, other: number): number | undefined {
  const free = (bucket: number): number[] =>
    Array.from({ length: bucketEntries }, (_, i) => bucket * bucketBytes + 8 + i * 8).filter(
      (at) => loadHalf(index, at + 4) === 0,
    );
  const [first, second] = [free(home), free(other)];
  return (second.length > first.length ? second : first)[0];
}

function indexFull(key: Key, place: number): FarsideError {
  return new FarsideError(
    'FARSIDE_CAPACITY',
    `key ${JSON.stringify(key.text)}: both of its buckets in the index of place ${place} are full ` +
      'where the index is built anew; the store holds more keys than keysMax says',
  );
}
