import { assert } from '../../core/errors.ts';
import { access, type Native, type Pd } from './native.ts';
import type { VerbRing } from './rings.ts';

/** rdma_rxe's longest message; also the longest verb that this fabric carries. */
export const verbBytesMax = 8 << 20;
const smallestBytes = 64;
const arenaBytes = 1 << 20;
const classCount = Math.log2(verbBytesMax / smallestBytes) + 1;
const two32 = 2 ** 32;

/** A piece of registered memory: `region` is its index among the ring's local regions. */
export interface Piece {
  readonly region: number;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/**
 * Registered memory that byte verbs go through: a buffer of JavaScript's own heap moves, so a device cannot
 * be given its address. Pieces come in powers of two, each size with its free list; arenas are registered
 * as they are needed, up to a bound.
 *
 * Pieces are never joined again. So that those of one size cannot keep another from ever being served,
 * a size of which nothing is taken may pass the bound: whoever waits for a piece waits for one of its
 * own size, which some verb in flight gives back.
 */
export class Staging {
  readonly #native: Native;
  readonly #pd: Pd;
  readonly #ring: VerbRing;
  readonly #bytesMax: number;
  readonly #arenas: Uint8Array[] = [];
  readonly #free: number[][] = Array.from({ length: classCount }, () => []);
  readonly #taken = new Uint32Array(classCount);
  #bytes = 0;
  /** The arena that small pieces are cut from, and how much of it has been. */
  #open = -1;
  #openBytes = 0;

  constructor(native: Native, pd: Pd, ring: VerbRing, bytesMax: number) {
    this.#native = native;
    this.#pd = pd;
    this.#ring = ring;
    this.#bytesMax = bytesMax;
  }

  /** A piece for so many bytes; undefined until another of that size has been given back. */
  take(lengthBytes: number): Piece | undefined {
    assert(lengthBytes <= verbBytesMax, () => `a piece of ${lengthBytes} B`);
    const sizeClass = classOf(lengthBytes);
    const place = this.#free[sizeClass]?.pop() ?? this.#cut(sizeClass);
    if (place === undefined) return undefined;
    this.#taken[sizeClass] = (this.#taken[sizeClass] as number) + 1;
    const region = Math.floor(place / two32);
    const offset = place % two32;
    const arena = this.#arenas[region] as Uint8Array;
    return { region, offset, bytes: arena.subarray(offset, offset + lengthBytes) };
  }

  give({ region, offset, bytes }: Piece): void {
    const sizeClass = classOf(bytes.length);
    this.#taken[sizeClass] = (this.#taken[sizeClass] as number) - 1;
    this.#free[sizeClass]?.push(region * two32 + offset);
  }

  #cut(sizeClass: number): number | undefined {
    const size = smallestBytes << sizeClass;
    if (size > arenaBytes / 4) {
      return this.#mayGrow(sizeClass, size) ? this.#register(size) * two32 : undefined;
    }
    if (this.#open < 0 || this.#openBytes + size > arenaBytes) {
      if (!this.#mayGrow(sizeClass, arenaBytes)) return undefined;
      this.#open = this.#register(arenaBytes);
      this.#openBytes = 0;
    }
    const offset = this.#openBytes;
    this.#openBytes += size;
    return this.#open * two32 + offset;
  }

  #mayGrow(sizeClass: number, bytes: number): boolean {
    return this.#taken[sizeClass] === 0 || this.#bytes + bytes <= this.#bytesMax;
  }

  #register(bytes: number): number {
    const arena = new Uint8Array(new SharedArrayBuffer(bytes));
    const region = this.#arenas.length;
    this.#ring.setLocal(region, this.#native.regMr(this.#pd, arena, access.localWrite));
    this.#arenas.push(arena);
    this.#bytes += bytes;
    return region;
  }
}

function classOf(lengthBytes: number): number {
  if (lengthBytes <= smallestBytes) return 0;
  return 32 - Math.clz32((lengthBytes - 1) / smallestBytes);
}
