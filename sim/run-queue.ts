import type { Task } from './task.ts';

const capacityFirst = 8;

/**
 * The programs that a core is to run, by the time from which each can: whoever awaits verbs is queued as soon
 * as their completion is known, a few microseconds ahead. Of one time, first queued, first out.
 *
 * A ring over slots that are used again, kept sorted: nearly everyone who is queued becomes ready last, so
 * its place is found at once.
 */
export class RunQueue {
  count = 0;
  /** From when on the first can run; infinity when there is none. */
  firstPs = Number.POSITIVE_INFINITY;
  #tasks: (Task | undefined)[] = new Array<Task | undefined>(capacityFirst).fill(undefined);
  #readyPs = new Float64Array(capacityFirst);
  #head = 0;

  /** `task` can run from `readyPs` on. */
  push(task: Task, readyPs: number): void {
    if (this.count === this.#tasks.length) this.#grow();
    const tasks = this.#tasks;
    const times = this.#readyPs;
    const mask = tasks.length - 1;
    let at = this.#head + this.count++;
    for (; at > this.#head; at--) {
      const before = (at - 1) & mask;
      const beforePs = times[before] as number;
      if (beforePs <= readyPs) break;
      tasks[at & mask] = tasks[before];
      times[at & mask] = beforePs;
    }
    tasks[at & mask] = task;
    times[at & mask] = readyPs;
    if (at === this.#head) this.firstPs = readyPs;
  }

  /** Takes the first out; there must be one. */
  shift(): Task {
    const head = this.#head & (this.#tasks.length - 1);
    const first = this.#tasks[head] as Task;
    this.#tasks[head] = undefined;
    this.#head = (head + 1) & (this.#tasks.length - 1);
    this.count--;
    this.firstPs =
      this.count === 0 ? Number.POSITIVE_INFINITY : (this.#readyPs[this.#head] as number);
    return first;
  }

  clear(): void {
    while (this.count > 0) this.shift();
  }

  #grow(): void {
    const mask = this.#tasks.length - 1;
    const tasks = new Array<Task | undefined>(2 * this.#tasks.length).fill(undefined);
    const times = new Float64Array(tasks.length);
    for (let i = 0; i < this.count; i++) {
      tasks[i] = this.#tasks[(this.#head + i) & mask];
      times[i] = this.#readyPs[(this.#head + i) & mask] as number;
    }
    this.#tasks = tasks;
    this.#readyPs = times;
    this.#head = 0;
  }
}
