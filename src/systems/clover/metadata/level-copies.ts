import type { Address } from '../../../core/address.ts';
import { batch, flush, type Program, type Verb, write } from '../../../core/effect.ts';
import { assert } from '../../../core/errors.ts';
import { recordHead, sealRecord } from '../../../core/record.ts';
import { loadHalf, storeHalf } from '../../../core/word.ts';
import type { Place } from '../layout.ts';
import { handleOf, type Reference, reference, tailLow, versionOf } from '../pointer.ts';
import type { Chain } from './chain.ts';
import type { CopyPart } from './late-verbs.ts';
import type { MetadataState } from './state.ts';

/**
 * How a rebuild makes copies of newest versions level: each is a WRITE into a buffer that clients will use as
 * soon as they go on. Such a WRITE may be lost in two ways.
 *
 * **The server dies in it**, and any words of it have landed. Its successor finds a copy by its header and by
 * the head of its record, and would take one for whole of which the value has not landed: so the header is
 * WRITTEN when the record is known to stand. Where the record stands already, the header is all.
 *
 * **Its completion is lost, and the server lives on.** Then it may act at any later time. The rebuild ends
 * and is made again. With the same WRITE again, and successfully, clients would go on, link versions behind
 * the copy, and lose them when the first one acts at last; or the buffer would serve another chain by then,
 * and that one lose its record. So the copy goes to another buffer, which is as good as any while nobody
 * refers to one, and nothing uses this one as long as the verb is in doubt (late-verbs.ts, allocator.ts).
 *
 * What it leaves must be no copy of the chain: nothing will ever be linked behind it, and somebody may yet
 * come there, by a shortcut of a server that is in doubt as well, and would take an old version for the
 * newest. Only one part of it is in doubt, since the header is not posted before the record stands, so the
 * other part is spoilt: whatever acts later, header and record do not go together. That comes last, and
 * before clients go on: until the table of heads names the new place, the old one may be the last copy.
 *
 * A successor needs to know nothing of that. It fences the lost server first, so nothing acts late, finds
 * each chain by the table of heads where the last attempt has left it, and makes level what is not.
 */

/** What is to lie in a buffer. */
export interface CopyImage {
  readonly at: Address;
  /** A whole copy, header words first. */
  readonly bytes: Uint8Array;
  /** All but the header lies there already. */
  readonly hasRecord: boolean;
}

/** A copy that cannot stay where it is: a WRITE of an earlier attempt may yet fall upon its buffer. */
export interface Misplaced {
  readonly chain: Chain;
  readonly copy: number;
  /** The version, as some copy of it has it. */
  readonly source: Uint8Array;
}

/** A copy of `source` as it lies in the buffer `target`, with nothing behind it. */
export function imageOf(source: Uint8Array, target: Reference, words: number): Uint8Array {
  const bytes = source.slice();
  for (let r = 0; r < words; r++) {
    storeHalf(bytes, 8 * r, tailLow(versionOf(target)));
    storeHalf(bytes, 8 * r + 4, 0);
  }
  const tag = recordHead.field.version.get(source, 8 * words);
  sealRecord(bytes, 8 * words, tag - (tag % 256) + versionOf(target));
  return bytes;
}

/** Whether the header of a copy is that of a newest version. */
export function isTail(bytes: Uint8Array, copy: Reference, words: number): boolean {
  for (let r = 0; r < words; r++) {
    const isPlain = loadHalf(bytes, 8 * r) === tailLow(versionOf(copy));
    if (!isPlain || loadHalf(bytes, 8 * r + 4) !== 0) return false;
  }
  return true;
}

/** Gives how many bytes it has WRITTEN. */
export function* writeCopies(state: MetadataState, images: readonly CopyImage[]): Program<number> {
  const headerBytes = 8 * state.layout.replicas;
  const records = images.filter(({ hasRecord }) => !hasRecord);
  const recordBytes = yield* writeParts(
    state,
    'record',
    records.map(({ at, bytes }) => {
      return { buffer: at, at: at + headerBytes, bytes: bytes.subarray(headerBytes) };
    }),
  );
  const headersBytes = yield* writeParts(
    state,
    'header',
    images.map(({ at, bytes }) => {
      return { buffer: at, at, bytes: bytes.subarray(0, headerBytes) };
    }),
  );
  return recordBytes + headersBytes;
}

interface Part {
  /** The buffer that it is in. */
  readonly buffer: Address;
  readonly at: Address;
  readonly bytes: Uint8Array;
}

function* writeParts(
  state: MetadataState,
  part: CopyPart,
  parts: readonly Part[],
): Program<number> {
  if (parts.length === 0) return 0;
  const posted = parts.map(({ at, bytes }) => writing(state, at, bytes));
  try {
    yield* batch(...posted.flat());
  } finally {
    for (const [i, { buffer }] of parts.entries()) {
      state.late.noteWritten(posted[i] as Verb<unknown>[], buffer, part);
    }
  }
  return parts.reduce((sum, { bytes }) => sum + bytes.length, 0);
}

function writing({ durability }: MetadataState, at: Address, bytes: Uint8Array): Verb<unknown>[] {
  const verb = write(at, bytes);
  return durability === 'flush' ? [verb, flush(at, bytes.length)] : [verb];
}

/**
 * Gives each of these copies another buffer of its bucket and class, and fills it. `taken`: buffers of all
 * chains. `sourceAt`: of a bucket that is being moved, where it lies until that has ended. The copy is put
 * there as well: who takes over from a lost server looks there, and the table of heads may be ahead of that.
 *
 * There are as many free buffers, at least, as may be on their way in normal operation; now none is. What no
 * buffer is left for ends the server: the WRITEs that hold so many of them end with its incarnation.
 */
export function* moveCopies(
  state: MetadataState,
  misplaced: readonly Misplaced[],
  taken: readonly Reference[],
  sourceAt: (bucket: number) => Place | undefined,
): Program<number> {
  const { layout } = state;
  const used = new Set(taken.map(handleOf));
  const images: CopyImage[] = [];
  for (const { chain, copy, source } of misplaced) {
    const old = chain.refs[copy] as Reference;
    const alsoAt = sourceAt(layout.bucketOf(old));
    const target = otherBuffer(state, old, used, alsoAt);
    used.add(handleOf(target));
    chain.setRef(copy, target);
    const bytes = imageOf(source, target, layout.replicas);
    const places = [layout.addressOf(target)];
    if (alsoAt !== undefined) places.push(layout.addressAt(target, alsoAt));
    for (const at of places) images.push({ at, bytes, hasRecord: false });
  }
  return yield* writeCopies(state, images);
}

function otherBuffer(
  state: MetadataState,
  copy: Reference,
  used: ReadonlySet<number>,
  alsoAt: Place | undefined,
): Reference {
  const { layout, late, index } = state;
  const [bucket, sizeClass] = [layout.bucketOf(copy), layout.sizeClassOf(copy)];
  const isLate = (target: Reference): boolean =>
    state.isLate(target) ||
    (alsoAt !== undefined && late.isWrittenAt(layout.addressAt(target, alsoAt)));
  const [first, end] = layout.share(sizeClass, index);
  for (let i = first; i < end; i++) {
    const target = reference(layout.handle(bucket, sizeClass, i), 1);
    if (!used.has(handleOf(target)) && !isLate(target)) return target;
  }
  assert(
    false,
    () =>
      `metadata server ${index} has no buffer of class ${sizeClass} left in bucket ${bucket} for a copy ` +
      'that a lost WRITE may yet fall upon: start it anew, so that what it has lost is over',
    'FARSIDE_CAPACITY',
  );
}

/** No copy lies any more where a WRITE may yet fall: no chain must be left with one. */
export function* spoil(state: MetadataState): Program<void> {
  const headerBytes = 8 * state.layout.replicas;
  const due = [...state.late.written()].filter(({ isSpoilt }) => !isSpoilt);
  if (due.length === 0) return;
  const posted = due.map(({ at, part }) =>
    part === 'record'
      ? writing(state, at, new Uint8Array(headerBytes))
      : writing(state, at + headerBytes, new Uint8Array(recordHead.sizeBytes)),
  );
  try {
    yield* batch(...posted.flat());
  } finally {
    // Posted, perhaps, to a later start of the memory node than what is in doubt there: then it is longer.
    for (const [i, { at, part }] of due.entries()) {
      state.late.noteWritten(posted[i] as Verb<unknown>[], at, part);
    }
  }
  for (const written of due) written.isSpoilt = true;
}
