import { RunQueue } from './run-queue.ts';
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
  /** When it takes the next of its programs; infinity when no event for that is due. */
  dispatchPs = Number.POSITIVE_INFINITY;
  /** Time in which programs did something; a polling core is never idle, so this is kept apart. */
  usefulPs = 0;
  readonly queue = new RunQueue();

  constructor(index: number, node: number, background: boolean) {
    this.index = index;
    this.node = node;
    this.background = background;
  }

  /** Whether a program that becomes ready now may run at once. */
  idle(nowPs: number): boolean {
    return this.holder === undefined && this.freePs <= nowPs && this.queue.firstPs > nowPs;
  }

  /** Its node has crashed: nobody holds it or waits for it any more. */
  abandon(): void {
    this.holder = undefined;
    this.queue.clear();
  }
}
