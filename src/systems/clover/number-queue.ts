import { assert } from '../../core/errors.ts';

/** A queue of numbers in a ring that grows by doubling: no allocation per entry. */
export class NumberQueue {
  /** 64 bytes: V8 puts a larger one outside its heap, where it is an allocation of its own. */
  #ring = new Float64Array(8);
  #head = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(value: number): void {
    if (this.#length === this.#ring.length) this.#grow();
    this.#ring[(this.#head + this.#length) & (this.#ring.length - 1)] = value;
    this.#length++;
  }

  /** The oldest entry, which stays. */
  peek(): number {
    assert(this.#length > 0, 'peek at an empty queue');
    return this.#ring[this.#head] as number;
  }

  /** Takes the oldest entry. */
  shift(): number {
    const value = this.peek();
    this.#head = (this.#head + 1) & (this.#ring.length - 1);
    this.#length--;
    return value;
  }

  /** All entries, the oldest first. */
  *[Symbol.iterator](): Generator<number> {
    for (let i = 0; i < this.#length; i++) {
      yield this.#ring[(this.#head + i) & (this.#ring.length - 1)] as number;
    }
  }

  #grow(): void {
    const old = this.#ring;
    const ring = new Float64Array(old.length * 2);
    ring.set(old.subarray(this.#head));
    ring.set(old.subarray(0, this.#head), old.length - this.#head);
    this.#ring = ring;
    this.#head = 0;
  }
}
