import { nodeOf, offsetOf } from '../src/core/address.ts';
import { fencedReason, verbOp, verbStatus } from '../src/core/effect.ts';
import { assert } from '../src/core/errors.ts';
import type { RandomStream } from '../src/core/random.ts';
import { type Costs, wholePs } from './costs.ts';
import { type Flight, isReadLike } from './flight.ts';
import { eventKind, type Kernel } from './kernel.ts';
import type { Machine } from './machine.ts';
import type { Transit } from './path.ts';
import type { Transport } from './transport.ts';
import { kill } from './windows.ts';

// Under names of this module they are constants to V8; an import is loaded at each use.
const op = verbOp;
const state = verbStatus;
const { arrive, hop: hopEvent } = eventKind;

/**
 * The responder's side of a verb: what it does to the target's memory when it arrives, and what its
 * answer's way back costs.
 *
 * Everything after the arrival is booked in the arrival's event, and memory is touched there too, also
 * where the answer then queues for PCIe or the link. That is within the contract (a verb acts at some
 * moment between post and completion) and spares an event a verb. Atomics are the exception: which of
 * many wins a word depends on when each has its turn, so one that must queue for its word comes back
 * in an event of its own, and what is behind it on its queue pair waits.
 */
export class Responder {
  readonly #kernel: Kernel;
  readonly #costs: Costs;
  readonly #transport: Transport;
  readonly #dice: RandomStream;
  /** A WRITE of one word has landed in the mailbox region of a node, and is noticed at `atPs`. */
  readonly #onMessage: (machine: Machine, address: number, atPs: number) => void;

  constructor(
    kernel: Kernel,
    costs: Costs,
    transport: Transport,
    dice: RandomStream,
    onMessage: (machine: Machine, address: number, atPs: number) => void,
  ) {
    this.#kernel = kernel;
    this.#costs = costs;
    this.#transport = transport;
    this.#dice = dice;
    this.#onMessage = onMessage;
  }

  /** A verb has reached its target, or its atomic has its turn. */
  arrive(index: number): void {
    const flight = this.#transport.flights.at(index);
    const { queuePair } = flight;
    if (queuePair.head !== flight) {
      // Only while an earlier verb waits for its turn at a word or is sent again.
      flight.stalled = true;
      flight.unusual = true;
      return;
    }
    let acting: Flight | undefined = flight;
    while (acting !== undefined && this.#act(acting)) {
      queuePair.shift();
      if (acting.dropped) this.#transport.flights.give(acting);
      acting = queuePair.head?.stalled ? queuePair.head : undefined;
      if (acting !== undefined) acting.stalled = false;
    }
  }

  /** A request passes the next hop of its path. */
  passHop(index: number): void {
    const flight = this.#transport.flights.at(index);
    const kernel = this.#kernel;
    const hops = this.#transport.hopsOf(flight);
    const hop = hops?.[flight.hop++];
    if (hop === undefined || hops === undefined) {
      kernel.schedule(kernel.nowPs, arrive, index);
      return;
    }
    const { source, target } = flight.queuePair;
    const transit = {
      source: source.id,
      target: target.id,
      op: flight.op,
      lengthBytes: flight.lengthBytes,
      address: flight.address,
      buffer: flight.buffer,
    };
    const verdict = hop.pass(transit, kernel.nowPs / 1000);
    if (verdict.action === 'drop') {
      this.#transport.resend(flight);
      return;
    }
    if (verdict.action === 'answer') {
      flight.verb.low = verdict.low;
      flight.verb.high = verdict.high;
      flight.answered = true;
      flight.unusual = true;
      kernel.schedule(kernel.nowPs, arrive, index);
      return;
    }
    if (verdict.loseCompletion === true) {
      flight.unheard = true;
      flight.unusual = true;
    }
    rewrite(flight, transit);
    const atPs = kernel.nowPs + Math.round(verdict.delayNs * 1000);
    kernel.schedule(atPs, flight.hop < hops.length ? hopEvent : arrive, index);
  }

  /** False where it has to wait for its turn; it arrives again then. */
  #act(flight: Flight): boolean {
    const { queuePair, target } = flight;
    const { nowPs } = this.#kernel;
    if (flight.unusual && this.#isSettled(flight)) return true;
    if (queuePair.served !== target.condition && !this.#serves(flight)) return true;
    flight.crashesAtAct = target.crashes;
    let atPs = nowPs;
    if (!flight.unusual || !flight.admitted) {
      atPs = target.responder.book(nowPs, nowPs, this.#costs.responderGapPs);
      target.counts.verbsIn++;
    }
    target.memory.windows.landWrites(nowPs);
    switch (flight.op) {
      case op.read:
        this.#read(flight, atPs);
        return true;
      case op.write:
      case op.atomicWrite:
        this.#write(flight, atPs);
        return true;
      case op.flush:
        return this.#flush(flight, atPs);
      default:
        return this.#atomic(flight, atPs);
    }
  }

  /** Whether what becomes of it was decided on its way; then it does not act. */
  #isSettled(flight: Flight): boolean {
    const { nowPs } = this.#kernel;
    // Cut off by its node's crash: nobody waits for it.
    if (flight.dropped) return true;
    if (flight.lost !== '') {
      flight.completePs = nowPs;
      this.#end(flight, state.unknown, flight.lost);
      return true;
    }
    if (!flight.answered) return false;
    flight.actPs = nowPs;
    flight.crashesAtAct = flight.target.crashes;
    flight.completePs = nowPs + this.#costs.responsePs;
    this.#respond(flight, flight.lengthBytes);
    return true;
  }

  /** Whether the target, as it is now, serves the queue pair; the verb ends where it does not. */
  #serves(flight: Flight): boolean {
    const { queuePair, target } = flight;
    if (!target.up) {
      this.#outcomeLost(flight, 'the node is down');
      return false;
    }
    if (target.fenced.has(queuePair.sourceIncarnation)) {
      this.#refuse(flight, fencedReason);
      return false;
    }
    if (target.incarnation !== queuePair.targetIncarnation) {
      this.#refuse(flight, 'the node has started anew since');
      return false;
    }
    queuePair.served = target.condition;
    return true;
  }

  #read(flight: Flight, startPs: number): void {
    const costs = this.#costs;
    const { nowPs } = this.#kernel;
    const { queuePair, target, lengthBytes } = flight;
    this.#closeWrite(flight);
    target.memory.windows.beginRead(flight, nowPs, queuePair.readWindowEndPs);
    queuePair.readWindowEndPs = flight.windowEndPs;
    const medium = target.memory.medium(flight.offset);
    const readyPs = startPs + costs.responderPs;
    const pciePs = wholePs(lengthBytes * costs.pcieReadBytePs);
    const dataPs = target.pcieRead.book(nowPs, readyPs, pciePs);
    const mediaPs = wholePs(lengthBytes * medium.readBytePs);
    const readPs = target.mediaRead.overlap(nowPs, dataPs, mediaPs);
    flight.completePs = readPs + medium.answerPs;
    this.#respond(flight, lengthBytes);
  }

  /** The way back of an answer with a payload: until here `completePs` is when it is ready for the port. */
  #respond(flight: Flight, payloadBytes: number): void {
    const costs = this.#costs;
    const { nowPs } = this.#kernel;
    const { source, target } = flight.queuePair;
    const wirePs = costs.wirePs(payloadBytes);
    let backPs = target.linkOut.book(nowPs, flight.completePs, wirePs) + costs.propagationPs;
    backPs = source.linkIn.overlap(nowPs, backPs, wirePs);
    const pciePs = wholePs(payloadBytes * costs.pcieWriteBytePs);
    flight.completePs = source.pcieWrite.book(nowPs, backPs, pciePs) + costs.completionPs;
    target.counts.bytesOut += payloadBytes;
    source.counts.bytesIn += payloadBytes;
    this.#finish(flight);
  }

  #write(flight: Flight, startPs: number): void {
    const costs = this.#costs;
    const { nowPs } = this.#kernel;
    const { queuePair, target, lengthBytes, offset } = flight;
    this.#closeWrite(flight);
    if (flight.partial) this.#tearOff(flight);
    this.#transport.tracer?.acts(flight);
    target.memory.windows.beginWrite(flight, nowPs);
    queuePair.openWrite = flight;
    if (target.atomics.mayHold) {
      target.atomics.eachHeld(offset, lengthBytes, nowPs, (at) => {
        if ((this.#dice.next32() & 1) === 0) kill(flight, at);
      });
    }
    const medium = target.memory.medium(offset);
    const readyPs = startPs + costs.responderPs;
    const pciePs = wholePs(lengthBytes * costs.pcieWriteBytePs);
    const dataPs = target.pcieWrite.book(nowPs, readyPs, pciePs);
    const mediaPs = wholePs(lengthBytes * medium.writeBytePs);
    const mediaFreePs = target.mediaWrite.overlap(nowPs, dataPs, mediaPs);
    const storedPs = Math.max(dataPs, mediaFreePs - medium.writeBufferPs);
    target.counts.bytesIn += lengthBytes;
    if (lengthBytes === 8 && offset >= target.mailboxFrom && offset < target.mailboxTo) {
      const landedPs = Math.max(storedPs + costs.pcieWritePs, flight.windowEndPs);
      this.#onMessage(target, flight.address, landedPs + costs.mailboxPollPs);
    }
    // The acknowledgement is small and waits for nobody: responses queue among themselves only.
    flight.completePs = storedPs + costs.propagationPs + costs.completionPs;
    this.#finish(flight);
  }

  #flush(flight: Flight, startPs: number): boolean {
    const costs = this.#costs;
    const { queuePair, target, offset, lengthBytes } = flight;
    const { memory } = target;
    this.#closeWrite(flight);
    const readEndPs = queuePair.readWindowEndPs;
    if (readEndPs > this.#kernel.nowPs) {
      flight.admitted = true;
      flight.unusual = true;
      // What an earlier READ of the queue pair brings must be covered.
      this.#kernel.schedule(readEndPs, arrive, flight.index);
      return false;
    }
    memory.persist(offset, lengthBytes, this.#kernel.nowPs);
    flight.actPs = this.#kernel.nowPs;
    flight.windowEndPs = flight.actPs;
    const flushPs = costs.pcieReadPs + memory.medium(offset).flushPs + costs.responsePs;
    flight.completePs = startPs + costs.responderPs + flushPs;
    this.#respond(flight, 0);
    return true;
  }

  #atomic(flight: Flight, startPs: number): boolean {
    const costs = this.#costs;
    const kernel = this.#kernel;
    const { queuePair, target, offset } = flight;
    const { memory, atomics } = target;
    if (!flight.admitted) {
      flight.admitted = true;
      flight.unusual = true;
      const actPs = atomics.admit(queuePair, offset, kernel.nowPs);
      if (actPs > kernel.nowPs) {
        kernel.schedule(actPs, arrive, flight.index);
        return false;
      }
    }
    this.#closeWrite(flight);
    const { tracer } = this.#transport;
    tracer?.acts(flight);
    flight.actPs = kernel.nowPs;
    if (memory.atomic(flight, kernel.nowPs)) atomics.changed(offset, kernel.nowPs);
    flight.windowEndPs = kernel.nowPs;
    tracer?.acted(flight);
    const medium = memory.medium(offset);
    target.counts.bytesIn += 8;
    flight.completePs = startPs + costs.responderPs + costs.atomicPs + medium.answerPs;
    this.#respond(flight, 8);
    return true;
  }

  /** The earlier WRITE of the queue pair lands before this verb acts. */
  #closeWrite({ queuePair, target }: Flight): void {
    const { openWrite } = queuePair;
    if (openWrite === undefined) return;
    target.memory.windows.closeWrite(openWrite);
    queuePair.openWrite = undefined;
  }

  #finish(flight: Flight): void {
    if (flight.unusual && flight.unheard) {
      this.#outcomeLost(flight, 'its completion was lost');
      return;
    }
    if (flight.windowEndPs > flight.completePs) flight.completePs = flight.windowEndPs;
    this.#end(flight, state.ok, '');
  }

  #end(flight: Flight, status: 2 | 3 | 4, reason: string): void {
    const { queuePair } = flight;
    this.#transport.finish(flight, status, reason);
    if (!isReadLike(flight.op)) return;
    queuePair.readCompletes(flight);
    if (queuePair.waiting.length > 0) this.#transport.schedulePump(queuePair);
  }

  /** The target answers that it did nothing. */
  #refuse(flight: Flight, reason: string): void {
    const costs = this.#costs;
    const backPs = costs.responderPs + costs.propagationPs + costs.completionPs;
    flight.completePs = this.#kernel.nowPs + backPs;
    this.#end(flight, state.failed, reason);
  }

  /** Nobody answers: the requester gives up after its retransmissions. */
  #outcomeLost(flight: Flight, reason: string): void {
    const costs = this.#costs;
    const timeoutPs = costs.retransmitPs * (1 + costs.retransmitsMax);
    const duePs = this.#kernel.nowPs + timeoutPs;
    flight.completePs = Math.max(duePs, flight.windowEndPs);
    this.#end(flight, state.unknown, reason);
  }

  /** Gives up a request that the path has lost too often; what is behind it may go on. */
  lose(flight: Flight, reason: string): void {
    flight.lost = reason;
    flight.unusual = true;
    this.arrive(flight.index);
  }

  /** The last WRITE of a crashed program's prefix: any subset of its words lands. */
  #tearOff(flight: Flight): void {
    for (let at = flight.offset; at < flight.offset + flight.lengthBytes; at += 8) {
      if ((this.#dice.next32() & 1) === 0) kill(flight, at);
    }
  }
}

function rewrite(flight: Flight, transit: Transit): void {
  if (transit.address !== flight.address) {
    assert(
      nodeOf(transit.address) === flight.target.id,
      () => `a hop rewrote an address to node ${nodeOf(transit.address)}, another than the target`,
      'FARSIDE_ADDRESS',
    );
    flight.address = transit.address;
    flight.offset = offsetOf(transit.address);
  }
  if (transit.buffer !== flight.buffer) {
    assert(
      transit.buffer?.length === flight.lengthBytes,
      'a hop replaced a payload by one of another length',
      'FARSIDE_ALIGNMENT',
    );
    flight.buffer = transit.buffer;
  }
}
