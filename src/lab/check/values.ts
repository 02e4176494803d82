import { absent, torn } from '../../check/history.ts';
import { loadHalf, storeHalf } from '../../core/word.ts';

/** Of a value's words after the first: a mix of two values is none. */
const pattern = 0x5bd1e995;

/** Fills `into` with the value of that number; every word of it names it. */
export function encodeValue(into: Uint8Array, number: number): void {
  for (let at = 0; at < into.length; at += 8) {
    storeHalf(into, at, number);
    storeHalf(into, at + 4, Math.imul(number + at, pattern));
  }
}

/** The number of a value, or `torn` where it is none that `encodeValue` makes. */
export function decodeValue(bytes: Uint8Array): number {
  const number = loadHalf(bytes, 0);
  for (let at = 0; at < bytes.length; at += 8) {
    if (loadHalf(bytes, at) !== number) return torn;
    if (loadHalf(bytes, at + 4) !== Math.imul(number + at, pattern) >>> 0) return torn;
  }
  return number;
}

/** What a client's operation writes: no two write the same. */
export function writtenValue(client: number, operation: number): number {
  return 4096 + client * 256 + operation;
}

/** What the load phase writes. */
export function loadedValue(node: number, key: number): number {
  return 256 * node + key + 1;
}

/** For people: what a get gave. */
export function foundText(value: number): string {
  if (value === absent) return 'finds nothing';
  return value === torn ? 'gives torn bytes' : `gives ${value}`;
}
