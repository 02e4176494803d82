import { assert } from '../../src/core/errors.ts';
import { Mutex } from './mutex.ts';

/** What several isolates share of the states that they have entered. */
export interface StateBuffers {
  readonly table: ArrayBufferLike;
  readonly records: ArrayBufferLike;
  readonly schedules: ArrayBufferLike;
  readonly asleep: ArrayBufferLike;
  readonly head: ArrayBufferLike;
}

export interface Entered {
  /** The how-manieth state. */
  readonly state: number;
  readonly isNew: boolean;
  /** Choices that have to be tried from here, by whoever entered. */
  readonly open: readonly number[];
}

/** Int32 of a state's record; the choices that slept lie in `asleep`, one after another. */
const recordWords = 4;
const field = { a: 0, b: 1, asleepAt: 2, asleepCount: 3 } as const;
/** Int32 of the head. */
const headField = { states: 0, asleepEnd: 1, mutex: 2 } as const;
const statesFirst = 2 ** 13;
/** As many isolates at most share states. */
const membersMax = 1024;
const asleepPerState = 4;
/** The table is never more than half full. */
const slotsPerState = 2;

/**
 * The states that a search has entered, with the choices that were asleep each time, so that nobody has
 * tried them from there. A hash table over typed arrays: millions of objects would keep the garbage
 * collector busy, and isolates could not share them.
 *
 * Whoever enters a state takes over what has to be tried there: at first all that does not sleep, later
 * what slept each time before and does not now. So each choice of each state is either tried by somebody, or
 * asleep on every way to that state, and who tries it when does not matter (`Crew`).
 */
export class KnownStates {
  /** State's number + 1, by hash. */
  #table: Int32Array;
  #records: Int32Array;
  /** Complete schedules below each state, as far as they have been counted. */
  #schedules: Float64Array;
  #asleep: Float64Array;
  readonly #head: Int32Array;
  readonly #mutex: Mutex | undefined;

  /** Without buffers: for one isolate, and it grows. */
  constructor(buffers?: StateBuffers) {
    const { table, records, schedules, asleep, head } =
      buffers ?? allocate(statesFirst, ArrayBuffer);
    this.#table = new Int32Array(table);
    this.#records = new Int32Array(records);
    this.#schedules = new Float64Array(schedules);
    this.#asleep = new Float64Array(asleep);
    this.#head = new Int32Array(head);
    if (buffers !== undefined) this.#mutex = new Mutex(this.#head, headField.mutex);
  }

  /** For isolates that share up to so many states, rounded up; memory is taken as they come. */
  static share(statesMax: number): StateBuffers {
    return allocate(2 ** Math.ceil(Math.log2(statesFirst + statesMax)), SharedArrayBuffer);
  }

  get size(): number {
    return this.#head[headField.states] as number;
  }

  /** Shared ones do not grow: no room for one more from each member. */
  get isFull(): boolean {
    return this.#mutex !== undefined && this.size + membersMax > this.#schedules.length;
  }

  enter(
    a: number,
    b: number,
    choices: readonly number[],
    sleep: ReadonlyMap<number, unknown>,
  ): Entered {
    this.#mutex?.lock();
    try {
      if (this.size === this.#schedules.length) this.#grow();
      const slot = this.#slotOf(a, b);
      const known = (this.#table[slot] as number) - 1;
      if (known >= 0) return this.#enterAgain(known, sleep);
      const state = (this.#head[headField.states] as number)++;
      this.#table[slot] = state + 1;
      return this.#enterNew(state, a, b, choices, sleep);
    } finally {
      this.#mutex?.unlock();
    }
  }

  #enterNew(
    state: number,
    a: number,
    b: number,
    choices: readonly number[],
    sleep: ReadonlyMap<number, unknown>,
  ): Entered {
    const at = state * recordWords;
    const asleep = choices.filter((choice) => sleep.has(choice));
    const end = this.#head[headField.asleepEnd] as number;
    // Where there is no room to note who sleeps, all are woken, which is always right.
    const hasRoom = end + asleep.length <= this.#asleep.length;
    this.#records.set([a, b, end, hasRoom ? asleep.length : 0], at);
    if (!hasRoom) return { state, isNew: true, open: choices };
    this.#asleep.set(asleep, end);
    this.#head[headField.asleepEnd] = end + asleep.length;
    return { state, isNew: true, open: choices.filter((choice) => !sleep.has(choice)) };
  }

  /** What slept each time before and does not now is for the caller to try. */
  #enterAgain(state: number, sleep: ReadonlyMap<number, unknown>): Entered {
    const open: number[] = [];
    const asleep = this.#asleepIn(state);
    let kept = 0;
    for (const choice of asleep) {
      if (sleep.has(choice)) asleep[kept++] = choice;
      else open.push(choice);
    }
    this.#records[state * recordWords + field.asleepCount] = kept;
    return { state, isNew: false, open };
  }

  #asleepIn(state: number): Float64Array {
    const at = state * recordWords;
    const from = this.#records[at + field.asleepAt] as number;
    return this.#asleep.subarray(from, from + (this.#records[at + field.asleepCount] as number));
  }

  /** The state with that key, if it has been entered, and nothing is left to try where these are asleep. */
  closed(a: number, b: number, sleep: ReadonlyMap<number, unknown>): number | undefined {
    this.#mutex?.lock();
    try {
      const state = (this.#table[this.#slotOf(a, b)] as number) - 1;
      if (state < 0) return undefined;
      return this.#asleepIn(state).every((choice) => sleep.has(choice)) ? state : undefined;
    } finally {
      this.#mutex?.unlock();
    }
  }

  schedulesBelow(state: number): number {
    return this.#schedules[state] as number;
  }

  /** More schedules have been found to lead through that state. */
  addSchedules(state: number, count: number): void {
    this.#mutex?.lock();
    (this.#schedules[state] as number) += count;
    this.#mutex?.unlock();
  }

  clear(): void {
    this.#table.fill(0);
    this.#schedules.fill(0);
    this.#head[headField.states] = 0;
    this.#head[headField.asleepEnd] = 0;
  }

  /** Where that state stands in the table, or would. */
  #slotOf(a: number, b: number): number {
    const mask = this.#table.length - 1;
    for (let slot = (a ^ Math.imul(b, 0x9e3779b1)) & mask; ; slot = (slot + 1) & mask) {
      const state = (this.#table[slot] as number) - 1;
      if (state < 0) return slot;
      const at = state * recordWords;
      if (this.#records[at + field.a] === a && this.#records[at + field.b] === b) return slot;
    }
  }

  #grow(): void {
    assert(this.#mutex === undefined, 'states that isolates share do not grow');
    const bigger = allocate(2 * this.#schedules.length, ArrayBuffer);
    this.#records = copied(this.#records, new Int32Array(bigger.records));
    this.#schedules = copied(this.#schedules, new Float64Array(bigger.schedules));
    this.#asleep = copied(this.#asleep, new Float64Array(bigger.asleep));
    this.#table = new Int32Array(bigger.table);
    for (let state = 0; state < this.size; state++) {
      const at = state * recordWords;
      const slot = this.#slotOf(
        this.#records[at + field.a] as number,
        this.#records[at + field.b] as number,
      );
      this.#table[slot] = state + 1;
    }
  }
}

function allocate(
  states: number,
  Buffer: typeof ArrayBuffer | typeof SharedArrayBuffer,
): StateBuffers {
  return {
    table: new Buffer(4 * slotsPerState * states),
    records: new Buffer(4 * recordWords * states),
    schedules: new Buffer(8 * states),
    asleep: new Buffer(8 * asleepPerState * states),
    head: new Buffer(16),
  };
}

function copied<T extends Int32Array | Float64Array>(from: T, into: T): T {
  into.set(from);
  return into;
}
