import { align8 } from './address.ts';
import { assert } from './errors.ts';
import { loadHalf, loadWord, storeHalf, storeWord, twoTo32 } from './word.ts';

/**
 * Byte-layout codecs. A record's layout is declared once; reader and writer both go through the
 * declaration, so they cannot drift:
 *
 *   const slotHead = layout('slot head', { lock: u64, valueBytes: u32, flags: u16, keyBytes: u8 });
 *   slotHead.field.valueBytes.set(bytes, at, 960);
 *   slotHead.field.valueBytes.get(bytes, at);
 *
 * Fields lie in the order written, each on its natural alignment; a gap is an error, so padding is
 * declared (`pad`) and seen in the drawing. Numbers are little-endian.
 */
export interface Field<T> {
  readonly offsetBytes: number;
  readonly sizeBytes: number;
  get(bytes: Uint8Array, at: number): T;
  set(bytes: Uint8Array, at: number, value: T): void;
}

export interface FieldKind<T> {
  readonly sizeBytes: number;
  readonly alignBytes: number;
  at(offsetBytes: number): Field<T>;
}

class U8 implements Field<number> {
  readonly sizeBytes = 1;
  readonly offsetBytes: number;
  constructor(offsetBytes: number) {
    this.offsetBytes = offsetBytes;
  }
  get(bytes: Uint8Array, at: number): number {
    return bytes[at + this.offsetBytes] as number;
  }
  set(bytes: Uint8Array, at: number, value: number): void {
    bytes[at + this.offsetBytes] = value;
  }
}

class U16 implements Field<number> {
  readonly sizeBytes = 2;
  readonly offsetBytes: number;
  constructor(offsetBytes: number) {
    this.offsetBytes = offsetBytes;
  }
  get(bytes: Uint8Array, at: number): number {
    const o = at + this.offsetBytes;
    return (bytes[o] as number) | ((bytes[o + 1] as number) << 8);
  }
  set(bytes: Uint8Array, at: number, value: number): void {
    const o = at + this.offsetBytes;
    bytes[o] = value;
    bytes[o + 1] = value >>> 8;
  }
}

class U32 implements Field<number> {
  readonly sizeBytes = 4;
  readonly offsetBytes: number;
  constructor(offsetBytes: number) {
    this.offsetBytes = offsetBytes;
  }
  get(bytes: Uint8Array, at: number): number {
    return loadHalf(bytes, at + this.offsetBytes);
  }
  set(bytes: Uint8Array, at: number, value: number): void {
    storeHalf(bytes, at + this.offsetBytes, value);
  }
}

/** A word as `bigint`. Hot paths read its halves with `loadHalf` at `offsetBytes` instead. */
class U64 implements Field<bigint> {
  readonly sizeBytes = 8;
  readonly offsetBytes: number;
  constructor(offsetBytes: number) {
    this.offsetBytes = offsetBytes;
  }
  get(bytes: Uint8Array, at: number): bigint {
    return loadWord(bytes, at + this.offsetBytes);
  }
  set(bytes: Uint8Array, at: number, value: bigint): void {
    storeWord(bytes, at + this.offsetBytes, value);
  }
}

/** An unsigned integer up to 2^53 - 1 in eight bytes: addresses, sequence numbers. */
class U53 implements Field<number> {
  readonly sizeBytes = 8;
  readonly offsetBytes: number;
  constructor(offsetBytes: number) {
    this.offsetBytes = offsetBytes;
  }
  get(bytes: Uint8Array, at: number): number {
    const o = at + this.offsetBytes;
    return loadHalf(bytes, o) + loadHalf(bytes, o + 4) * twoTo32;
  }
  set(bytes: Uint8Array, at: number, value: number): void {
    const o = at + this.offsetBytes;
    storeHalf(bytes, o, value >>> 0);
    storeHalf(bytes, o + 4, Math.floor(value / twoTo32));
  }
}

export const u8: FieldKind<number> = { sizeBytes: 1, alignBytes: 1, at: (o) => new U8(o) };
export const u16: FieldKind<number> = { sizeBytes: 2, alignBytes: 2, at: (o) => new U16(o) };
export const u32: FieldKind<number> = { sizeBytes: 4, alignBytes: 4, at: (o) => new U32(o) };
export const u53: FieldKind<number> = { sizeBytes: 8, alignBytes: 8, at: (o) => new U53(o) };
export const u64: FieldKind<bigint> = { sizeBytes: 8, alignBytes: 8, at: (o) => new U64(o) };

export type FieldsOf<S> = {
  readonly [K in keyof S]: S[K] extends FieldKind<infer T> ? Field<T> : never;
};

export interface Layout<S> {
  readonly name: string;
  /** The sum of the fields, rounded up to a word. */
  readonly sizeBytes: number;
  readonly field: FieldsOf<S>;
}

// biome-ignore lint/suspicious/noExplicitAny: a FieldKind is invariant in its value type
export function layout<S extends Record<string, FieldKind<any>>>(
  name: string,
  shape: S,
): Layout<S> {
  const field: Record<string, Field<unknown>> = {};
  let offsetBytes = 0;
  for (const [fieldName, kind] of Object.entries(shape)) {
    assert(
      offsetBytes % kind.alignBytes === 0,
      () => `layout ${name}: field ${fieldName} would lie at ${offsetBytes}, off its alignment`,
    );
    field[fieldName] = kind.at(offsetBytes) as Field<unknown>;
    offsetBytes += kind.sizeBytes;
  }
  return { name, sizeBytes: align8(offsetBytes), field: field as FieldsOf<S> };
}
