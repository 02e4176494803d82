import {
  batch,
  type Program,
  read,
  readWord,
  type Verb,
  write,
  writeWord,
} from '../../src/core/effect.ts';
import { keyOf } from '../../src/core/key.ts';
import { recordFlags, recordHead, recordIsWhole } from '../../src/core/record.ts';
import { loadHalf, loadWord, lowHalf } from '../../src/core/word.ts';
import { type Geometry, placeOf } from '../../src/systems/direct/geometry.ts';
import { movedFlag } from '../../src/systems/direct/reader.ts';
import { lockBytes, type SizeClass, sizeClassAt } from '../../src/systems/direct/size-classes.ts';
import { bucketBytes, extentBytes, runExtents } from '../../src/systems/direct/sizing.ts';
import {
  decodeLock,
  freeWord,
  idleWord,
  lockState,
  unpackEntry,
  versionOf,
} from '../../src/systems/direct/words.ts';

/**
 * What recovery after the crash of a compute node has to do, in its simplest form: no other node
 * runs, and every lock is broken. It is here to hold the formats to their word: all it reads is the
 * memory of the memory nodes, and by the directories it finds every slot there is.
 */
export function* recover(geometry: Geometry): Program {
  const undone: HeldSlot[] = [];
  for (let primary = 0; primary < geometry.memoryNodes; primary++) {
    for (const slot of yield* heldSlots(geometry, primary)) {
      if (!(yield* rollForward(geometry, slot))) undone.push(slot);
    }
    for (let bucket = 0; bucket < geometry.sizing.buckets; bucket++) {
      yield* writeWord(geometry.bucket(primary, bucket), 0n);
    }
  }
  // After the moves that were rolled forward: a slot that no entry names now was moved to in vain.
  for (const slot of undone) yield* unlockOrFree(geometry, slot);
}

interface HeldSlot {
  readonly primary: number;
  readonly slot: number;
  readonly sizeClass: SizeClass;
  readonly generation: number;
  readonly stamp: number;
}

function* heldSlots(geometry: Geometry, primary: number): Program<HeldSlot[]> {
  const held: HeldSlot[] = [];
  const claimed = lowHalf(yield* readWord(geometry.claims(primary)));
  for (let extent = 0; extent < claimed; extent++) {
    const word = lowHalf(yield* readWord(geometry.directory(primary, 0, extent)));
    const inRun = (word >>> 8) & 0xfff;
    if (word === 0 || inRun !== 0) continue;
    const sizeClass = sizeClassAt((word & 0xff) - 1);
    const { strideBytes } = sizeClass;
    const slots = Math.floor((runExtents(strideBytes) * extentBytes) / strideBytes);
    for (let i = 0; i < slots; i++) {
      const slot = (extent * extentBytes + i * strideBytes) / 64;
      const lock = decodeLock(yield* readWord(geometry.slot(primary, 0, slot)));
      if (lock.state !== lockState.held) continue;
      held.push({ primary, slot, sizeClass, generation: lock.generation, stamp: lock.low });
    }
  }
  return held;
}

/**
 * Where every redo copy is the lock holder's; false where one is not, and nothing was committed.
 */
function* rollForward(geometry: Geometry, held: HeldSlot): Program<boolean> {
  const { primary, slot, sizeClass, generation, stamp } = held;
  const redo = new Uint8Array(sizeClass.capacityBytes);
  for (let copy = 0; copy < geometry.replicas; copy++) {
    yield* read(geometry.slot(primary, copy, slot) + sizeClass.redoOffsetBytes, redo);
    const version = recordHead.field.version.get(redo, 0);
    if (version !== versionOf(generation, stamp) || !recordIsWhole(redo, 0)) return false;
  }
  yield* batch(...toCopies(geometry, held, (at) => write(at + lockBytes, redo)));
  const flags = recordHead.field.flags.get(redo, 0);
  if (flags === 0) {
    yield* writeWord(geometry.slot(primary, 0, slot), idleWord(generation));
    return true;
  }
  const key = keyIn(redo);
  const entry = yield* entryOf(geometry, primary, key, held);
  const to = flags === movedFlag ? loadWord(redo, recordHead.sizeBytes + key.length) : 0n;
  if (flags !== recordFlags.tombstone && flags !== movedFlag) throw new Error(`flags ${flags}`);
  if (entry !== undefined) yield* writeWord(entry, to);
  yield* batch(...toCopies(geometry, held, (at) => writeWord(at, freeWord(generation + 1, 0))));
  return true;
}

function* unlockOrFree(geometry: Geometry, held: HeldSlot): Program {
  const { primary, slot, sizeClass, generation } = held;
  const record = new Uint8Array(sizeClass.capacityBytes);
  yield* read(geometry.slot(primary, 0, slot) + lockBytes, record);
  const linked = (yield* entryOf(geometry, primary, keyIn(record), held)) !== undefined;
  const word = linked ? idleWord(generation) : freeWord(generation + 1, 0);
  yield* batch(...toCopies(geometry, held, (at) => writeWord(at, word)));
}

/** Address of the entry that names this life of the slot. */
function* entryOf(
  geometry: Geometry,
  primary: number,
  key: Uint8Array,
  held: HeldSlot,
): Program<number | undefined> {
  const { home, other } = placeOf(keyOf(key), geometry.sizing.buckets);
  const bytes = new Uint8Array(bucketBytes);
  for (const bucket of [home, other]) {
    yield* read(geometry.bucket(primary, bucket), bytes);
    for (let at = 8; at < bucketBytes; at += 8) {
      const entry = unpackEntry(loadHalf(bytes, at + 4), loadHalf(bytes, at));
      if (entry.slot === held.slot && entry.generation === held.generation) {
        return geometry.bucket(primary, bucket) + at;
      }
    }
  }
  return undefined;
}

function toCopies(
  geometry: Geometry,
  { primary, slot }: HeldSlot,
  verb: (address: number) => Verb<unknown>,
): Verb<unknown>[] {
  return Array.from({ length: geometry.replicas }, (_, copy) =>
    verb(geometry.slot(primary, copy, slot)),
  );
}

function keyIn(record: Uint8Array): Uint8Array {
  const start = recordHead.sizeBytes;
  return record.slice(start, start + recordHead.field.keyBytes.get(record, 0));
}
