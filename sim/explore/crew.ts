import { Footprint } from './footprint.ts';
import { Mutex } from './mutex.ts';

/** A branch that somebody else may try: how to come to it, and what need not be tried there. */
export interface Job {
  readonly path: readonly number[];
  readonly choice: number;
  readonly sleep: ReadonlyMap<number, Footprint>;
}

export interface CrewBuffers {
  readonly words: SharedArrayBuffer;
  readonly jobs: SharedArrayBuffer;
}

/** Int32 of `words`. */
const field = {
  mutex: 0,
  idle: 1,
  jobs: 2,
  end: 3,
  stopped: 4,
  begun: 5,
  signal: 6,
  over: 7,
} as const;
const jobNumbersMax = 2 ** 17;
/** How long one that is idle waits before it looks whether it should give up. */
const patienceMs = 100;

/**
 * Isolates that search together, each depth first with a stack of its own. One that has nothing left to try
 * is given a branch by another one, of its lowest frame, where most is likely to lie behind it. They share
 * the states that have been entered, so together they run about as many branches as one would alone.
 *
 * Jobs lie in a stack of numbers, each followed by its length.
 */
export class Crew {
  readonly #words: Int32Array;
  readonly #jobs: Float64Array;
  readonly #mutex: Mutex;
  readonly #members: number;

  constructor({ words, jobs }: CrewBuffers, members: number) {
    this.#words = new Int32Array(words);
    this.#jobs = new Float64Array(jobs);
    this.#mutex = new Mutex(this.#words, field.mutex);
    this.#members = members;
  }

  static share(): CrewBuffers {
    return {
      words: new SharedArrayBuffer(4 * Object.keys(field).length),
      jobs: new SharedArrayBuffer(8 * jobNumbersMax),
    };
  }

  /** True for the one that begins at the root. */
  begins(): boolean {
    return Atomics.exchange(this.#words, field.begun, 1) === 0;
  }

  /** More members wait than there are jobs. */
  get isHungry(): boolean {
    return Atomics.load(this.#words, field.idle) > Atomics.load(this.#words, field.jobs);
  }

  get isStopped(): boolean {
    return Atomics.load(this.#words, field.stopped) === 1;
  }

  /** All members end as soon as they look. */
  stop(): void {
    Atomics.store(this.#words, field.stopped, 1);
    this.#wakeAll();
  }

  /** False where there is no room for it. */
  offer(job: Job): boolean {
    const numbers = numbersOf(job);
    return this.#locked(() => {
      const end = this.#words[field.end] as number;
      if (end + numbers.length + 1 > this.#jobs.length) return false;
      this.#jobs.set(numbers, end);
      this.#jobs[end + numbers.length] = numbers.length;
      this.#words[field.end] = end + numbers.length + 1;
      Atomics.add(this.#words, field.jobs, 1);
      this.#wakeAll();
      return true;
    });
  }

  /** Waits for a job. Undefined: all members wait, so there will be none, or all should stop. */
  next(shouldStop: () => boolean): Job | undefined {
    Atomics.add(this.#words, field.idle, 1);
    for (;;) {
      const signal = Atomics.load(this.#words, field.signal);
      const job = this.#locked(() => this.#take());
      if (job !== undefined) return job;
      if (this.isStopped || Atomics.load(this.#words, field.over) === 1) return undefined;
      if (shouldStop()) this.stop();
      else Atomics.wait(this.#words, field.signal, signal, patienceMs);
    }
  }

  #take(): Job | undefined {
    if (this.#words[field.jobs] === 0) {
      // Looked at together with the jobs: whoever is idle makes none, so there will be none.
      if (Atomics.load(this.#words, field.idle) === this.#members) {
        Atomics.store(this.#words, field.over, 1);
        this.#wakeAll();
      }
      return undefined;
    }
    const end = (this.#words[field.end] as number) - 1;
    const length = this.#jobs[end] as number;
    const numbers = this.#jobs.slice(end - length, end);
    this.#words[field.end] = end - length;
    Atomics.sub(this.#words, field.jobs, 1);
    Atomics.sub(this.#words, field.idle, 1);
    return jobOf(numbers);
  }

  #wakeAll(): void {
    Atomics.add(this.#words, field.signal, 1);
    Atomics.notify(this.#words, field.signal);
  }

  #locked<T>(work: () => T): T {
    this.#mutex.lock();
    try {
      return work();
    } finally {
      this.#mutex.unlock();
    }
  }
}

/** Length of the path, the path, the choice; then each that sleeps, with its footprint and its length. */
function numbersOf({ path, choice, sleep }: Job): number[] {
  const numbers = [path.length, ...path, choice];
  for (const [other, footprint] of sleep) {
    const touched = footprint.toNumbers();
    numbers.push(other, touched.length, ...touched);
  }
  return numbers;
}

function jobOf(numbers: Float64Array): Job {
  const pathEnd = 1 + (numbers[0] as number);
  const sleep = new Map<number, Footprint>();
  for (let at = pathEnd + 1; at < numbers.length; ) {
    const length = numbers[at + 1] as number;
    sleep.set(numbers[at] as number, Footprint.of(numbers.subarray(at + 2, at + 2 + length)));
    at += 2 + length;
  }
  return { path: [...numbers.subarray(1, pathEnd)], choice: numbers[pathEnd] as number, sleep };
}
