import { assert } from './errors.ts';

/**
 * A global address is a 52-bit integer, exact in a JavaScript number:
 *
 *    51        40 39                                    0
 *   +------------+---------------------------------------+
 *   |  node (12) |  offset into the node's space (40)    |
 *   +------------+---------------------------------------+
 *
 * A node's regions lie one after another in its space.
 */
export type Address = number;

export const nodeCountMax = 2 ** 12;
export const nodeSpaceBytes = 2 ** 40;

export function globalAddress(node: number, offsetBytes: number): Address {
  assert(
    Number.isInteger(node) && node >= 0 && node < nodeCountMax,
    () => `node ${node} is not in 0..${nodeCountMax - 1}`,
    'FARSIDE_ADDRESS',
  );
  assert(
    Number.isInteger(offsetBytes) && offsetBytes >= 0 && offsetBytes < nodeSpaceBytes,
    () => `offset ${offsetBytes} is not a 40-bit integer`,
    'FARSIDE_ADDRESS',
  );
  return node * nodeSpaceBytes + offsetBytes;
}

export function nodeOf(address: Address): number {
  return Math.floor(address / nodeSpaceBytes);
}

export function offsetOf(address: Address): number {
  return address - Math.floor(address / nodeSpaceBytes) * nodeSpaceBytes;
}

/** `3:0x1f40`: the node, then the offset in hexadecimal. */
export function formatAddress(address: Address): string {
  return `${nodeOf(address)}:0x${offsetOf(address).toString(16)}`;
}

/** Rounds up to the alignment of every byte verb. */
export function align8(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}
