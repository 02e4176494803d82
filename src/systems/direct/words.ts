import { highHalf, lowHalf, packWord } from '../../core/word.ts';

/**
 * The 64-bit words of Direct's memory. Each is changed by one CAS or one aligned WRITE, so a reader
 * sees it before or after a change and never between.
 *
 * Lock word: the first word of a slot.
 *
 *    63 62 61            48 47            32 31                             0
 *   +-----+----------------+----------------+--------------------------------+
 *   |state| incarnation 14 | generation 16  | stamp where held, else 0       |
 *   +-----+----------------+----------------+--------------------------------+
 *
 *   idle     0 . generation        a record, or a slot that was never used (generation 0)
 *   held     holder . generation   a writer is at work; `stamp` names its write
 *   free     owner . generation    no record; the owner may fill it. Owner 0: whoever takes it first
 *   retired  0 . 65535             generations used up
 *
 * `generation` counts the lives of a slot and grows when the slot is freed. A writer takes the lock
 * by a CAS from `idle` of the generation it has cached; once the slot is freed, or is some other
 * key's, that word is never there again, and the CAS fails. Without it, a writer delayed between
 * its look-up and its CAS would overwrite the next key's record.
 *
 * `incarnation` says who may change the slot at present, so that recovery can fence it and take the
 * slot over: by a CAS that puts its own incarnation there and leaves the rest. `stamp` stays what it
 * was, since it is half of the version of the record that the holder was about to write: a redo copy
 * with that version is this write's, any other is not. Incarnation 0 is a memory node's and never
 * holds anything.
 */
export const lockState = { idle: 0, held: 1, free: 2, retired: 3 } as const;
export type LockState = (typeof lockState)[keyof typeof lockState];

export const generationMax = 2 ** 16 - 1;
export const incarnationMax = 2 ** 14 - 1;

export function idleWord(generation: number): bigint {
  return packWord(generation, 0);
}

export function heldWord(generation: number, incarnation: number, stamp: number): bigint {
  const high = (lockState.held << 30) | ((incarnation & incarnationMax) << 16) | generation;
  return packWord(high, stamp);
}

/** A slot that only `owner` may fill, or that anyone may take where the owner is `nobody`. */
export function freeWord(generation: number, owner: number): bigint {
  return packWord((lockState.free << 30) | (owner << 16) | generation, 0);
}

/** The owner of a free slot that is offered to all. */
export const nobody = 0;

/** A slot whose generations are used up. It is never reused: its words can never repeat. */
export function retiredWord(): bigint {
  return packWord((lockState.retired << 30) | generationMax, 0);
}

/** The word of a slot whose life ends: free in the next, or retired. */
export function nextLifeWord(generation: number, owner: number): bigint {
  return generation < generationMax ? freeWord(generation + 1, owner) : retiredWord();
}

export interface LockWord {
  readonly state: LockState;
  readonly incarnation: number;
  readonly generation: number;
  /** The low half; 0 where the slot is not held. */
  readonly stamp: number;
}

export function decodeLock(word: bigint): LockWord {
  const high = highHalf(word);
  return {
    state: (high >>> 30) as LockState,
    incarnation: (high >>> 16) & incarnationMax,
    generation: high & generationMax,
    stamp: lowHalf(word),
  };
}

/**
 * A stamp names one write: the incarnation that makes it (14 bits) and that incarnation's count of
 * writes (18 bits, modulo). It is a name and not a rank: a writer learns nothing of the version that
 * it replaces, since asking would cost a verb in every put. Recovery needs no rank either
 * (docs/systems/direct.md). A stamp that comes round after 2^18 writes is harmless: whoever breaks a
 * lock wipes what that write left in redo spaces, so a redo copy of an equal stamp that is older than
 * the lock can only equal the committed record.
 */
export function stampOf(incarnation: number, count: number): number {
  return ((incarnation << 18) | (count & 0x3ffff)) >>> 0;
}

export function stampIncarnation(stamp: number): number {
  return stamp >>> 18;
}

/** A record's version: 16 bits of generation above the 32 of the stamp. */
export function versionOf(generation: number, stamp: number): number {
  return generation * 2 ** 32 + stamp;
}

export function versionGeneration(version: number): number {
  return Math.floor(version / 2 ** 32);
}

export function versionStamp(version: number): number {
  return version % 2 ** 32;
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
 * Word of a size class at a primary that says where free slots were last offered: how often any were
 * (so that a node that has looked in vain looks again only when there are new ones), and the first
 * extent of the run, plus one. A hint: what is offered is said by the slots' own words.
 */
export function packOffer(count: number, extent: number): bigint {
  return packWord(count, extent + 1);
}

/**
 * The claim word of a primary: how many extents have been claimed, and the last claim itself, so
 * that whoever claims next can finish it.
 *
 *    63 62 61            48 47        39 38        32 31                     0
 *   +-----+----------------+-----------+------------+------------------------+
 *   |  0  | incarnation 14 |     0     | class + 1  | extents claimed        |
 *   +-----+----------------+-----------+------------+------------------------+
 */
export interface Claim {
  /** Extents claimed in all, this claim's included. */
  readonly extents: number;
  /** Of the last claim; -1 where there is none yet. */
  readonly sizeClass: number;
  readonly incarnation: number;
}

export function packClaim({ extents, sizeClass, incarnation }: Claim): bigint {
  return packWord((incarnation << 16) | (sizeClass + 1), extents);
}

export function unpackClaim(word: bigint): Claim {
  const high = highHalf(word);
  return {
    extents: lowHalf(word),
    sizeClass: (high & 0x7f) - 1,
    incarnation: (high >>> 16) & incarnationMax,
  };
}

/**
 * Directory word of an extent: 0 where unclaimed; else what a scan needs to find the slots in it,
 * and who may use those that have never been used.
 *
 *    63     46 45            32 31           20 19        8 7          0
 *   +---------+----------------+---------------+-----------+------------+
 *   |    0    | incarnation 14 |       0       | in run 12 | class + 1  |
 *   +---------+----------------+---------------+-----------+------------+
 *
 * `in run` numbers the extents that were claimed together: slots lie side by side through the run.
 */
export interface ExtentEntry {
  readonly sizeClass: number;
  readonly inRun: number;
  readonly incarnation: number;
}

export function packExtent({ sizeClass, inRun, incarnation }: ExtentEntry): bigint {
  return packWord(incarnation, (inRun << 8) | (sizeClass + 1));
}

export function unpackExtent(high: number, low: number): ExtentEntry {
  return { sizeClass: (low & 0xff) - 1, inRun: (low >>> 8) & 0xfff, incarnation: high };
}
