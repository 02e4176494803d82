import { FarsideError } from '../core/errors.ts';
import { mix32 } from '../core/hash.ts';
import { type Key, keyBytesMax, keyOf } from '../core/key.ts';

/** What is known of a key of a trace, as bits. */
export const keyFlags = {
  /** It is asked for before it is ever set: the load phase inserts it. */
  toLoad: 1,
  loaded: 2,
  present: 4,
  /** Its insert or delete has begun and not ended. */
  changing: 8,
  /** Operations on it wait. */
  waiting: 16,
} as const;

/** Most keys a table may be asked to hold: 2^25 slots half full would be 2^24. */
export const traceKeysMax = 2 ** 25;

/**
 * The distinct keys of a trace: the only thing that grows with it, so it is flat arrays, 12 bytes a
 * slot, 16 to 32 bytes a key. Keys are told apart by 64 hash bits and not kept themselves: among
 * ten million keys two are taken for one with a chance of 3 in a million.
 */
export class TraceKeys {
  /** 32 well-mixed bits of the key that `slotOf` was asked for last. */
  hash = 0;
  /**
   * Restarts so far: who still works on an earlier phase would find flags that mean nothing to it.
   */
  phase = 0;
  readonly #keysMax: number;
  #count = 0;
  #mask = 2 ** 12 - 1;
  /** Pairs of halves; (0, 0) is a free slot. */
  #hashes = new Uint32Array(2 ** 13);
  #flags = new Uint8Array(2 ** 12);
  #valueBytes = new Uint16Array(2 ** 12);

  constructor(keysMax: number) {
    this.#keysMax = keysMax;
  }

  get count(): number {
    return this.#count;
  }

  /** The slot of a key, added where it is new. Slots move when a key is added. */
  slotOf(key: string): number {
    let high = 0x811c9dc5;
    let low = 0x2f0b4c47;
    for (let i = 0; i < key.length; i++) {
      const code = key.charCodeAt(i);
      high = Math.imul(high ^ code, 0x01000193);
      low = Math.imul((low << 5) ^ (low >>> 27) ^ code, 0x9e3779b1);
    }
    low = mix32(low ^ key.length);
    high = mix32(high ^ low);
    if (high === 0 && low === 0) low = 1;
    this.hash = high;
    for (let slot = (high ^ low) & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const h = this.#hashes[2 * slot] as number;
      const l = this.#hashes[2 * slot + 1] as number;
      if (h === high && l === low) return slot;
      if (h === 0 && l === 0) return this.#add(high, low, slot);
    }
  }

  has(slot: number, flag: number): boolean {
    return ((this.#flags[slot] as number) & flag) !== 0;
  }

  set(slot: number, flag: number): void {
    this.#flags[slot] = (this.#flags[slot] as number) | flag;
  }

  clear(slot: number, flag: number): void {
    this.#flags[slot] = (this.#flags[slot] as number) & ~flag;
  }

  /** Bytes of its value as far as known; 0: not yet. */
  valueBytes(slot: number): number {
    return this.#valueBytes[slot] as number;
  }

  setValueBytes(slot: number, bytes: number): void {
    this.#valueBytes[slot] = bytes;
  }

  /** The slots in use. */
  *slots(): Generator<number> {
    for (let slot = 0; slot <= this.#mask; slot++) if (this.#inUse(slot)) yield slot;
  }

  /**
   * Back to the state before a phase: what is to be loaded counts as present, nothing else is.
   * Gives the number of the phase.
   */
  restart(): number {
    const { toLoad, present } = keyFlags;
    for (let slot = 0; slot <= this.#mask; slot++) {
      this.#flags[slot] = this.has(slot, toLoad) ? toLoad | present : 0;
    }
    return ++this.phase;
  }

  #inUse(slot: number): boolean {
    return this.#hashes[2 * slot] !== 0 || this.#hashes[2 * slot + 1] !== 0;
  }

  #add(high: number, low: number, slot: number): number {
    if (this.#count === this.#keysMax) {
      throw new FarsideError(
        'FARSIDE_LIMIT',
        `more than ${this.#keysMax} distinct keys: replay a part of the trace (-p limit=LINES), ` +
          'or raise the bound (-p tracekeysmax=N; each key costs up to 32 bytes in every process)',
      );
    }
    this.#count++;
    if (this.#count * 4 > (this.#mask + 1) * 3) {
      this.#grow();
      return this.#place(high, low, 0, 0);
    }
    this.#hashes[2 * slot] = high;
    this.#hashes[2 * slot + 1] = low;
    return slot;
  }

  #place(high: number, low: number, flags: number, valueBytes: number): number {
    let slot = (high ^ low) & this.#mask;
    while (this.#inUse(slot)) slot = (slot + 1) & this.#mask;
    this.#hashes[2 * slot] = high;
    this.#hashes[2 * slot + 1] = low;
    this.#flags[slot] = flags;
    this.#valueBytes[slot] = valueBytes;
    return slot;
  }

  #grow(): void {
    const [hashes, flags, valueBytes] = [this.#hashes, this.#flags, this.#valueBytes];
    const slots = 2 * (this.#mask + 1);
    this.#mask = slots - 1;
    this.#hashes = new Uint32Array(2 * slots);
    this.#flags = new Uint8Array(slots);
    this.#valueBytes = new Uint16Array(slots);
    for (let slot = 0; slot < flags.length; slot++) {
      const high = hashes[2 * slot] as number;
      const low = hashes[2 * slot + 1] as number;
      if (high === 0 && low === 0) continue;
      this.#place(high, low, flags[slot] as number, valueBytes[slot] as number);
    }
  }
}

/** Hexadecimal digits that stand for the end of a key that is too long. */
const tailDigits = 16;

/**
 * The key as a store knows it: padded with zero bytes to the length it had before it was anonymised
 * (so that stores move as many bytes as the original did), and where it is longer than any store
 * takes, its beginning and 64 hash bits of the whole.
 */
export function storedKey(text: string, keyBytes: number): Key {
  const kept = text.length > keyBytesMax ? shortened(text) : text;
  // Bytes of our own: a slice of a line would keep the whole chunk of the file alive.
  const bytes = new Uint8Array(Math.max(kept.length, Math.min(keyBytes, keyBytesMax)));
  for (let i = 0; i < kept.length; i++) bytes[i] = kept.charCodeAt(i);
  return keyOf(bytes);
}

function shortened(text: string): string {
  let high = 0x811c9dc5;
  let low = 0x01000193;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    high = Math.imul(high ^ code, 0x01000193);
    low = Math.imul((low << 7) ^ (low >>> 25) ^ code, 0xc2b2ae35);
  }
  const digits = [high, low].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('');
  return text.slice(0, keyBytesMax - tailDigits) + digits;
}
