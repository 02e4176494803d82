import { mix32 } from '../core/hash.ts';
import type { Key } from '../core/key.ts';
import { loadHalf, storeHalf } from '../core/word.ts';

/**
 * Values that can be judged. In data-integrity mode a value is a function of its key, its length
 * and a write stamp, and carries the stamp itself:
 *
 *    0 +---------------------------+
 *      | stamp, bits 31..0         |   values of at least `stampedBytesMin` bytes;
 *    4 +---------------------------+   shorter ones have words from the key and the length alone
 *      | stamp, bits 52..32        |
 *    8 +---------------------------+
 *      | seed, seed + g, seed + 2g |   32-bit words, g = 2^32 / golden ratio;
 *      | …, the last one cut short |   the seed mixes key, length and stamp
 *      +---------------------------+
 *
 * Two writes of one key with different stamps have different seeds (but for one chance in 2^32),
 * hence different words everywhere: a value put together from two of them is found, whichever words
 * came from which. YCSB's own `dataintegrity` makes a value from the key alone, and cannot see
 * that.
 */
export const stampedBytesMin = 12;

const golden = 0x9e3779b9;

/** Fills the whole of `value`. Stamps are integers up to 2^53 - 1, one for each write. */
export function fillValue(key: Key, value: Uint8Array, stamp: number): void {
  const { length } = value;
  if (length < stampedBytesMin) {
    fillWords(value, 0, seedOf(key, length, 0, 0));
    return;
  }
  const low = stamp % 2 ** 32;
  const high = Math.floor(stamp / 2 ** 32);
  storeHalf(value, 0, low);
  storeHalf(value, 4, high);
  fillWords(value, 8, seedOf(key, length, low, high));
}

/** Whether some stamp makes `value` the value of `key`. */
export function checkValue(key: Key, value: Uint8Array): boolean {
  const { length } = value;
  if (length < stampedBytesMin) return wordsAre(value, 0, seedOf(key, length, 0, 0));
  return wordsAre(value, 8, seedOf(key, length, loadHalf(value, 0), loadHalf(value, 4)));
}

/** The stamp of a value that `checkValue` accepts; 0 where it is too short to have one. */
export function stampOf(value: Uint8Array): number {
  if (value.length < stampedBytesMin) return 0;
  return loadHalf(value, 0) + loadHalf(value, 4) * 2 ** 32;
}

/** Without data integrity: bytes that do not compress, the same for every write. */
export function plainValue(value: Uint8Array): void {
  for (let i = 0; i < value.length; i++) value[i] = mix32(i + 1);
}

function seedOf(key: Key, length: number, low: number, high: number): number {
  return mix32(key.hash ^ mix32(low ^ mix32(high ^ Math.imul(length, golden))));
}

/**
 * Little-endian hosts only, as all of farside: whole words go through a view where they are
 * aligned.
 */
function fillWords(bytes: Uint8Array, from: number, seed: number): void {
  let at = from;
  let word = seed | 0;
  const wordCount = (bytes.length - from) >>> 2;
  if ((bytes.byteOffset + from) % 4 === 0) {
    const words = new Int32Array(bytes.buffer, bytes.byteOffset + from, wordCount);
    for (let i = 0; i < wordCount; i++) {
      words[i] = word;
      word = (word + golden) | 0;
    }
    at += wordCount * 4;
  } else {
    for (let i = 0; i < wordCount; i++, at += 4) {
      storeHalf(bytes, at, word);
      word = (word + golden) | 0;
    }
  }
  for (; at < bytes.length; at++, word >>>= 8) bytes[at] = word;
}

function wordsAre(bytes: Uint8Array, from: number, seed: number): boolean {
  let at = from;
  let word = seed | 0;
  let difference = 0;
  const wordCount = (bytes.length - from) >>> 2;
  if ((bytes.byteOffset + from) % 4 === 0) {
    const words = new Int32Array(bytes.buffer, bytes.byteOffset + from, wordCount);
    for (let i = 0; i < wordCount; i++) {
      difference |= (words[i] as number) ^ word;
      word = (word + golden) | 0;
    }
    at += wordCount * 4;
  } else {
    for (let i = 0; i < wordCount; i++, at += 4) {
      difference |= loadHalf(bytes, at) ^ word;
      word = (word + golden) | 0;
    }
  }
  for (; at < bytes.length; at++, word >>>= 8) difference |= (bytes[at] as number) ^ (word & 0xff);
  return difference === 0;
}
