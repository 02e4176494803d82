import { type Key, keyOf } from '../core/key.ts';
import { type Fnv64, fnv64Digits, ycsbHash } from './distributions/fnv64.ts';

/** How the number of a record becomes its key, as in YCSB's `CoreWorkload.buildKeyName`. */
export interface RecordNaming {
  /** `user` in YCSB. */
  readonly prefix: string;
  /** Hash the number (`insertorder=hashed`), so that records lie scattered in key order. */
  readonly hashed: boolean;
  /** Digits at least, filled with zeros on the left. */
  readonly zeroPadding: number;
}

const hash: Fnv64 = { high: 0, low: 0 };

export function recordKey(record: number, naming: RecordNaming): Key {
  const digits = naming.hashed ? fnv64Digits(ycsbHash(record, hash)) : String(record);
  return keyOf(naming.prefix + digits.padStart(naming.zeroPadding, '0'));
}

/** The longest key of records up to `recordMax`. */
export function recordKeyBytesMax(recordMax: number, naming: RecordNaming): number {
  // A hash has 63 bits: at most 19 digits.
  const digits = naming.hashed ? 19 : String(recordMax).length;
  return naming.prefix.length + Math.max(digits, naming.zeroPadding);
}
