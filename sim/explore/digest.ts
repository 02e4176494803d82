/**
 * Hashes of states: two independent 32-bit ones, computed as things happen. `add` and `remove` commute,
 * for sets of things; `chain` does not, for sequences.
 */
export class Digest {
  a = 0;
  b = 0;

  add(x: number, y: number, z: number): void {
    this.a = (this.a + scramble(seedA, x, y, z)) | 0;
    this.b = (this.b + scramble(seedB, x, y, z)) | 0;
  }

  remove(x: number, y: number, z: number): void {
    this.a = (this.a - scramble(seedA, x, y, z)) | 0;
    this.b = (this.b - scramble(seedB, x, y, z)) | 0;
  }

  chain(x: number, y: number): void {
    this.a = scramble(seedA, this.a, x, y);
    this.b = scramble(seedB, this.b, x, y);
  }

  /** Adds what another digest stands for, marked as belonging to `place`. */
  include(place: number, other: Digest): void {
    this.a = (this.a + scramble(seedA, place, other.a, other.b)) | 0;
    this.b = (this.b + scramble(seedB, place, other.a, other.b)) | 0;
  }

  /** Adds all that was added to another one. */
  join(other: Digest): void {
    this.a = (this.a + other.a) | 0;
    this.b = (this.b + other.b) | 0;
  }

  copy(other: Digest): void {
    this.a = other.a;
    this.b = other.b;
  }

  clone(): Digest {
    const clone = new Digest();
    clone.copy(this);
    return clone;
  }

  clear(): void {
    this.a = 0;
    this.b = 0;
  }
}

const seedA = 0x3c6ef372;
const seedB = 0x1b873593;

export function scramble(seed: number, x: number, y: number, z: number): number {
  let h = seed;
  h = Math.imul(h ^ x, 0x85ebca6b);
  h ^= h >>> 15;
  h = Math.imul(h ^ y, 0xc2b2ae35);
  h ^= h >>> 13;
  h = Math.imul(h ^ z, 0x27d4eb2f);
  h ^= h >>> 16;
  h = Math.imul(h, 0x165667b1);
  return h ^ (h >>> 15);
}

/** A hash of bytes, a multiple of four of them or not. */
export function hashBytes(bytes: Uint8Array): number {
  let h = bytes.length;
  for (let i = 0; i < bytes.length; i++) {
    h = Math.imul(h ^ (bytes[i] as number), 0x01000193);
    h ^= h >>> 17;
  }
  return h | 0;
}

export function hashText(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return h | 0;
}
