import { recordBytes, recordHead, recordIsWhole } from '../../core/record.ts';

/** Whether `record` is this version of that key, with nothing behind it; `checked`: and whole. */
export function isRecordOf(
  record: Uint8Array,
  key: Uint8Array,
  sequence: number,
  checked: boolean,
): boolean {
  const f = recordHead.field;
  if (f.keyBytes.get(record, 0) !== key.length) return false;
  if (recordBytes(key.length, f.valueBytes.get(record, 0)) !== record.length) return false;
  if (f.version.get(record, 0) !== sequence) return false;
  for (let i = 0; i < key.length; i++) {
    if (record[recordHead.sizeBytes + i] !== key[i]) return false;
  }
  return !checked || recordIsWhole(record, 0);
}
