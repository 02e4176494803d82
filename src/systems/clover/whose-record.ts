import type { Key } from '../../core/key.ts';
import { recordBytes, recordHead } from '../../core/record.ts';
import type { CloverLayout } from './layout.ts';

/**
 * Whether the record at `at` says that it is of that chain and version: then it is of the chain's key, since
 * no number ever names two chains, and nothing of the key need be fetched into the CPU's cache. First
 * versions do not say it: they are written before their chain has a number.
 */
export function isOf(chain: number, version: number, bytes: Uint8Array, at: number): boolean {
  return recordHead.field.version.get(bytes, at) === chain * 256 + version;
}

/** Whether a record of that key lies at `at`. By its text, which finding the cursor has just touched. */
export function hasKey(bytes: Uint8Array, at: number, key: Key): boolean {
  const { text } = key;
  if (recordHead.field.keyBytes.get(bytes, at) !== text.length) return false;
  const start = at + recordHead.sizeBytes;
  for (let i = 0; i < text.length; i++) {
    if (bytes[start + i] !== text.charCodeAt(i)) return false;
  }
  return true;
}

/** Header words, record head and key; less where a foreign, smaller buffer ends before. */
export function headerAndKeyBytes(key: Key, whole: Uint8Array, layout: CloverLayout): number {
  return Math.min(whole.length, 8 * layout.replicas + recordBytes(key.bytes.length, 0));
}
