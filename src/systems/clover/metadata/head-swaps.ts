import type { Address } from '../../../core/address.ts';
import { cas, fenced, flush, type Verb, verbStatus } from '../../../core/effect.ts';
import { loadWord } from '../../../core/word.ts';
import { bufferNamed } from './head-entry.ts';
import type { LateVerbs } from './late-verbs.ts';

/** What an entry becomes, and what stood there; where no standby is, nobody asks for the latter. */
export class EntryImage {
  at = 0;
  readonly number = new Uint8Array(8);
  readonly numberBefore = new Uint8Array(8);
  headAt = 0;
  readonly head: Uint8Array;
  readonly headBefore: Uint8Array;

  constructor(replicas: number) {
    this.head = new Uint8Array(8 * replicas);
    this.headBefore = new Uint8Array(8 * replicas);
  }

  /** From an entry as `found` to `own`, in the number and the head at `headAt`. */
  static between(found: Uint8Array, own: Uint8Array, at: number, headAt: number): EntryImage {
    const image = new EntryImage((own.length - 8) / 16);
    image.at = at;
    image.headAt = at + headAt;
    image.numberBefore.set(found.subarray(0, 8));
    image.number.set(own.subarray(0, 8));
    image.headBefore.set(found.subarray(headAt, headAt + image.head.length));
    image.head.set(own.subarray(headAt, headAt + image.head.length));
    return image;
  }

  replace(table: Uint8Array): void {
    const { at, number, headAt, head } = this;
    this.numberBefore.set(table.subarray(at, at + number.length));
    this.headBefore.set(table.subarray(headAt, headAt + head.length));
    table.set(number, at);
    table.set(head, headAt);
  }
}

/** An entry of a standby's table on its way. */
export class EntrySwaps {
  readonly number: WordSwaps;
  readonly head: WordSwaps;

  constructor(base: Address, image: EntryImage) {
    this.number = new WordSwaps(base + image.at, image.numberBefore, image.number);
    this.head = new WordSwaps(base + image.headAt, image.headBefore, image.head);
  }

  /** The number first: the head that is stored next is of that chain. */
  verbs(isFlushed: boolean): Verb<unknown>[] {
    const verbs: Verb<unknown>[] = [];
    for (const words of [this.number, this.head]) {
      const isFirst = verbs.length === 0;
      // The head not before its number is durable, in flush mode.
      for (const verb of words.due()) verbs.push(isFirst ? verb : fenced(verb));
      if (isFlushed && verbs.length > 0) verbs.push(flush(words.address, words.lengthBytes));
    }
    return verbs;
  }

  note(late: LateVerbs): void {
    for (const words of [this.number, this.head]) words.note(late, words === this.head);
  }
}

/** Words that CASes change, each from what was found there last. */
class WordSwaps {
  readonly address: Address;
  readonly #expected: bigint[] = [];
  readonly #desired: bigint[] = [];
  #posted: Verb<bigint>[] = [];

  constructor(address: Address, before: Uint8Array, after: Uint8Array) {
    this.address = address;
    for (let at = 0; at < after.length; at += 8) {
      this.#expected.push(loadWord(before, at));
      this.#desired.push(loadWord(after, at));
    }
  }

  get lengthBytes(): number {
    return 8 * this.#desired.length;
  }

  /** CASes of the words that do not stand yet, as far as is known. */
  due(): readonly Verb<bigint>[] {
    this.#posted = [];
    for (const [i, desired] of this.#desired.entries()) {
      const expected = this.#expected[i] as bigint;
      if (expected !== desired) this.#posted.push(cas(this.address + 8 * i, expected, desired));
    }
    return this.#posted;
  }

  /** They have ended. `namesBuffers`: what the words are that they expect. */
  note(late: LateVerbs, namesBuffers: boolean): void {
    for (const verb of this.#posted) {
      const i = (verb.address - this.address) / 8;
      const high = Number(verb.compare >> 32n);
      const low = Number(verb.compare & 0xffff_ffffn);
      late.noteSwap(verb, namesBuffers ? bufferNamed(high, low) : 0);
      if (verb.status === verbStatus.ok)
        this.#expected[i] = verb.swapped ? verb.operand : verb.word;
    }
    this.#posted = [];
  }
}
