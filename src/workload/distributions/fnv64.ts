import { twoTo32 } from '../../core/word.ts';

/**
 * FNV-1a over the eight octets of a non-negative integer, lowest first, and the absolute value of
 * the result taken as a signed 64-bit number: what YCSB calls `Utils.hash`. In two 32-bit halves,
 * because a BigInt costs ten times as much.
 *
 * The prime is 2^40 + 0x1b3, so one step of `hash *= prime` is
 *
 *      low'  = low * 0x1b3                                           (mod 2^32)
 *      high' = high * 0x1b3 + carry(low * 0x1b3) + (low << 8)        (mod 2^32)
 */
export interface Fnv64 {
  high: number;
  low: number;
}

const primeLow = 0x1b3;

/** `value` up to 2^53 - 1. Both halves are unsigned; bit 63 is 0. */
export function ycsbHash(value: number, into: Fnv64): Fnv64 {
  let high = 0xcbf29ce4;
  let low = 0x84222325;
  let rest = value >>> 0;
  const upper = Math.floor(value / twoTo32);
  for (let octet = 0; octet < 8; octet++) {
    if (octet === 4) rest = upper;
    low = (low ^ (rest & 0xff)) >>> 0;
    rest = rest >>> 8;
    // Below 2^41: exact in a double.
    const product = low * primeLow;
    high = (Math.imul(high, primeLow) + Math.floor(product / twoTo32) + (low << 8)) >>> 0;
    low = product >>> 0;
  }
  if (high >>> 31 === 1) {
    low = -low >>> 0;
    high = (low === 0 ? -high : ~high) >>> 0;
  }
  into.high = high;
  into.low = low;
  return into;
}

/**
 * The hash modulo `divisor` (at most 2^32): 16 bits at a time, so that every product stays exact.
 */
export function fnv64Modulo(hash: Fnv64, divisor: number): number {
  let rest = hash.high % divisor;
  rest = (rest * 0x10000 + (hash.low >>> 16)) % divisor;
  return (rest * 0x10000 + (hash.low & 0xffff)) % divisor;
}

/** The hash in decimal digits: long division by 10^9, 16 bits at a time. */
export function fnv64Digits(hash: Fnv64): string {
  const billion = 1_000_000_000;
  let quotient = 0;
  let rest = 0;
  for (let i = 0; i < 4; i++) {
    const half = i < 2 ? hash.high : hash.low;
    const part = rest * 0x10000 + ((i & 1) === 0 ? half >>> 16 : half & 0xffff);
    const digit = Math.floor(part / billion);
    quotient = quotient * 0x10000 + digit;
    rest = part - digit * billion;
  }
  return quotient === 0 ? String(rest) : quotient + String(rest + billion).slice(1);
}
