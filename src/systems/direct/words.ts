import { highHalf, lowHalf, packWord, twoTo32 } from '../../core/word.ts';

/**
 * The 64-bit words of Direct's memory. Each is changed by one CAS or one aligned WRITE, so a reader
 * sees it before or after a change and never between.
 *
 * Lock word: the first word of a slot.
 *
 *    63 62 61            48 47            32 31                             0
 *   +-----+----------------+----------------+--------------------------------+
 *   |state| incarnation 14 | generation 16  | stamp (held), next (free), or 0 |
 *   +-----+----------------+----------------+--------------------------------+
 *
 * `generation` counts the lives of a slot and grows when the slot is freed. A writer takes the lock
 * by a CAS from `idle` of the generation it has cached; once the slot is freed, or is some other
 * key's, that word is never there again, and the CAS fails. Without it, a writer delayed between
 * its look-up and its CAS would overwrite the next key's record.
 *
 * `stamp` and `incarnation` say who holds a lock, so that recovery can find out whether the holder
 * lives, fence it and break the lock. The stamp is also half of the version of the record that the
 * holder is about to write: a redo copy with that version is this holder's, any other is not.
 */
export const lockState = { idle: 0, held: 1, free: 2, retired: 3 } as const;
export type LockState = (typeof lockState)[keyof typeof lockState];

export const generationMax = 2 ** 16 - 1;
const incarnationMask = 2 ** 14 - 1;

export function idleWord(generation: number): bigint {
  return packWord(generation, 0);
}

export function heldWord(generation: number, incarnation: number, stamp: number): bigint {
  const high = (lockState.held << 30) | ((incarnation & incarnationMask) << 16) | generation;
  return packWord(high, stamp);
}

/** `next` is the list reference of the next free slot (0: none); see `FreeHead`. */
export function freeWord(generation: number, next: number): bigint {
  return packWord((lockState.free << 30) | generation, next);
}

/** A slot whose generations are used up. It is never reused: its words can never repeat. */
export function retiredWord(): bigint {
  return packWord((lockState.retired << 30) | generationMax, 0);
}

export interface LockWord {
  readonly state: LockState;
  readonly incarnation: number;
  readonly generation: number;
  /** The low half: stamp, next or 0. */
  readonly low: number;
}

export function decodeLock(word: bigint): LockWord {
  const high = highHalf(word);
  return {
    state: (high >>> 30) as LockState,
    incarnation: (high >>> 16) & incarnationMask,
    generation: high & generationMax,
    low: lowHalf(word),
  };
}

/**
 * A stamp names one write: the compute node (12 bits) and that node's count of writes (20 bits,
 * modulo). It is a name and not a rank: a writer learns nothing of the version that it replaces,
 * since asking would cost a verb in every put. Recovery needs no rank either
 * (docs/systems/direct.md). A stamp that comes round after 2^20 writes is harmless: it can only
 * match a redo copy that equals the committed one.
 */
export function stampOf(node: number, count: number): number {
  return ((node << 20) | (count & 0xfffff)) >>> 0;
}

export function stampNode(stamp: number): number {
  return stamp >>> 20;
}

/** A record's version: 16 bits of generation above the 32 of the stamp. */
export function versionOf(generation: number, stamp: number): number {
  return generation * twoTo32 + stamp;
}

export function versionGeneration(version: number): number {
  return Math.floor(version / twoTo32);
}

/**
 * Index entry: where a key's slot is. 0 is an empty entry (a linked slot has a generation of 1 or
 * more).
 *
 *    63            48 47       41 40          32 31                         0
 *   +----------------+-----------+--------------+----------------------------+
 *   | generation 16  |  class 7  | fingerprint 9| slot, in units of 64 bytes |
 *   +----------------+-----------+--------------+----------------------------+
 */
export interface IndexEntry {
  readonly generation: number;
  readonly sizeClass: number;
  readonly fingerprint: number;
  /** Where the slot starts in its copy area, in units of 64 bytes. */
  readonly slot: number;
}

export const fingerprintBits = 9;

export function packEntry(entry: IndexEntry): bigint {
  const { generation, sizeClass, fingerprint, slot } = entry;
  return packWord((generation << 16) | (sizeClass << 9) | fingerprint, slot);
}

export function unpackEntry(high: number, low: number): IndexEntry {
  return {
    generation: high >>> 16,
    sizeClass: (high >>> 9) & 0x7f,
    fingerprint: high & 0x1ff,
    slot: low,
  };
}

/**
 * Bits 8..0 of the high half of an entry; entries are told apart by them before any slot is read.
 */
export function entryFingerprint(high: number): number {
  return high & 0x1ff;
}

/** The word of a bucket's lock: 0, or the holder as in a lock word without a generation. */
export function bucketHeldWord(incarnation: number, stamp: number): bigint {
  return heldWord(0, incarnation, stamp);
}

/**
 * Head of a list of free slots: a tag that grows with every change (so that a CAS cannot succeed on
 * a head that was popped and pushed again meanwhile), and the first slot plus one, or 0.
 */
export function packHead(tag: number, reference: number): bigint {
  return packWord(tag, reference);
}

/**
 * Directory word of an extent: 0 where unclaimed; else what a scan needs to find the slots in it.
 *
 *    63           32 31           20 19        8 7          0
 *   +---------------+---------------+-----------+------------+
 *   |       0       | claiming node | in run 12 | class + 1  |
 *   +---------------+---------------+-----------+------------+
 *
 * `in run` numbers the extents that were claimed together: slots lie side by side through the run.
 */
export function directoryWord(sizeClass: number, inRun: number, node: number): bigint {
  return packWord(0, (node << 20) | (inRun << 8) | (sizeClass + 1));
}
