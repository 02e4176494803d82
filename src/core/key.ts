import { assert } from './errors.ts';
import { fnv1a32, mix32 } from './hash.ts';

export const keyBytesMax = 255;

/**
 * A key: 1 to 255 arbitrary bytes. It is built once and passed by reference, because a store looks it
 * up in a `Map` (by `text`, whose hash V8 caches), shards by `hash` and writes `bytes` into records.
 */
export class Key {
  /** The bytes as Latin-1 characters: equal texts mean equal keys. */
  readonly text: string;
  readonly bytes: Uint8Array;
  /** `hash` as a signed number: small enough for V8 to keep in the object itself. */
  readonly signedHash: number;

  constructor(text: string, bytes: Uint8Array) {
    this.text = text;
    this.bytes = bytes;
    this.signedHash = mix32(fnv1a32(text)) | 0;
  }

  /** 32 well-mixed bits; the same on every machine. */
  get hash(): number {
    return this.signedHash >>> 0;
  }
}

/** Builds a key. A string's characters must be bytes (codes 0..255); encode UTF-8 before, if needed. */
export function keyOf(source: string | Uint8Array): Key {
  assert(
    source.length >= 1 && source.length <= keyBytesMax,
    () => `a key of ${source.length} bytes: expected 1 to ${keyBytesMax}`,
    'FARSIDE_KEY',
  );
  if (typeof source !== 'string') {
    return new Key(String.fromCharCode(...source), Uint8Array.from(source));
  }
  const bytes = new Uint8Array(source.length);
  for (let i = 0; i < source.length; i++) {
    const code = source.charCodeAt(i);
    assert(code <= 0xff, () => `key ${JSON.stringify(source)}: not a byte string`, 'FARSIDE_KEY');
    bytes[i] = code;
  }
  return new Key(source, bytes);
}
