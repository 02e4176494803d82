import { absentState, keeps, needs, type Steps } from './steps.ts';

/** What a search has taken and left: as sets, to name configurations, and as counts, for its cuts. */
export class StepCounts {
  /** Steps of one sort need and make the same. */
  readonly sort: Int32Array;
  readonly hasDeletes: boolean;
  /** What `writeConfiguration` has written. */
  readonly words: Int32Array;
  readonly #steps: Steps;
  /** A step's bit in the set of required or of optional steps that are taken. */
  readonly #bit: Int32Array;
  readonly #required: Int32Array;
  readonly #optional: Int32Array;
  /** Every required step below `#low` is taken, none above `#high` is. */
  #low = 0;
  #high = -1;
  #requiredLeft = 0;
  /** By state: steps left that need it, the required ones of those, and steps left that make it. */
  readonly #needing: Int32Array;
  readonly #requiring: Int32Array;
  readonly #making: Int32Array;
  /** Steps left that need the value to be another than one. */
  #needingOther = 0;

  constructor(steps: Steps) {
    this.#steps = steps;
    const { length, isOptional, stateCount } = steps;
    this.#bit = new Int32Array(length);
    let optionalCount = 0;
    for (let i = 0; i < length; i++) {
      this.#bit[i] = isOptional[i] === 1 ? optionalCount++ : this.#requiredLeft++;
    }
    this.#required = new Int32Array((this.#requiredLeft >>> 5) + 1);
    this.#optional = new Int32Array((optionalCount + 31) >>> 5);
    this.words = new Int32Array(3 + this.#required.length + this.#optional.length);
    this.#needing = new Int32Array(stateCount);
    this.#requiring = new Int32Array(stateCount);
    this.#making = new Int32Array(stateCount);
    for (let i = 0; i < length; i++) this.#count(i, 1);
    this.hasDeletes = (this.#making[absentState] as number) > 0;
    this.sort = sortsOf(steps);
  }

  get requiredLeft(): number {
    return this.#requiredLeft;
  }

  take(step: number): void {
    this.#count(step, -1);
    const bit = this.#bit[step] as number;
    if (this.#steps.isOptional[step] === 1) {
      flip(this.#optional, bit);
      return;
    }
    flip(this.#required, bit);
    this.#requiredLeft--;
    if (bit > this.#high) this.#high = bit;
  }

  giveBack(step: number): void {
    this.#count(step, 1);
    const bit = this.#bit[step] as number;
    if (this.#steps.isOptional[step] === 1) {
      flip(this.#optional, bit);
      return;
    }
    flip(this.#required, bit);
    this.#requiredLeft++;
    if (bit < this.#low) this.#low = bit;
  }

  /** Whether no step that needs `state` is left stranded when `step` changes it. */
  mayLeave(state: number, step: number): boolean {
    if ((this.#making[state] as number) > 0) return true;
    const { need, operand, isOptional } = this.#steps;
    const isOwnNeed =
      need[step] === needs.equal && operand[step] === state && isOptional[step] === 0;
    return this.#requiring[state] === (isOwnNeed ? 1 : 0);
  }

  /** Whether no step left tells `from` or `to` from any other present value. */
  isUnobserved(from: number, to: number): boolean {
    return this.#needingOther === 0 && this.#needing[from] === 0 && this.#needing[to] === 0;
  }

  /**
   * Writes what names a configuration and gives its length in words. Since nearly all required steps
   * that began early are taken, and none that began late, only what lies between is written:
   *
   *     | state | before | first word | optional steps taken | required steps taken, from first word |
   */
  writeConfiguration(state: number, before: number): number {
    const { words } = this;
    while (has(this.#required, this.#low)) this.#low++;
    while (this.#high >= 0 && !has(this.#required, this.#high)) this.#high--;
    const first = this.#low >>> 5;
    words[0] = state;
    words[1] = before;
    words[2] = first;
    let length = 3;
    for (const word of this.#optional) words[length++] = word;
    for (let i = first; i <= this.#high >> 5; i++) words[length++] = this.#required[i] as number;
    return length;
  }

  #count(step: number, change: number): void {
    const { need, operand, next, isOptional } = this.#steps;
    const value = operand[step] as number;
    if (need[step] === needs.equal) {
      this.#needing[value] = (this.#needing[value] as number) + change;
      if (isOptional[step] === 0) {
        this.#requiring[value] = (this.#requiring[value] as number) + change;
      }
    } else if (need[step] === needs.other && value !== absentState) this.#needingOther += change;
    const to = next[step] as number;
    if (to !== keeps) this.#making[to] = (this.#making[to] as number) + change;
  }
}

function sortsOf({ length, need, operand, next }: Steps): Int32Array {
  const numbers = new Map<string, number>();
  const sorts = new Int32Array(length);
  for (let i = 0; i < length; i++) {
    const name = `${need[i]} ${operand[i]} ${next[i]}`;
    let number = numbers.get(name);
    if (number === undefined) {
      number = numbers.size;
      numbers.set(name, number);
    }
    sorts[i] = number;
  }
  return sorts;
}

function has(set: Int32Array, bit: number): boolean {
  return ((set[bit >>> 5] as number) & (1 << (bit & 31))) !== 0;
}

function flip(set: Int32Array, bit: number): void {
  set[bit >>> 5] = (set[bit >>> 5] as number) ^ (1 << (bit & 31));
}
