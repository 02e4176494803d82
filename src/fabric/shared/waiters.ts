import type { Counters } from '../../core/counters.ts';
import type { Receive } from '../../core/effect.ts';
import { acceptMessage, type Message, messageFlags, type Port } from '../../core/message.ts';
import { type Task, TimerHeap, WaitingList } from './task.ts';

/**
 * Programs of one node that wait for a message or for a time, on fabrics whose time is real. Whoever is
 * woken is out of its waiting list and its timer; `onWake` makes it ready.
 */
export class Waiters<T extends Task> {
  readonly #timers = new TimerHeap();
  /** Those that wait for a message, by the number of their port. */
  readonly #receivers: WaitingList[] = [];
  readonly #background: Counters;
  readonly #onWake: (task: T) => void;

  /** `background`: the counters of all background programs, which no request starts anew. */
  constructor(background: Counters, onWake: (task: T) => void) {
    this.#background = background;
    this.#onWake = onWake;
  }

  /** When the next timer is due; infinity where there is none. */
  get nextNs(): number {
    return this.#timers.nextNs;
  }

  wakeAt(task: T, timeNs: number): void {
    this.#timers.add(task, timeNs);
  }

  /** Takes a message that is there, and is true; else the program waits for the next one. */
  receive(task: T, effect: Receive, nowNs: () => number): boolean {
    const { port } = effect;
    const message = port.queue.shift();
    if (message !== undefined) {
      this.#accept(task.counters, message);
      effect.message = message;
      return true;
    }
    task.receiving = effect;
    this.#receiversOf(port).append(task);
    if (effect.timeoutNs !== Number.POSITIVE_INFINITY) {
      this.wakeAt(task, nowNs() + effect.timeoutNs);
    }
    return false;
  }

  /** Wakes those whose time has come. */
  expire(nowNs: () => number): void {
    if (this.#timers.size === 0) return;
    const now = nowNs();
    for (let task = this.#timers.takeDue(now); task; task = this.#timers.takeDue(now)) {
      this.wake(task as T);
    }
  }

  wake(task: T): void {
    this.#timers.remove(task);
    if (task.receiving !== undefined) {
      this.#receiversOf(task.receiving.port).remove(task);
      task.receiving = undefined;
    }
    this.#onWake(task);
  }

  /** Made when a port is first waited for; from then on the hub calls back for each message. */
  #receiversOf(port: Port): WaitingList {
    let list = this.#receivers[port.id];
    if (list === undefined) {
      list = new WaitingList();
      this.#receivers[port.id] = list;
      port.onArrival = () => this.#arrived(port);
    }
    return list;
  }

  /** Messages queue only where nobody waits, so the newest belongs to the one who waits longest. */
  #arrived(port: Port): void {
    const task = this.#receiversOf(port).first;
    if (task === undefined) return;
    const effect = task.receiving as Receive;
    effect.message = port.queue.shift();
    if (effect.message !== undefined) this.#accept(task.counters, effect.message);
    this.wake(task as T);
  }

  /** A request starts its server's count anew; what the whole background has done is never reset. */
  #accept(counters: Counters, message: Message): void {
    const request = (message.flags & messageFlags.reply) === 0;
    if (!request || counters !== this.#background) acceptMessage(counters, message);
  }
}
