import { FarsideError } from '../../core/errors.ts';
import { recordBytes } from '../../core/record.ts';
import type { RegionSpec } from '../../memory/cluster.ts';
import type { StoreShape } from '../system.ts';
import { controlWords } from './control-words.ts';
import { sizeClasses, sizeClassFor, slotUnitBytes } from './size-classes.ts';

/**
 * How many bytes a memory node needs, and how they are divided. Every memory node has the same
 * regions:
 *
 *   index   buckets of the hash index of the keys whose primary this node is
 *   pool    the words that slots are allocated by, and those of a change of memory node
 *   copy0   slots of the keys whose primary this node is
 *   copy1   slots of the keys whose primary is the node before, at the offsets they have there
 *   copy2   likewise of the node before that
 *
 * Copies mirror the primary's area, so that one allocation, at the primary, places all of them.
 */
export const bucketBytes = 64;
export const bucketEntries = 7;
/** Two choices of 7 entries at this mean overflow less than once in 10^9 keys. */
const entriesMeanPerBucket = 3.5;

export const extentBytes = 64 * 1024;
const runExtentsMax = 8;
/** References of 32 bits count units of 64 B, and lists count them from one. */
const areaBytesMax = (2 ** 32 - 2) * slotUnitBytes;
/** Beyond what is needed, pools of values of unequal size grow up to this much per node. */
const generousBytesMax = 2 ** 31;

/** In the pool: one word of claims on a line of its own, one offer word per class, control words. */
export const controlOffsetBytes = slotUnitBytes + sizeClasses.length * 8;

export interface Sizing {
  readonly buckets: number;
  readonly poolBytes: number;
  readonly extentsPerCopy: number;
  /** Directory words of a copy area, rounded up to the page. */
  readonly directoryBytes: number;
  readonly copyBytes: number;
  /** Slots of a run, where more would fit into its extents. */
  readonly runSlotsMax: number;
}

/**
 * Extents that are claimed together for a class: as few as leave at most an eighth of them unused.
 * A slot of the largest class is larger than one extent.
 */
export function runExtents(strideBytes: number): number {
  for (let extents = 1; extents < runExtentsMax; extents++) {
    const bytes = extents * extentBytes;
    if (bytes >= strideBytes && bytes % strideBytes <= bytes / 8) return extents;
  }
  return runExtentsMax;
}

/** FARSIDE_CAPACITY where `shape.memoryBytes` is too small, with the number that is needed. */
export function sizingOf(shape: StoreShape): Sizing {
  const keys = keysPerNodeMax(shape);
  const buckets = Math.max(2, Math.ceil(keys / entriesMeanPerBucket));
  const poolBytes = controlOffsetBytes + controlWords(shape.computeNodes) * 8;
  const fixedBytes = aligned(buckets * bucketBytes) + aligned(poolBytes);
  const neededExtents = extentsNeeded(shape, keys);
  const neededBytes = fixedBytes + shape.replicas * copyBytes(neededExtents);
  let extents: number;
  if (shape.memoryBytes === undefined) {
    const most = extentsWithin((generousBytesMax - fixedBytes) / shape.replicas);
    extents = Math.max(neededExtents, Math.min(extentsGenerous(shape, keys), most));
  } else {
    if (shape.memoryBytes < neededBytes) {
      throw new FarsideError(
        'FARSIDE_CAPACITY',
        `${shape.memoryBytes} bytes a memory node do not hold the data: ${shape.keysMax} keys of ` +
          `up to ${shape.keyBytesMax} bytes with values of ${shape.valueBytesMean} bytes on ` +
          `average, ${shape.replicas} times over ${shape.memoryNodes} memory nodes, with redo ` +
          `space, need ${neededBytes} bytes on each`,
      );
    }
    extents = extentsWithin((shape.memoryBytes - fixedBytes) / shape.replicas);
  }
  const extentsMax = Math.floor(areaBytesMax / extentBytes);
  if (neededExtents > extentsMax) {
    throw new FarsideError(
      'FARSIDE_CAPACITY',
      `${shape.keysMax} keys over ${shape.memoryNodes} memory nodes need ${neededBytes} bytes on ` +
        `each, and a node addresses ${areaBytesMax} bytes of slots: add memory nodes`,
    );
  }
  extents = Math.min(extents, extentsMax);
  return {
    buckets,
    poolBytes,
    extentsPerCopy: extents,
    directoryBytes: aligned(extents * 8),
    copyBytes: copyBytes(extents),
    runSlotsMax: shape.slotsPerClaim ?? Number.POSITIVE_INFINITY,
  };
}

export function regionsOf(shape: StoreShape, sizing: Sizing): RegionSpec[] {
  const { medium, replicas } = shape;
  const copies = Array.from(
    { length: replicas },
    (_, j): RegionSpec => ({ name: copyRegion(j), medium, sizeBytes: sizing.copyBytes }),
  );
  return [
    { name: indexRegion, medium, sizeBytes: sizing.buckets * bucketBytes },
    { name: poolRegion, medium, sizeBytes: sizing.poolBytes },
    ...copies,
  ];
}

export const indexRegion = 'index';
export const poolRegion = 'pool';
export function copyRegion(copy: number): string {
  return `copy${copy}`;
}

/**
 * Keys are spread by hash, so a node has a binomial share of them: the mean and four deviations.
 */
function keysPerNodeMax(shape: StoreShape): number {
  const mean = shape.keysMax / shape.memoryNodes;
  if (shape.memoryNodes === 1) return shape.keysMax;
  return Math.min(shape.keysMax, Math.ceil(mean + 4 * Math.sqrt(mean) + 8));
}

/** Slots of the mean size, four deviations of their sum, and what compute nodes hold unused. */
function extentsNeeded(shape: StoreShape, keys: number): number {
  const mean = strideOf(shape, shape.valueBytesMean);
  const most = strideOf(shape, shape.valueBytesMax);
  const spread = most > mean ? 4 * Math.sqrt(keys * mean * most) : 0;
  const usedClasses = most > mean ? Math.min(8, classesUpTo(most)) : 1;
  const fewSlots = Math.ceil(keys / (shape.slotsPerClaim ?? keys)) * runExtents(most);
  const extents = Math.max(fewSlots, extentsFor(keys * mean + spread, most));
  return extents + heldExtents(shape, usedClasses, most);
}

/**
 * Where sizes vary over time, a slot ends at the largest value that its key ever had. A put that
 * outgrows its slot moves to one at least twice as large, so the slots left behind on the way are
 * together no larger than the last: twice the space in all.
 */
function extentsGenerous(shape: StoreShape, keys: number): number {
  if (shape.valueBytesMean >= shape.valueBytesMax) return extentsNeeded(shape, keys);
  const most = strideOf(shape, shape.valueBytesMax);
  return extentsFor(2 * keys * most, most) + heldExtents(shape, classesUpTo(most), most);
}

/** Runs that each compute node has claimed and not filled, and freed slots that it keeps. */
function heldExtents(shape: StoreShape, classes: number, strideBytes: number): number {
  return shape.computeNodes * classes * 2 * runExtents(strideBytes);
}

function strideOf(shape: StoreShape, valueBytes: number): number {
  return sizeClassFor(recordBytes(shape.keyBytesMax, valueBytes)).strideBytes;
}

function classesUpTo(strideBytes: number): number {
  return sizeClasses.filter((sizeClass) => sizeClass.strideBytes <= strideBytes).length;
}

/** Extents whose runs hold that many bytes of slots, an eighth of a run being unused at worst. */
function extentsFor(slotBytes: number, strideBytes: number): number {
  const run = runExtents(strideBytes);
  return Math.ceil((slotBytes * 8) / 7 / extentBytes / run) * run;
}

function copyBytes(extents: number): number {
  return aligned(extents * 8) + extents * extentBytes;
}

function extentsWithin(bytes: number): number {
  return Math.max(0, Math.floor((bytes - 4096) / (extentBytes + 8)));
}

/** To the page, as regions are. */
function aligned(bytes: number): number {
  return Math.ceil(bytes / 4096) * 4096;
}
