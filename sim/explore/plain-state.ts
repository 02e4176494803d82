import type { Digest } from './digest.ts';

/** Something that tells what it would remember, as a value that `chainValue` takes. */
export interface Stateful {
  remembers(): unknown;
}

const real = new Float64Array(1);
const halves = new Int32Array(real.buffer);

/**
 * Chains a plain value to a digest: numbers, texts, lists, sets, maps and typed arrays in their order, and
 * whatever has a `remembers()`, which is such a value in turn.
 */
export function chainValue(digest: Digest, value: unknown): void {
  switch (typeof value) {
    case 'number':
      chainNumber(digest, value);
      return;
    case 'boolean':
      digest.chain(value ? 1 : 0, 2);
      return;
    case 'undefined':
      digest.chain(0, 3);
      return;
    case 'string':
      for (let i = 0; i < value.length; i++) digest.chain(value.charCodeAt(i), 4);
      digest.chain(value.length, 5);
      return;
    case 'bigint':
      chainNumber(digest, Number(value & 0xffffffffn));
      chainNumber(digest, Number(value >> 32n));
      return;
    case 'object':
      chainObject(digest, value);
      return;
    default:
      throw new TypeError(`a ${typeof value} is no plain state`);
  }
}

function chainNumber(digest: Digest, value: number): void {
  if ((value | 0) === value) {
    digest.chain(value, 1);
    return;
  }
  real[0] = value;
  digest.chain(halves[0] as number, halves[1] as number);
}

function chainObject(digest: Digest, value: object | null): void {
  if (value === null) digest.chain(1, 3);
  // Lists and typed arrays by index: they are most of it, and their iterators cost more than the rest.
  else if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) chainValue(digest, value[i]);
    digest.chain(value.length, 6);
  } else if (isNumbers(value)) {
    for (let i = 0; i < value.length; i++) chainNumber(digest, value[i] as number);
    digest.chain(value.length, 6);
  } else if (isStateful(value)) chainValue(digest, value.remembers());
  else if (isIterable(value)) {
    let length = 0;
    for (const each of value) {
      chainValue(digest, each);
      length++;
    }
    digest.chain(length, 6);
  } else throw new TypeError(`an object of ${value.constructor.name} is no plain state`);
}

function isNumbers(value: object): value is Float64Array | Int32Array | Uint8Array {
  return ArrayBuffer.isView(value) && !(value instanceof DataView);
}

function isStateful(value: object): value is Stateful {
  return 'remembers' in value && typeof value.remembers === 'function';
}

function isIterable(value: object): value is Iterable<unknown> {
  return Symbol.iterator in value;
}
