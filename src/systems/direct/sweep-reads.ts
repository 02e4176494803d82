import { batch, type Program, read } from '../../core/effect.ts';
import { recordHead } from '../../core/record.ts';
import { loadHalf, loadWord } from '../../core/word.ts';
import type { Geometry } from './geometry.ts';
import { type Run, slotsOf } from './runs.ts';
import { lockBytes, type SizeClass } from './size-classes.ts';
import { bucketBytes } from './sizing.ts';
import { decodeLock, type LockWord, unpackEntry } from './words.ts';

/** What a scan sees of a slot: its word, and the version of its committed record. */
export interface SlotSeen {
  readonly slot: number;
  readonly run: Run;
  readonly sizeClass: SizeClass;
  readonly word: bigint;
  readonly lock: LockWord;
  readonly version: number;
}

const seenBytes = lockBytes + recordHead.sizeBytes;
/** READs in one doorbell. */
const readsPerBatch = 64;
const pieceBytes = 4096;

/**
 * READs the words and versions of a run's slots, in any order; they may be changing, and a word and the
 * version behind it may be of different moments.
 */
export function* readRun(
  geometry: Geometry,
  primary: number,
  copy: number,
  run: Run,
  slots: readonly number[] = slotsOf(run, geometry.sizing),
): Program<SlotSeen[]> {
  const bytes = new Uint8Array(slots.length * seenBytes);
  for (let from = 0; from < slots.length; from += readsPerBatch) {
    const reads = slots.slice(from, from + readsPerBatch).map((slot, i) => {
      const at = (from + i) * seenBytes;
      return read(geometry.slot(primary, copy, slot), bytes.subarray(at, at + seenBytes));
    });
    yield* batch(...reads);
  }
  return slots.map((slot, i) => {
    const at = i * seenBytes;
    const word = loadWord(bytes, at);
    const version = recordHead.field.version.get(bytes, at + lockBytes);
    return { slot, run, sizeClass: run.sizeClass, word, lock: decodeLock(word), version };
  });
}

/** The whole index of a primary, as it was found. */
export class IndexSeen {
  readonly #bytes: Uint8Array;
  readonly #named = new Set<string>();

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    for (let at = 0; at < bytes.length; at += 8) {
      if (at % bucketBytes === 0) continue;
      const { slot, generation } = unpackEntry(loadHalf(bytes, at + 4), loadHalf(bytes, at));
      if (generation > 0) this.#named.add(`${slot} ${generation}`);
    }
  }

  /** Whether an entry names that life of the slot. */
  names(slot: number, generation: number): boolean {
    return this.#named.has(`${slot} ${generation}`);
  }

  /** Lock words of buckets that are held, with the bucket's number. */
  *heldBuckets(): Iterable<{ readonly bucket: number; readonly word: bigint }> {
    for (let bucket = 0; bucket * bucketBytes < this.#bytes.length; bucket++) {
      const word = loadWord(this.#bytes, bucket * bucketBytes);
      if (word !== 0n) yield { bucket, word };
    }
  }
}

export function* readIndex(geometry: Geometry, primary: number): Program<IndexSeen> {
  const bytes = new Uint8Array(geometry.sizing.buckets * bucketBytes);
  const reads = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const piece = bytes.subarray(at, Math.min(at + pieceBytes, bytes.length));
    reads.push(read(geometry.bucket(primary, 0) + at, piece));
  }
  yield* batch(...reads);
  return new IndexSeen(bytes);
}
