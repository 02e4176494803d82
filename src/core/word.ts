/**
 * 64-bit words. In a verb a word is a `bigint`; codecs pack and unpack it through two 32-bit halves,
 * and bytes in memory are little-endian, as on every machine that carries a ConnectX or rdma_rxe.
 */
/**
 * Named, because V8 calls `pow` for the expression wherever it stands in a function; and numbers above
 * 32 bits are split with `>>> 0`, because `%` of doubles calls `fmod`.
 */
export const twoTo32 = 2 ** 32;

const scratch = new DataView(new ArrayBuffer(8));

/** Both halves are taken modulo 2^32; signed halves are fine. */
export function packWord(high: number, low: number): bigint {
  scratch.setInt32(0, low, true);
  scratch.setInt32(4, high, true);
  return scratch.getBigUint64(0, true);
}

/** Bits 31..0 as an unsigned number. */
export function lowHalf(word: bigint): number {
  scratch.setBigUint64(0, word, true);
  return scratch.getUint32(0, true);
}

/** Bits 63..32 as an unsigned number. */
export function highHalf(word: bigint): number {
  scratch.setBigUint64(0, word, true);
  return scratch.getUint32(4, true);
}

export function loadHalf(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24)) >>>
    0
  );
}

export function storeHalf(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

export function loadWord(bytes: Uint8Array, at: number): bigint {
  return packWord(loadHalf(bytes, at + 4), loadHalf(bytes, at));
}

export function storeWord(bytes: Uint8Array, at: number, word: bigint): void {
  storeHalf(bytes, at, lowHalf(word));
  storeHalf(bytes, at + 4, highHalf(word));
}
