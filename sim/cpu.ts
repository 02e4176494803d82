import type { Task } from './task.ts';

/** One core of a compute node: programs that are ready take it in turn, first come first served. */
export class Core {
  readonly index: number;
  readonly node: number;
  readonly background: boolean;
  /** When the work of those who had it is done. */
  freePs = 0;
  /** Who computes on it, across events. */
  holder: Task | undefined = undefined;
  dispatchDue = false;
  /** Time in which programs did something; a polling core is never idle, so this is kept apart. */
  usefulPs = 0;
  readonly #ready: Task[] = [];
  #head = 0;

  constructor(index: number, node: number, background: boolean) {
    this.index = index;
    this.node = node;
    this.background = background;
  }

  get queued(): number {
    return this.#ready.length - this.#head;
  }

  /** Whether a program that becomes ready now may run at once. */
  idle(nowPs: number): boolean {
    return this.holder === undefined && this.freePs <= nowPs && this.#head === this.#ready.length;
  }

  /** Its node has crashed: nobody holds it or waits for it any more. */
  abandon(): void {
    this.holder = undefined;
    this.#ready.length = 0;
    this.#head = 0;
  }

  enqueue(task: Task): void {
    this.#ready.push(task);
  }

  dequeue(): Task | undefined {
    if (this.#head === this.#ready.length) return undefined;
    const task = this.#ready[this.#head++];
    if (this.#head === this.#ready.length) {
      this.#ready.length = 0;
      this.#head = 0;
    } else if (this.#head >= 1024) {
      this.#ready.splice(0, this.#head);
      this.#head = 0;
    }
    return task;
  }
}
