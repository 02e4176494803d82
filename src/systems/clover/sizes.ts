import { assert } from '../../core/errors.ts';
import type { Key } from '../../core/key.ts';
import type { StoreShape } from '../system.ts';

export function checkKey({ keyBytesMax }: StoreShape, key: Key): void {
  assert(
    key.text.length <= keyBytesMax,
    () => `a key of ${key.text.length} bytes: this store takes at most ${keyBytesMax}`,
    'FARSIDE_KEY',
  );
}

export function checkSizes(shape: StoreShape, key: Key, value: Uint8Array): void {
  checkKey(shape, key);
  const { valueBytesMax } = shape;
  assert(
    value.length >= 1 && value.length <= valueBytesMax,
    () => `a value of ${value.length} bytes: this store takes 1 to ${valueBytesMax}`,
    'FARSIDE_VALUE',
  );
}
