import type { Address } from '../../core/address.ts';
import { type Batch, batch, read, type Verb } from '../../core/effect.ts';
import type { Scratch } from './scratch.ts';
import { shortcutRead } from './walker.ts';

/** The two READs of a get, in one doorbell a node: the buffer at the cursor, and the shortcut. */
export class GetReads {
  readonly shortcut: Verb<unknown>;
  readonly #data: Verb<void>;
  readonly #batch: Batch;

  constructor(scratch: Scratch) {
    this.#data = read(0, scratch.bytes);
    this.shortcut = shortcutRead(0, scratch);
    this.#batch = batch(this.#data, this.shortcut);
  }

  at(buffer: Address, into: Uint8Array, shortcut: Address): Batch {
    this.#data.again(buffer, into);
    this.shortcut.again(shortcut);
    return this.#batch.again();
  }
}
