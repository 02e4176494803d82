import { assert } from '../../core/errors.ts';
import { recordBytes } from '../../core/record.ts';
import type { StoreShape } from '../system.ts';
import type { CloverConfig } from './config.ts';

/**
 * How each memory node is split: a table of shortcuts, and one pool of buffers per size class.
 *
 * Memory is lazy on every fabric, so a pool that nobody uses costs nothing, and the split can be
 * generous: which classes a workload uses is not known beforehand, only its mean. What is certain is
 * the needed part: all keys in the classes that the mean may fall into. Of every other class, at most
 * `keys x 2 mean / class` entries can exist (Markov's inequality; an entry fills more than half of its
 * buffer); that, and buffers that rest before they are used again, is the wish, cut proportionally
 * where it exceeds the budget.
 */
export const sizeClassCount = 10;
const budgetBytes = 3 * 2 ** 30;
/** Buffers that may rest at a time, over all memory nodes, in each class that the mean falls into. */
const restingBuffers = 8192;

export function classBytes(sizeClass: number): number {
  return 128 << sizeClass;
}

/** The smallest class that holds a buffer of that many bytes. */
export function sizeClassFor(bufferBytes: number): number {
  let sizeClass = 0;
  while (classBytes(sizeClass) < bufferBytes) sizeClass++;
  assert(sizeClass < sizeClassCount, () => `no class holds a buffer of ${bufferBytes} B`);
  return sizeClass;
}

/** Header words, record, and so the least class size, for a key and a value. */
export function bufferBytes(replicas: number, keyBytes: number, valueBytes: number): number {
  return 8 * replicas + recordBytes(keyBytes, valueBytes);
}

/** Buffers that a metadata server hands out at a time: above 8 KiB fewer, at most 128 KiB together. */
export function buffersPerRequest(config: CloverConfig, sizeClass: number): number {
  return Math.max(1, Math.min(config.buffersPerRequest, 2 ** 17 / classBytes(sizeClass)));
}

export interface PoolPlan {
  /**
   * How many buckets a memory node has room for: its own, and those of nodes that are lost without a spare.
   * One more than it has to take over where any R - 1 of the nodes are lost and the others share.
   */
  readonly rooms: number;
  /** Shortcut slots of each memory node that each metadata server may give out. */
  readonly shortcutSlotsPerServer: number;
  /** Of one room, as are the next two: buffers of each class, and their bytes. */
  readonly shortcutBytes: number;
  readonly buffers: readonly number[];
  readonly bufferBytesOfRoom: number;
}

/** FARSIDE_CAPACITY says how much each memory node needs where `shape.memoryBytes` is too small. */
export function planPools(shape: StoreShape, config: CloverConfig): PoolPlan {
  const classMax = sizeClassFor(
    bufferBytes(shape.replicas, shape.keyBytesMax, shape.valueBytesMax),
  );
  const needed = neededBuffers(shape, config, classMax);
  const wished = wishedBuffers(shape, needed, classMax);
  // Twice the even share, because keys are spread by hash, and a fixed part for small stores.
  const shortcutSlotsPerServer =
    Math.ceil((2 * shape.keysMax) / (shape.memoryNodes * config.metadataServers)) + 64;
  const shortcutBytes = shortcutSlotsPerServer * config.metadataServers * 8 * shape.replicas;
  const neededBytes = shortcutBytes + totalBytes(needed);
  const { memoryBytes, memoryNodes, replicas } = shape;
  assert(
    memoryBytes === undefined || memoryBytes >= neededBytes,
    () =>
      `clover needs ${neededBytes} B on each memory node for ${shape.keysMax} keys of ` +
      `${shape.valueBytesMean} B, ${shape.replicas} times, on ${shape.memoryNodes} nodes; ` +
      `there are ${memoryBytes} B: raise the memory, or lower keys, value size or replicas`,
    'FARSIDE_CAPACITY',
  );
  const roomsWished = 1 + Math.ceil((replicas - 1) / (memoryNodes - replicas + 1));
  const roomsThere = Math.floor((memoryBytes ?? Number.POSITIVE_INFINITY) / neededBytes);
  const rooms = Math.min(roomsWished, roomsThere);
  const spareBytes = Math.max(0, (memoryBytes ?? budgetBytes) / rooms - neededBytes);
  const wishBytes = totalBytes(wished) - totalBytes(needed);
  const share = wishBytes === 0 ? 0 : Math.min(1, spareBytes / wishBytes);
  const buffers = needed.map(
    (count, c) => count + Math.floor(((wished[c] as number) - count) * share),
  );
  const bufferBytesOfRoom = totalBytes(buffers);
  return { rooms, shortcutSlotsPerServer, shortcutBytes, buffers, bufferBytesOfRoom };
}

/**
 * Of every class what is always on its way: in free lists of compute nodes, in operations, in retire
 * queues. And of the classes of the mean a quarter more than all keys, since memory nodes and metadata
 * servers do not share evenly.
 */
function neededBuffers(shape: StoreShape, config: CloverConfig, classMax: number): number[] {
  const perNode = (shape.keysMax * shape.replicas) / shape.memoryNodes;
  return Array.from({ length: sizeClassCount }, (_, c) => {
    if (c > classMax) return 0;
    const onTheWay =
      shape.computeNodes *
      (config.metadataServers * (3 * buffersPerRequest(config, c) + config.retireBatch) +
        shape.clientsPerNode * shape.outstanding);
    return onTheWay + (isOfMean(shape, c) ? Math.ceil(1.25 * perNode) : 0);
  });
}

/** Whether an entry of mean size, with a short or a long key, lies in that class. */
function isOfMean(shape: StoreShape, sizeClass: number): boolean {
  const { replicas, keyBytesMax, valueBytesMean } = shape;
  const lowest = sizeClassFor(bufferBytes(replicas, 1, valueBytesMean));
  return (
    sizeClass >= lowest &&
    sizeClass <= sizeClassFor(bufferBytes(replicas, keyBytesMax, valueBytesMean))
  );
}

function wishedBuffers(shape: StoreShape, needed: readonly number[], classMax: number): number[] {
  const meanBytes = bufferBytes(shape.replicas, shape.keyBytesMax, shape.valueBytesMean);
  const perNode = (shape.keysMax * shape.replicas) / shape.memoryNodes;
  // A store that is to be small sees few puts while a buffer rests.
  const resting = Math.min(restingBuffers, 16 * (shape.slotsPerClaim ?? restingBuffers));
  return needed.map((count, c) => {
    if (c > classMax) return 0;
    if (isOfMean(shape, c)) {
      return count + Math.ceil((resting * shape.replicas) / shape.memoryNodes);
    }
    const portion = Math.min(1, (2 * meanBytes) / classBytes(c));
    return count + Math.ceil(1.25 * perNode * portion);
  });
}

function totalBytes(buffers: readonly number[]): number {
  return buffers.reduce((sum, count, c) => sum + count * classBytes(c), 0);
}
