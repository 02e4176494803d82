import type { SimCluster } from '../../../sim/index.ts';
import type { NodeContext } from '../../core/context.ts';
import type { Program } from '../../core/effect.ts';
import { FarsideError } from '../../core/errors.ts';
import type { NodeRuntime } from '../../fabric/fabric.ts';
import type { SharedNode } from '../../fabric/shared/node.ts';

/** Makes the programs of a node progress, beside the event loop of the thread that it is in. */
export interface Pump {
  /**
   * Programs have been started: see that they run. Whoever starts several at once calls it for
   * each.
   */
  poke(): void;
  /** Nothing will be started any more. */
  stop(): void;
}

/**
 * A compute node whose programs are promises. Programs that are awaited together run interleaved,
 * as on any node: `await Promise.all([node.run(a), node.run(b)])`.
 */
export class AsyncNode {
  readonly #runtime: NodeRuntime;
  readonly #pump: Pump;
  readonly #running = new Set<(error: unknown) => void>();
  #failure: unknown;
  #onIdle: (() => void)[] = [];

  /** `makePump` is told where to report what ends the whole node, such as a server that failed. */
  constructor(runtime: NodeRuntime, makePump: (fail: (error: unknown) => void) => Pump) {
    this.#runtime = runtime;
    this.#pump = makePump((error) => this.#fail(error));
  }

  /** What programs of this node are given: clock, dice, mailboxes, counters. */
  get context(): NodeContext {
    return this.#runtime.context;
  }

  /** Runs a program to its end and gives what it returns; rejects with what it throws. */
  run<T>(program: Program<T>): Promise<T> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise<T>((resolve, reject) => {
      this.#running.add(reject);
      const ended = (): void => {
        this.#running.delete(reject);
        if (this.#running.size === 0) for (const idle of this.#onIdle.splice(0)) idle();
      };
      this.#runtime.start(settling(program, resolve, reject, ended), { label: 'application' });
      this.#pump.poke();
    });
  }

  /** Waits for the programs that run, then refuses new ones. */
  async close(): Promise<void> {
    if (this.#running.size > 0) await new Promise<void>((idle) => this.#onIdle.push(idle));
    this.#failure ??= new FarsideError('FARSIDE_USAGE', 'the store is closed: open another');
    this.#pump.stop();
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    this.#pump.stop();
    for (const reject of this.#running) reject(error);
    this.#running.clear();
    for (const idle of this.#onIdle.splice(0)) idle();
  }
}

/** Keeps a program's own error to its own promise: elsewhere it would end the run. */
function* settling<T>(
  program: Program<T>,
  resolve: (value: T) => void,
  reject: (error: unknown) => void,
  ended: () => void,
): Program<void> {
  try {
    resolve(yield* program);
  } catch (error) {
    reject(error);
  }
  ended();
}

/** Turns in a row before the event loop has one; without progress, before the node rests. */
const turnsPerSlice = 256;
const idleSlicesMax = 50;
/** How long it rests while a program waits (for a server, say), and while only daemons are left. */
const restMs = { foreground: 1, background: 5 } as const;

/**
 * Drives a node of the shared fabric that lives in the caller's thread. An operation that waits for
 * nobody completes in the next microtask. The background of the node goes on between operations.
 */
export function sharedPump(node: SharedNode, fail: (error: unknown) => void): Pump {
  let stopped = false;
  let scheduled = false;
  let idleSlices = 0;
  let timer: NodeJS.Timeout | undefined;
  const slice = (): void => {
    scheduled = false;
    if (stopped) return;
    try {
      let progress = false;
      for (let turns = 0; turns < turnsPerSlice; turns++) {
        if (!node.turn()) break;
        progress = true;
        if (node.foreground === 0) break;
      }
      idleSlices = progress ? 0 : idleSlices + 1;
    } catch (error) {
      fail(error);
      return;
    }
    next();
  };
  const next = (): void => {
    clearTimeout(timer);
    if (node.foreground === 0) {
      // Daemons alone must not keep the application from ending.
      timer = setTimeout(slice, restMs.background).unref();
    } else if (idleSlices < idleSlicesMax) {
      scheduled = true;
      setImmediate(slice);
    } else timer = setTimeout(slice, restMs.foreground);
  };
  next();
  return {
    poke() {
      idleSlices = 0;
      if (scheduled || stopped) return;
      scheduled = true;
      queueMicrotask(slice);
    },
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}

/** Events between two turns of the event loop: about ten milliseconds. */
const eventsPerSlice = 50_000;

/** Drives a simulated cluster: virtual time passes while a program is awaited, and only then. */
export function simPump(sim: SimCluster, fail: (error: unknown) => void): Pump {
  let scheduled = false;
  let stopped = false;
  const slice = (): void => {
    if (stopped) return;
    try {
      scheduled = sim.runSlice(eventsPerSlice);
    } catch (error) {
      fail(error);
      return;
    }
    if (scheduled) setImmediate(slice);
  };
  return {
    poke() {
      if (scheduled) return;
      scheduled = true;
      queueMicrotask(slice);
    },
    stop() {
      stopped = true;
    },
  };
}
