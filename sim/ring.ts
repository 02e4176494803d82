/**
 * First in, first out, over slots that are used again: a queue that is never empty stays in the few cache
 * lines that it needs, where an array that is read from the front wanders through memory.
 */
export class Ring<T extends object> {
  count = 0;
  #slots: (T | undefined)[];
  #head = 0;

  /** `capacity`: a power of two, to begin with; it grows to what it has to hold. */
  constructor(capacity: number) {
    this.#slots = new Array<T | undefined>(capacity).fill(undefined);
  }

  /** The i-th of those that are in it, the oldest first. */
  at(i: number): T {
    return this.#slots[(this.#head + i) & (this.#slots.length - 1)] as T;
  }

  push(item: T): void {
    if (this.count === this.#slots.length) {
      const all = Array.from({ length: this.count }, (_, i): T | undefined => this.at(i));
      this.#slots = all.concat(new Array<T | undefined>(all.length).fill(undefined));
      this.#head = 0;
    }
    this.#slots[(this.#head + this.count++) & (this.#slots.length - 1)] = item;
  }

  /** Takes the oldest out; there must be one. */
  shift(): T {
    const first = this.at(0);
    this.#slots[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#slots.length - 1);
    this.count--;
    return first;
  }

  clear(): void {
    while (this.count > 0) this.shift();
  }
}
