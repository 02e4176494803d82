import type { Counters } from '../../core/counters.ts';
import type { Program, ProgramSeries, Receive } from '../../core/effect.ts';
import { firstOf, type Running, seriesOf } from '../../core/running.ts';

/**
 * A program and what it waits for. It is in at most one waiting list and one timer heap at a time.
 */
export class Task implements Running {
  /** The one that runs now, where it is one of a series. */
  program: Program<unknown>;
  readonly series: ProgramSeries | undefined;
  readonly label: string;
  readonly daemon: boolean;
  readonly counters: Counters;
  /** When its timer is due; `timerIndex` is its place in the heap, -1 outside it. */
  wakeNs = 0;
  timerIndex = -1;
  /** The receive that it waits in, and its neighbours among those that wait for the same port. */
  receiving: Receive | undefined = undefined;
  previous: Task | undefined = undefined;
  next: Task | undefined = undefined;

  constructor(
    program: Program<unknown> | ProgramSeries,
    label: string,
    daemon: boolean,
    counters: Counters,
  ) {
    this.series = seriesOf(program);
    this.program = firstOf(program);
    this.label = label;
    this.daemon = daemon;
    this.counters = counters;
  }
}

/** First in, first out, without moving what is in it: a ring that doubles when it is full. */
export class TaskQueue {
  #slots: (Task | undefined)[] = new Array<Task | undefined>(64).fill(undefined);
  #first = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(task: Task): void {
    if (this.#size === this.#slots.length) this.#grow();
    this.#slots[(this.#first + this.#size) & (this.#slots.length - 1)] = task;
    this.#size++;
  }

  /** The oldest; the queue must not be empty. */
  shift(): Task {
    const task = this.#slots[this.#first] as Task;
    this.#slots[this.#first] = undefined;
    this.#first = (this.#first + 1) & (this.#slots.length - 1);
    this.#size--;
    return task;
  }

  #grow(): void {
    const inOrder = [...this.#slots.slice(this.#first), ...this.#slots.slice(0, this.#first)];
    this.#slots = [...inOrder, ...new Array<undefined>(inOrder.length).fill(undefined)];
    this.#first = 0;
  }
}

/**
 * Those that wait for one port, in order of arrival; leaving from the middle (time-out) is O(1).
 */
export class WaitingList {
  first: Task | undefined = undefined;
  #last: Task | undefined = undefined;

  append(task: Task): void {
    task.previous = this.#last;
    if (this.#last === undefined) this.first = task;
    else this.#last.next = task;
    this.#last = task;
  }

  remove(task: Task): void {
    if (task.previous === undefined) this.first = task.next;
    else task.previous.next = task.next;
    if (task.next === undefined) this.#last = task.previous;
    else task.next.previous = task.previous;
    task.previous = undefined;
    task.next = undefined;
  }
}

/** Tasks by `wakeNs`, earliest first: a binary heap in which each task knows its place. */
export class TimerHeap {
  readonly #heap: Task[] = [];

  get size(): number {
    return this.#heap.length;
  }

  /** When the next timer is due; infinity where there is none. */
  get nextNs(): number {
    return this.#heap[0]?.wakeNs ?? Number.POSITIVE_INFINITY;
  }

  add(task: Task, wakeNs: number): void {
    task.wakeNs = wakeNs;
    this.#heap.push(task);
    this.#rise(task, this.#heap.length - 1);
  }

  /** The earliest, if it is due by `nowNs`. */
  takeDue(nowNs: number): Task | undefined {
    const task = this.#heap[0];
    if (task === undefined || task.wakeNs > nowNs) return undefined;
    this.remove(task);
    return task;
  }

  /** Does nothing where the task has no timer. */
  remove(task: Task): void {
    const index = task.timerIndex;
    if (index < 0) return;
    task.timerIndex = -1;
    const last = this.#heap.pop() as Task;
    if (last === task) return;
    this.#rise(last, index);
    this.#sink(last, last.timerIndex);
  }

  #rise(task: Task, from: number): void {
    let index = from;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = this.#heap[parent] as Task;
      if (above.wakeNs <= task.wakeNs) break;
      this.#put(above, index);
      index = parent;
    }
    this.#put(task, index);
  }

  #sink(task: Task, from: number): void {
    let index = from;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= this.#heap.length) break;
      const right = this.#heap[child + 1];
      if (right !== undefined && right.wakeNs < (this.#heap[child] as Task).wakeNs) child++;
      const below = this.#heap[child] as Task;
      if (task.wakeNs <= below.wakeNs) break;
      this.#put(below, index);
      index = child;
    }
    this.#put(task, index);
  }

  #put(task: Task, index: number): void {
    this.#heap[index] = task;
    task.timerIndex = index;
  }
}
