import type { Address } from '../../core/address.ts';
import { read, readWord, type Ticket, type Verb, verbStatus } from '../../core/effect.ts';
import { recordHead, recordValueOffset } from '../../core/record.ts';
import { classBytes, sizeClassCount } from './pools.ts';

/**
 * Where a client's READs land: made once, because allocating a buffer costs twenty times the copy. A
 * view per class, since a verb's length is its buffer's.
 */
export class Scratch {
  readonly bytes: Uint8Array;
  readonly views: readonly Uint8Array[];
  readonly shortcut: Uint8Array;
  /** A READ that may still land here although nobody waits for it. */
  #pendingData: Ticket | undefined = undefined;
  #pendingShortcut: Ticket | undefined = undefined;
  /** Of the last values, by where they start. */
  readonly #values: Uint8Array[] = [];

  constructor(classMax: number, replicas: number) {
    this.bytes = new Uint8Array(classBytes(classMax));
    this.views = Array.from({ length: Math.min(classMax + 1, sizeClassCount) }, (_, c) =>
      this.bytes.subarray(0, classBytes(c)),
    );
    this.shortcut = new Uint8Array(8 * replicas);
  }

  /**
   * The value of the record at `at` of one of the views, where it lies. The views of the last values are
   * kept: values of one length make no view of their own. By their start, which varies with the length of
   * the key.
   */
  value(bytes: Uint8Array, at: number): Uint8Array {
    const length = recordHead.field.valueBytes.get(bytes, at);
    const start = at + recordValueOffset(bytes, at);
    let value = this.#values[start];
    if (value === undefined || value.length !== length) {
      value = this.bytes.subarray(start, start + length);
      this.#values[start] = value;
    }
    return value;
  }

  /** Remembers what was not waited for. */
  leave(data: Verb<unknown>, shortcut: Verb<unknown>): void {
    this.#pendingData = data;
    this.#pendingShortcut = shortcut;
  }

  get isFree(): boolean {
    return hasLanded(this.#pendingData) && hasLanded(this.#pendingShortcut);
  }
}

function hasLanded(ticket: Ticket | undefined): boolean {
  return ticket === undefined || ticket.status >= verbStatus.ok;
}

/** One word needs no buffer; more are read into the scratch. */
export function shortcutRead(address: Address, { shortcut }: Scratch): Verb<unknown> {
  return shortcut.length === 8 ? readWord(address) : read(address, shortcut);
}
