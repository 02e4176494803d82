import { lowHalf, packWord } from '../../core/word.ts';
import { classBytes, classBytesMax, classOf } from './size-class.ts';

/**
 * A memory node's data region is cut into chunks, and a chunk into buffers of one size class. The
 * class stands at the chunk's start, so that whoever knows nothing but the region can find every
 * buffer:
 *
 *      0 +---------------------------------------------+
 *        | class word: "CHNK" u32 | buffer bytes u32   |  one aligned word, WRITTEN atomically
 *      8 +---------------------------------------------+
 *        | unused, to 64                               |
 *     64 +---------------------------------------------+
 *        | buffer 0 | buffer 1 | ...   each a record   |  core/record.ts, or a zeroed head: free
 *        +---------------------------------------------+
 *
 * A chunk gets a class when its first buffer is taken and loses it when its last one is returned.
 */
export const chunkBytes = 256 * 1024;
export const chunkHeadBytes = 64;
const chunkMagic = 0x4b4e4843;

export function chunkWord(classIndex: number): bigint {
  return packWord(classBytes(classIndex), chunkMagic);
}

/** The class in a chunk's first word; undefined where the chunk never had one. */
export function chunkClass(word: bigint): number | undefined {
  if (lowHalf(word) !== chunkMagic) return undefined;
  const bytes = Number(word >> 32n);
  if (bytes < 1 || bytes > classBytesMax) return undefined;
  const index = classOf(bytes);
  return classBytes(index) === bytes ? index : undefined;
}

export function buffersPerChunk(classIndex: number): number {
  return Math.floor((chunkBytes - chunkHeadBytes) / classBytes(classIndex));
}
