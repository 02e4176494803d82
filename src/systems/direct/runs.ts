import { batch, type Program, read, readWord } from '../../core/effect.ts';
import { loadHalf } from '../../core/word.ts';
import type { Geometry } from './geometry.ts';
import { type SizeClass, sizeClassAt, slotUnitBytes } from './size-classes.ts';
import { extentBytes, runExtents, type Sizing } from './sizing.ts';
import { unpackClaim, unpackExtent } from './words.ts';

/** Extents that were claimed together: slots of one class, side by side. */
export interface Run {
  readonly firstExtent: number;
  readonly sizeClass: SizeClass;
  /** Who claimed it, and owns those of its slots that were never used. */
  readonly incarnation: number;
}

/** Slots of a run of that class. */
export function runSlots({ strideBytes }: SizeClass, { runSlotsMax }: Sizing): number {
  return Math.min(runSlotsMax, Math.floor((runExtents(strideBytes) * extentBytes) / strideBytes));
}

/** Starts of a run's slots in the copy area, in units of 64 bytes. */
export function slotsOf({ firstExtent, sizeClass }: Run, sizing: Sizing): number[] {
  const start = (firstExtent * extentBytes) / slotUnitBytes;
  const units = sizeClass.strideBytes / slotUnitBytes;
  return Array.from({ length: runSlots(sizeClass, sizing) }, (_, i) => start + i * units);
}

/** The directory is READ in pieces of that many bytes. */
const pieceBytes = 4096;

/** All runs claimed at a primary, by a copy's directory and its claim word: 2 round trips. */
export function* readDirectory(geometry: Geometry, primary: number, copy: number): Program<Run[]> {
  const claim = unpackClaim(yield* readWord(geometry.claims(primary)));
  const bytes = yield* readExtents(geometry, primary, copy, claim.extents);
  const runs = runsIn(bytes);
  // The last claim's directory may not be there yet: its claim word says all that it will.
  if (claim.sizeClass >= 0) {
    const sizeClass = sizeClassAt(claim.sizeClass);
    const firstExtent = claim.extents - runExtents(sizeClass.strideBytes);
    if (!runs.some((run) => run.firstExtent === firstExtent)) {
      runs.push({ firstExtent, sizeClass, incarnation: claim.incarnation });
    }
  }
  return runs;
}

/** Directory words of the first `extents` extents, as bytes. */
export function* readExtents(
  geometry: Geometry,
  primary: number,
  copy: number,
  extents: number,
): Program<Uint8Array> {
  const bytes = new Uint8Array(extents * 8);
  const reads = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const piece = bytes.subarray(at, Math.min(at + pieceBytes, bytes.length));
    reads.push(read(geometry.directory(primary, copy, 0) + at, piece));
  }
  if (reads.length > 0) yield* batch(...reads);
  return bytes;
}

/** The runs that a directory names whole. */
export function runsIn(directory: Uint8Array): Run[] {
  const runs: Run[] = [];
  for (let extent = 0; extent * 8 < directory.length; ) {
    const entry = entryAt(directory, extent);
    if (entry.sizeClass < 0 || entry.inRun !== 0) {
      extent++;
      continue;
    }
    const sizeClass = sizeClassAt(entry.sizeClass);
    runs.push({ firstExtent: extent, sizeClass, incarnation: entry.incarnation });
    extent += runExtents(sizeClass.strideBytes);
  }
  return runs;
}

function entryAt(directory: Uint8Array, extent: number) {
  return unpackExtent(loadHalf(directory, extent * 8 + 4), loadHalf(directory, extent * 8));
}
