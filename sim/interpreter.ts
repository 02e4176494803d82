import {
  type ComputeKind,
  type Effect,
  effectKind,
  type Fence,
  type LocalAccess,
  type Receive,
  type Reconnect,
  type Verb,
  verbOp,
  verbStatus,
  type Wait,
} from '../src/core/effect.ts';
import { assert, FarsideError, unreachable } from '../src/core/errors.ts';
import { acceptMessage, type Message, type Port } from '../src/core/message.ts';
import { resume, throwInto } from '../src/core/running.ts';
import type { Costs } from './costs.ts';
import type { Flight } from './flight.ts';
import type { Kernel } from './kernel.ts';
import { accessLocally } from './local-access.ts';
import type { SimNode } from './node.ts';
import { aheadMaxPs, Scheduler } from './scheduler.ts';
import type { Task } from './task.ts';
import type { Completions, Transport } from './transport.ts';

// Under names of this module they are constants to V8; an import is loaded at each use.
const kinds = effectKind;
const verbOps = verbOp;
const state = verbStatus;

const effectsPerStepMax = 100_000;
/** In place of a node: the verb has been posted. */
const posted = -1;

/** What becomes of a program after an effect: it goes on, waits, or computes on. */
const next = { go: 0, wait: 1, compute: 2 } as const;
type Next = (typeof next)[keyof typeof next];

/** Performs what programs yield, and charges the CPU for it. */
export class Interpreter implements Completions {
  readonly scheduler: Scheduler;
  readonly nodes: readonly (SimNode | undefined)[];
  transport!: Transport;
  readonly #kernel: Kernel;
  readonly #costs: Costs;
  readonly #receivers = new Map<Port, Task[]>();
  #running: Task | undefined = undefined;
  /** Of the verbs that are being posted, by position. */
  readonly #nodes: number[] = [];

  /** CPU work of the program that runs: its clock goes on, and nothing else happens. */
  readonly charge = (work: ComputeKind, units = 1): void => {
    const { scheduler } = this;
    const startPs = scheduler.localPs;
    scheduler.localPs += this.#costs.computePs(work, units);
    const { tracer } = this.transport;
    if (tracer === undefined) return;
    tracer.computed(this.#running as Task, work, units, startPs, scheduler.localPs);
  };

  constructor(kernel: Kernel, costs: Costs, nodes: readonly (SimNode | undefined)[]) {
    this.#kernel = kernel;
    this.#costs = costs;
    this.nodes = nodes;
    this.scheduler = new Scheduler(kernel, (task) => this.#step(task));
  }

  allComplete(task: Task): void {
    const { readyPs } = task;
    const { nowPs } = this.#kernel;
    this.scheduler.readyAt(task, readyPs > nowPs ? readyPs : nowPs);
  }

  /** A posted verb completes now: whoever waits for it among others may go on. */
  oneComplete(flight: Flight): void {
    const { waiters } = flight;
    this.transport.retire(flight);
    if (waiters === undefined) return;
    for (const { task, wait } of waiters) {
      if (task.wait === wait && !task.dead && --task.needed === 0) this.scheduler.ready(task);
    }
  }

  expire(index: number): void {
    const task = this.scheduler.expire(index);
    if (task === undefined) return;
    const { effect } = task;
    if (effect?.kind === kinds.receive) {
      const waiting = this.#receivers.get(effect.port) as Task[];
      waiting.splice(waiting.indexOf(task), 1);
    }
    task.wait++;
    this.scheduler.ready(task);
  }

  /** One step of a program: from its resumption until it waits or computes for long. */
  #step(task: Task): void {
    const { scheduler } = this;
    scheduler.begin(task.core);
    (this.nodes[task.root.node] as SimNode).context.counters = task.counters;
    this.#running = task;
    let effect: Effect | undefined;
    if (task.deferred) {
      task.deferred = false;
      effect = task.effect;
    } else if (task.effect !== undefined) this.#conclude(task, task.effect);
    effect ??= this.#orEnd(task, resume(task));
    let outcome: Next = next.wait;
    for (let effects = 0; effect !== undefined; effects++) {
      if (effects > effectsPerStepMax) this.#spins(task);
      try {
        outcome = this.#perform(task, effect);
      } catch (error) {
        // The program's own mistake, such as a misaligned address: it may catch it.
        if (!(error instanceof FarsideError)) throw error;
        effect = this.#orEnd(task, throwInto(task, error));
        continue;
      }
      if (outcome !== next.go) break;
      effect = this.#orEnd(task, resume(task));
    }
    if (effect === undefined) outcome = next.wait;
    if (outcome === next.compute) scheduler.keep(task);
    else scheduler.leave(task.core);
  }

  /** Ends a program that has yielded nothing more. */
  #orEnd(task: Task, effect: Effect | undefined): Effect | undefined {
    if (effect === undefined) this.scheduler.end(task);
    return effect;
  }

  #spins(task: Task): never {
    throw new FarsideError('FARSIDE_LIMIT', `${task.label} yields without ever waiting`);
  }

  /** What a wait leaves to do when it is over: outcomes, counters, the CPU time of polling. */
  #conclude(task: Task, effect: Effect): void {
    const { counters } = task;
    task.effect = undefined;
    switch (effect.kind) {
      case kinds.verb:
        this.transport.retire(effect.flight as Flight);
        counters.roundTrips = Math.max(counters.roundTrips, effect.depth + 1);
        this.scheduler.localPs += this.#costs.pollPs;
        break;
      case kinds.batch: {
        const { verbs } = effect;
        for (let i = 0; i < verbs.length; i++) {
          this.transport.retire((verbs[i] as Verb<unknown>).flight as Flight);
        }
        counters.roundTrips++;
        this.scheduler.localPs += verbs.length * this.#costs.pollPs;
        break;
      }
      case kinds.wait:
        this.#awaited(task, effect);
        break;
      case kinds.receive:
        if (effect.message !== undefined) this.#accept(task, effect);
        break;
      default:
        break;
    }
  }

  #perform(task: Task, effect: Effect): Next {
    const { scheduler } = this;
    if (effect.kind === kinds.compute) {
      this.charge(effect.work, effect.units);
      if (scheduler.localPs - this.#kernel.nowPs <= aheadMaxPs) return next.go;
      task.deferred = true;
      task.effect = undefined;
      return next.compute;
    }
    if (scheduler.localPs - this.#kernel.nowPs > aheadMaxPs) {
      task.deferred = true;
      task.effect = effect;
      return next.compute;
    }
    switch (effect.kind) {
      case kinds.verb: {
        task.effect = effect;
        const node = this.transport.check(effect);
        task.pending = 1;
        task.readyPs = 0;
        scheduler.localPs += this.#costs.postPs + this.#costs.doorbellPs;
        task.counters.doorbells++;
        this.#postOne(task, effect, node, true);
        return next.wait;
      }
      case kinds.batch:
        if (effect.verbs.length === 0) return next.go;
        task.effect = effect;
        this.#post(task, effect.verbs, true);
        return next.wait;
      case kinds.post:
        this.#post(task, effect.verbs, false);
        return next.go;
      case kinds.wait:
        return this.#wait(task, effect);
      case kinds.receive:
        return this.#receive(task, effect);
      case kinds.local:
        this.#local(task, effect);
        return next.go;
      case kinds.sleep:
        task.effect = effect;
        task.wait++;
        scheduler.timer(task, scheduler.localPs + effect.durationNs * 1000);
        return next.wait;
      case kinds.spawn:
        (this.nodes[task.root.node] as SimNode).spawn(task, effect.program, effect.label);
        return next.go;
      case kinds.fence:
        return this.#fence(task, effect);
      case kinds.reconnect:
        return this.#reconnect(task, effect);
      default:
        return unreachable(effect);
    }
  }

  /** Counts and posts; one doorbell for each node named, whatever the order of the verbs. */
  #post(task: Task, verbs: readonly Verb<unknown>[], awaited: boolean): void {
    const { scheduler, transport } = this;
    const { counters } = task;
    const { postPs, doorbellPs } = this.#costs;
    const nodes = this.#nodes;
    for (let i = 0; i < verbs.length; i++) nodes[i] = transport.check(verbs[i] as Verb<unknown>);
    if (awaited) {
      task.pending = verbs.length;
      task.readyPs = 0;
    }
    for (let first = 0; first < verbs.length; first++) {
      const node = nodes[first] as number;
      if (node === posted) continue; // with an earlier verb of its node
      let sameNode = 1;
      for (let i = first + 1; i < verbs.length; i++) if (nodes[i] === node) sameNode++;
      counters.doorbells++;
      scheduler.localPs += sameNode * postPs + doorbellPs;
      for (let i = first; sameNode > 0; i++) {
        if (nodes[i] !== node) continue;
        nodes[i] = posted;
        sameNode--;
        this.#postOne(task, verbs[i] as Verb<unknown>, node, awaited);
      }
    }
  }

  #postOne(task: Task, verb: Verb<unknown>, node: number, awaited: boolean): void {
    const { counters } = task;
    const { op } = verb;
    verb.depth = counters.roundTrips;
    counters.verbs++;
    if (op === verbOps.read) counters.bytesIn += verb.lengthBytes;
    else if (op !== verbOps.flush) counters.bytesOut += verb.lengthBytes;
    if (op === verbOps.cas || op === verbOps.faa) counters.bytesIn += 8;
    this.transport.post(verb, node, task, awaited, this.scheduler.localPs);
  }

  #wait(task: Task, effect: Wait): Next {
    let done = 0;
    for (const ticket of effect.tickets) if (ticket.status >= state.ok) done++;
    if (done >= effect.count || effect.timeoutNs <= 0) {
      this.#awaited(task, effect);
      return next.go;
    }
    task.effect = effect;
    task.wait++;
    task.needed = effect.count - done;
    for (const ticket of effect.tickets) {
      if (ticket.status !== state.posted) continue;
      const flight = ticket.flight as Flight;
      flight.waiters ??= [];
      flight.unusual = true;
      flight.waiters.push({ task, wait: task.wait });
    }
    if (Number.isFinite(effect.timeoutNs)) {
      this.scheduler.timer(task, this.scheduler.localPs + effect.timeoutNs * 1000);
    }
    return next.wait;
  }

  #awaited(task: Task, effect: Wait): void {
    const { counters } = task;
    task.wait++;
    for (const ticket of effect.tickets) {
      if (ticket.status < state.ok) continue;
      counters.roundTrips = Math.max(counters.roundTrips, ticket.depth + 1);
      this.scheduler.localPs += this.#costs.pollPs;
    }
  }

  #receive(task: Task, effect: Receive): Next {
    const message = effect.port.queue.shift();
    if (message !== undefined) {
      effect.message = message;
      this.#accept(task, effect);
      return next.go;
    }
    if (effect.timeoutNs <= 0) return next.go;
    let waiting = this.#receivers.get(effect.port);
    if (waiting === undefined) {
      const receivers: Task[] = [];
      waiting = receivers;
      this.#receivers.set(effect.port, receivers);
      effect.port.onArrival = () => this.#arrived(effect.port, receivers);
    }
    waiting.push(task);
    task.effect = effect;
    task.wait++;
    if (Number.isFinite(effect.timeoutNs)) {
      this.scheduler.timer(task, this.scheduler.localPs + effect.timeoutNs * 1000);
    }
    return next.wait;
  }

  /** A message is in the port's queue: the program that has waited longest takes it. */
  #arrived(port: Port, receivers: Task[]): void {
    let task = receivers.shift();
    while (task?.dead) task = receivers.shift();
    if (task === undefined) return;
    (task.effect as Receive).message = port.queue.shift();
    task.wait++;
    this.scheduler.ready(task);
  }

  #accept(task: Task, effect: Receive): void {
    acceptMessage(task.counters, effect.message as Message);
    this.transport.tracer?.received(task, effect, this.scheduler.localPs);
    this.scheduler.localPs += this.#costs.pollPs;
  }

  #local(task: Task, access: LocalAccess<unknown>): void {
    const { machine } = this.nodes[task.root.node] as SimNode;
    const startPs = this.scheduler.localPs;
    this.scheduler.localPs += accessLocally(machine, access, this.#costs, this.#kernel.nowPs);
    this.transport.tracer?.local(task, access, startPs, this.scheduler.localPs);
  }

  /** Verbs posted from now on find no queue pair to that node, and are given a new one. */
  #reconnect(task: Task, effect: Reconnect): Next {
    assert(
      this.transport.machines[effect.node] !== undefined,
      () => `there is no node ${effect.node}`,
      'FARSIDE_ADDRESS',
    );
    task.effect = effect;
    task.root.queuePairs[effect.node] = undefined;
    const atPs = this.scheduler.localPs + this.#costs.controlPs;
    this.scheduler.readyAt(task, atPs);
    return next.wait;
  }

  /** Through the control path: acts at the memory node after half of its round trip. */
  #fence(task: Task, effect: Fence): Next {
    const machine = this.transport.machines[effect.node];
    assert(machine !== undefined, () => `there is no node ${effect.node}`, 'FARSIDE_ADDRESS');
    const atPs = this.scheduler.localPs;
    const halfPs = Math.round(this.#costs.controlPs / 2);
    task.effect = effect;
    this.#kernel.call(atPs + halfPs, () => {
      machine.fence(effect.incarnation, this.#kernel.nowPs);
    });
    this.scheduler.readyAt(task, atPs + 2 * halfPs);
    return next.wait;
  }
}
