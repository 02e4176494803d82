import type { Core } from './cpu.ts';
import { eventKind, type Kernel } from './kernel.ts';
import type { Task } from './task.ts';

const { dispatch, resume } = eventKind;

/**
 * How far programs may run ahead of the event clock within one event. The CPU time of a step (polling,
 * posting, small computations) is added to the program's own clock, and when it leaves its core the next
 * one that is ready begins there; beyond this bound who has the core goes on in an event of its own.
 *
 * Why not always an event: half of all events would be ends of 100 ns of CPU work. Why a bound: what a
 * program does to the memory of its node (caches, free lists) is seen at once by programs of other
 * cores, up to this much too early. Half a microsecond is less than any verb or message takes one way
 * through the fabric and back, so no other node can tell; and FIFO resources are booked so that a
 * booking ahead of the clock does not hold up others (fifo.ts).
 */
export const aheadMaxPs = 500_000;
/** Programs whose steps cost nothing could hand a core to each other for ever. */
const stepsPerEventMax = 16;

/**
 * Which program runs next. A program that waits holds no core. When what it waits for has happened it
 * queues for its core; it keeps the core through one step, however long that computes.
 */
export class Scheduler {
  readonly tasks: (Task | undefined)[] = [];
  readonly cores: Core[] = [];
  /** Programs that are neither daemons nor finished. */
  foreground = 0;
  /** The running program's own clock, ahead of the kernel's by the CPU time of its step. */
  localPs = 0;
  /** When its step began. */
  #startPs = 0;
  readonly #freeTasks: number[] = [];
  readonly #timers: { task: Task; wait: number }[] = [];
  readonly #freeTimers: number[] = [];
  readonly #kernel: Kernel;
  readonly #step: (task: Task) => void;
  #running = false;

  constructor(kernel: Kernel, step: (task: Task) => void) {
    this.#kernel = kernel;
    this.#step = step;
  }

  /** The index that the next program added will have. */
  nextIndex(): number {
    return this.#freeTasks.pop() ?? this.tasks.length;
  }

  /** A new program: it takes its first step in an event of its own. */
  add(task: Task): void {
    this.tasks[task.index] = task;
    if (!task.daemon) this.foreground++;
    this.readyAt(task, this.#kernel.nowPs);
  }

  end(task: Task): void {
    if (!task.daemon) this.foreground--;
    task.dead = true;
    task.wait++;
    this.tasks[task.index] = undefined;
    this.#freeTasks.push(task.index);
  }

  /** A crash: it is never resumed. Its index stays taken, since events that name it may be due. */
  kill(task: Task): void {
    if (task.dead) return;
    if (!task.daemon) this.foreground--;
    task.dead = true;
    task.wait++;
  }

  /** What the program waited for has happened, now. */
  ready(task: Task): void {
    const { core } = task;
    if (!this.#running && core.idle(this.#kernel.nowPs)) {
      this.#run(task, core);
      return;
    }
    this.readyAt(task, this.#kernel.nowPs);
  }

  /**
   * What the program waits for will have happened at that time, which nothing can change any more. Its place
   * among the core's programs is known with it, so there need be no event to say that it is ready, and
   * another one for its turn: on a core that is busy, which is where simulations spend their time, only the
   * turns are left.
   */
  readyAt(task: Task, atPs: number): void {
    const { core } = task;
    core.queue.push(task, atPs);
    if (core.holder === undefined) this.#dispatchWhenFree(core);
  }

  /** It goes on after computing, on the core that it kept. */
  resume(index: number): void {
    const task = this.tasks[index];
    if (task !== undefined && !task.dead) this.#run(task, task.core);
  }

  dispatch(index: number): void {
    const core = this.cores[index] as Core;
    const { nowPs } = this.#kernel;
    if (core.dispatchPs !== nowPs) return; // An earlier one has been scheduled since.
    core.dispatchPs = Number.POSITIVE_INFINITY;
    if (core.holder !== undefined) return;
    const { queue } = core;
    while (queue.firstPs <= nowPs && core.freePs <= nowPs) {
      const task = queue.shift();
      if (task.dead) continue;
      this.#run(task, core);
      return;
    }
    if (queue.count > 0) this.#dispatchWhenFree(core);
  }

  #run(first: Task, core: Core): void {
    this.#running = true;
    let task: Task | undefined = first;
    for (let steps = 1; task !== undefined; steps++) {
      core.holder = task;
      this.#step(task);
      if (core.holder !== undefined) break;
      task = steps < stepsPerEventMax ? this.#following(core) : undefined;
      if (task === undefined && core.queue.count > 0) this.#dispatchWhenFree(core);
    }
    this.#running = false;
  }

  /**
   * Who has the core next, where that is at once. Only a program that is ready by the event clock: of one
   * that will be, what it waits for is not over, such as the window of a READ that a WRITE may yet change.
   */
  #following({ queue, freePs }: Core): Task | undefined {
    const { nowPs } = this.#kernel;
    if (freePs - nowPs > aheadMaxPs) return undefined;
    while (queue.firstPs <= nowPs) {
      const task = queue.shift();
      if (!task.dead) return task;
    }
    return undefined;
  }

  /** A step begins: now, or when the step before it on this core is over. */
  begin({ freePs }: Core): void {
    const { nowPs } = this.#kernel;
    this.#startPs = freePs > nowPs ? freePs : nowPs;
    this.localPs = this.#startPs;
  }

  /** The step is over at `localPs`, and the program leaves its core. */
  leave(core: Core): void {
    core.holder = undefined;
    core.usefulPs += this.localPs - this.#startPs;
    core.freePs = this.localPs;
  }

  /** The program keeps its core until `localPs`, and goes on then. */
  keep(task: Task): void {
    task.core.usefulPs += this.localPs - this.#startPs;
    task.core.freePs = this.localPs;
    this.#kernel.schedule(this.localPs, resume, task.index);
  }

  #dispatchWhenFree(core: Core): void {
    const { firstPs } = core.queue;
    const { freePs } = core;
    const startPs = firstPs > freePs ? firstPs : freePs;
    if (core.dispatchPs <= startPs) return;
    core.dispatchPs = startPs;
    this.#kernel.schedule(startPs, dispatch, core.index);
  }

  /** Resumes the program at that time, unless its present wait has ended before. */
  timer(task: Task, atPs: number): void {
    const index = this.#freeTimers.pop() ?? this.#timers.length;
    this.#timers[index] = { task, wait: task.wait };
    this.#kernel.schedule(Math.round(atPs), eventKind.timer, index);
  }

  expire(index: number): Task | undefined {
    const { task, wait } = this.#timers[index] as { task: Task; wait: number };
    this.#freeTimers.push(index);
    return task.wait === wait && !task.dead ? task : undefined;
  }
}
