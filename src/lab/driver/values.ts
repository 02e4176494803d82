import type { Key } from '../../core/key.ts';
import { checkValue, fillValue, plainValue } from '../../workload/values.ts';

/**
 * The values of one program: what it writes, and its judgement of what it reads. Buffers are reused, so
 * a value is only valid until the next call.
 */
export class Values {
  /** Where `get` puts a value. */
  readonly into: Uint8Array;
  readonly #from: Uint8Array;
  readonly #integrity: boolean;
  #last: Uint8Array;
  #stamp: number;

  /** `stamp` starts this program's write stamps; with integrity they make every write different. */
  constructor(valueBytesMax: number, integrity: boolean, stamp: number) {
    this.into = new Uint8Array(valueBytesMax);
    this.#from = integrity ? new Uint8Array(valueBytesMax) : plainBytes(valueBytesMax);
    this.#last = this.#from;
    this.#integrity = integrity;
    this.#stamp = stamp;
  }

  next(key: Key, valueBytes: number): Uint8Array {
    if (this.#last.length !== valueBytes) this.#last = this.#from.subarray(0, valueBytes);
    if (this.#integrity) fillValue(key, this.#last, this.#stamp++);
    return this.#last;
  }

  judge(key: Key, value: Uint8Array, lengthBytes: number): 'ok' | 'corrupt' {
    if (!this.#integrity) return 'ok';
    return checkValue(key, value.subarray(0, lengthBytes)) ? 'ok' : 'corrupt';
  }
}

let plain = new Uint8Array(0);

/** Written once, and the same for all programs of a thread: so they stay in the CPU's cache. */
function plainBytes(atLeast: number): Uint8Array {
  if (plain.length < atLeast) {
    plain = new Uint8Array(atLeast);
    plainValue(plain);
  }
  return plain;
}
