import { Ring } from './ring.ts';
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
  readonly #ready = new Ring<Task>(8);

  constructor(index: number, node: number, background: boolean) {
    this.index = index;
    this.node = node;
    this.background = background;
  }

  get queued(): number {
    return this.#ready.count;
  }

  /** Whether a program that becomes ready now may run at once. */
  idle(nowPs: number): boolean {
    return this.holder === undefined && this.freePs <= nowPs && this.#ready.count === 0;
  }

  /** Its node has crashed: nobody holds it or waits for it any more. */
  abandon(): void {
    this.holder = undefined;
    this.#ready.clear();
  }

  enqueue(task: Task): void {
    this.#ready.push(task);
  }

  dequeue(): Task | undefined {
    return this.#ready.count === 0 ? undefined : this.#ready.shift();
  }
}
