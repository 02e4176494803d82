import { nodeSpaceBytes } from '../src/core/address.ts';
import { type Verb, verbOp, verbStatus } from '../src/core/effect.ts';
import { FarsideError } from '../src/core/errors.ts';
import { type Costs, wholePs } from './costs.ts';
import { type Flight, FlightPool, isReadLike } from './flight.ts';
import { eventKind, type Kernel } from './kernel.ts';
import type { Machine } from './machine.ts';
import { checkVerb } from './node-memory.ts';
import type { Hop } from './path.ts';
import { QueuePair } from './queue-pair.ts';
import type { Responder } from './responder.ts';
import type { Root, Task } from './task.ts';
import type { TraceSink } from './trace.ts';
import { Tracer } from './tracer.ts';

// Under names of this module they are constants to V8; an import is loaded at each use.
const verbOps = verbOp;
const state = verbStatus;
const event = eventKind;
const spaceBytes = nodeSpaceBytes;
const spacesPerByte = 1 / nodeSpaceBytes;

/** What the transport asks of whoever runs the programs. */
export interface Completions {
  /** All verbs that the program awaits have a completion time; the latest is its `readyPs`. */
  allComplete(task: Task): void;
  /** A verb that was posted without waiting has completed now. */
  oneComplete(flight: Flight): void;
}

/**
 * The requester's side of a verb: from the doorbell to the moment it reaches its target (an event),
 * and its completion (an event, or one for all verbs that a program awaits together).
 *
 * Only resources on the requester's side are booked when a verb is posted. Those of the target are
 * booked when the verb gets there: a verb that still has to queue at its own NIC must not hold a place
 * at a target that another node's verb reaches first.
 */
export class Transport {
  readonly flights = new FlightPool();
  readonly machines: readonly Machine[];
  readonly queuePairs: QueuePair[] = [];
  responder!: Responder;
  readonly tracer: Tracer | undefined;
  /** Verbs that took longer than `faults.verbBoundNs`. */
  overdue = 0;
  /** By source × nodes + target; empty almost always. */
  readonly hops = new Map<number, Hop[]>();
  hasHops = false;
  readonly #kernel: Kernel;
  readonly #costs: Costs;
  readonly #completions: Completions;
  #seed = 0;
  readonly #seedBase: number;

  constructor(
    kernel: Kernel,
    costs: Costs,
    machines: readonly Machine[],
    completions: Completions,
    options: { readonly seed: number; readonly trace?: TraceSink | undefined },
  ) {
    this.#kernel = kernel;
    this.#costs = costs;
    this.machines = machines;
    this.#completions = completions;
    this.#seedBase = Math.imul(options.seed, 0x9e3779b1);
    this.tracer = options.trace === undefined ? undefined : new Tracer(options.trace);
  }

  /** Throws the program's address errors, before anything is posted. Gives the verb's node. */
  check(verb: Verb<unknown>): number {
    const { address } = verb;
    // As `nodeOf` and `offsetOf` without their divisions: exact, since by a power of two.
    const node = Math.floor(address * spacesPerByte);
    const machine = this.machines[node];
    checkVerb(
      verb,
      address - node * spaceBytes,
      machine === undefined ? -1 : machine.node.spaceBytes,
    );
    if (verb.status !== state.idle) throw postedTwice(node);
    return node;
  }

  /** Posts one checked verb, of which `check` gave the node, whose doorbell rings at `atPs`. */
  post(verb: Verb<unknown>, node: number, task: Task, awaited: boolean, atPs: number): void {
    const target = this.machines[node] as Machine;
    const queuePair = this.#queuePair(task.root, target);
    const flight = this.flights.take();
    flight.verb = verb;
    flight.queuePair = queuePair;
    flight.target = target;
    flight.op = verb.op;
    flight.address = verb.address;
    flight.offset = verb.address - node * spaceBytes;
    flight.lengthBytes = verb.lengthBytes;
    flight.buffer = verb.buffer;
    flight.awaitedBy = awaited ? task : undefined;
    flight.seed = (this.#seedBase + Math.imul(++this.#seed, 0x85ebca6b)) | 0;
    flight.postPs = atPs;
    flight.status = state.posted;
    verb.status = state.posted;
    verb.flight = flight;
    if (this.tracer !== undefined) this.tracer.posted(flight, task);
    if (queuePair.broken) {
      flight.completePs = atPs;
      this.finish(flight, state.failed, 'its queue pair is broken');
      return;
    }
    const { waiting } = queuePair;
    if (
      waiting.length === 0 &&
      queuePair.mayLaunch(flight, isReadLike(flight.op), atPs, this.flights)
    ) {
      this.#launch(flight, atPs);
    } else {
      queuePair.hold(flight);
      this.schedulePump(queuePair);
    }
  }

  #queuePair(root: Root, target: Machine): QueuePair {
    const known = root.queuePairs[target.id];
    if (known !== undefined) return known;
    const source = this.machines[root.node] as Machine;
    const queuePair = new QueuePair(
      this.queuePairs.length,
      source,
      target,
      root.incarnation,
      this.#costs.readsOutstandingMax,
    );
    this.queuePairs.push(queuePair);
    root.queuePairs[target.id] = queuePair;
    return queuePair;
  }

  /** Launches what had to wait, as far as it may now. */
  pump(index: number): void {
    const queuePair = this.queuePairs[index] as QueuePair;
    const { nowPs } = this.#kernel;
    if (queuePair.pumpPs !== nowPs) return;
    queuePair.pumpPs = Number.POSITIVE_INFINITY;
    const { waiting } = queuePair;
    while (waiting.length > 0) {
      const flight = waiting[0] as Flight;
      if (!queuePair.mayLaunch(flight, isReadLike(flight.op), nowPs, this.flights)) break;
      waiting.shift();
      if (queuePair.broken) {
        flight.completePs = nowPs;
        this.finish(flight, state.unknown, 'its queue pair broke');
      } else this.#launch(flight, Math.max(nowPs, flight.postPs));
    }
    this.schedulePump(queuePair);
  }

  schedulePump(queuePair: QueuePair): void {
    if (queuePair.waiting.length === 0) return;
    const atPs = queuePair.nextCompletionPs;
    if (atPs >= queuePair.pumpPs) return;
    queuePair.pumpPs = Math.max(atPs, this.#kernel.nowPs);
    this.#kernel.schedule(queuePair.pumpPs, event.pump, queuePair.index);
  }

  #launch(flight: Flight, atPs: number): void {
    const { queuePair, op } = flight;
    if (isReadLike(op)) queuePair.readLaunched();
    const issuePs = Math.max(atPs, queuePair.issueFreePs);
    queuePair.issueFreePs = issuePs + this.#costs.queuePairGapPs;
    queuePair.append(flight);
    this.#send(flight, issuePs);
  }

  /** Books the requester's NIC, PCIe and port, and schedules the arrival. */
  #send(flight: Flight, issuePs: number): void {
    const costs = this.#costs;
    const { nowPs } = this.#kernel;
    const { queuePair, op } = flight;
    const { source, target } = queuePair;
    let atPs = source.requester.book(nowPs, issuePs, costs.requesterGapPs) + costs.requestPs;
    // An atomic carries its operand; READ and FLUSH carry an address only.
    let payload = op === verbOps.read || op === verbOps.flush ? 0 : 8;
    if (op === verbOps.write) {
      payload = flight.lengthBytes;
      if (payload > costs.inlineBytesMax) {
        const fetchPs = wholePs(payload * costs.pcieReadBytePs);
        atPs = source.pcieRead.book(nowPs, atPs, fetchPs) + costs.fetchPs;
      }
    }
    // A packet without payload slips in between those of others: only payloads queue for a port.
    if (payload === 0) atPs += costs.emptyWirePs + costs.propagationPs;
    else {
      const wirePs = costs.wirePs(payload);
      atPs = source.linkOut.book(nowPs, atPs, wirePs) + costs.propagationPs;
      atPs = target.linkIn.overlap(nowPs, atPs, wirePs);
    }
    if (atPs < queuePair.arrivalPs) atPs = queuePair.arrivalPs;
    queuePair.arrivalPs = atPs;
    source.counts.verbsOut++;
    source.counts.bytesOut += payload;
    const hops = this.hasHops && this.hopsOf(flight) !== undefined;
    if (hops) {
      flight.unusual = true;
      flight.sends++;
      flight.hop = 0;
    }
    const kind = hops ? event.hop : event.arrive;
    this.#kernel.schedule(atPs, kind, flight.index);
  }

  hopsOf({ queuePair }: Flight): Hop[] | undefined {
    return this.hops.get(queuePair.source.id * this.machines.length + queuePair.target.id);
  }

  /** Sends a lost request again, or gives it up. */
  resend(flight: Flight): void {
    const { nowPs } = this.#kernel;
    const costs = this.#costs;
    if (flight.sends > costs.retransmitsMax) {
      this.responder.lose(flight, 'no answer after all retransmissions');
      return;
    }
    this.#kernel.call(nowPs + costs.retransmitPs, () => {
      if (!flight.dropped) this.#send(flight, this.#kernel.nowPs);
    });
  }

  /**
   * The outcome is known, and the requester sees it at `flight.completePs`, or later: in post order of its
   * queue pair. The time is handed on in the flight, since V8 allocates a double that crosses a call.
   */
  finish(flight: Flight, status: 2 | 3 | 4, reason = ''): void {
    const { queuePair, verb } = flight;
    if (flight.completePs < queuePair.completionPs) flight.completePs = queuePair.completionPs;
    const { completePs } = flight;
    queuePair.completionPs = completePs;
    flight.status = status;
    if (reason !== '') verb.reason = reason;
    const task = flight.awaitedBy;
    if (task === undefined) {
      this.#kernel.schedule(completePs, event.complete, flight.index);
      return;
    }
    if (completePs > task.readyPs) task.readyPs = completePs;
    if (--task.pending === 0) this.#completions.allComplete(task);
  }

  /** The requester sees the outcome, now: the verb object gets it, and the record is free again. */
  retire(flight: Flight): void {
    const { verb, target, queuePair } = flight;
    if (isReadLike(flight.op)) queuePair.readSeen();
    else {
      target.memory.windows.landWrites(this.#kernel.nowPs);
      if (queuePair.openWrite === flight) queuePair.openWrite = undefined;
    }
    if (flight.status === state.ok && target.crashes !== flight.crashesAtAct) {
      flight.status = state.unknown;
      verb.reason = 'the node crashed before it could confirm';
    }
    if (flight.status === state.unknown) {
      queuePair.broken = true;
      verb.start = queuePair.targetIncarnation;
    }
    if (flight.completePs - flight.postPs > this.#costs.verbBoundPs) this.overdue++;
    if (this.tracer !== undefined) this.tracer.completed(flight);
    verb.status = flight.status;
    verb.flight = undefined;
    this.flights.give(flight);
  }

  completeOne(index: number): void {
    this.#completions.oneComplete(this.flights.at(index));
  }
}

function postedTwice(node: number): FarsideError {
  return new FarsideError('FARSIDE_USAGE', `a verb object was posted twice: node ${node}`);
}
