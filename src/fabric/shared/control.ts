import { assert } from '../../core/errors.ts';
import { meetingPoints, progressSlots } from '../job.ts';
import type { ControlPath } from './node.ts';
import type { Doorbells } from './verbs.ts';

/**
 * What the threads of one run tell each other outside the memory that they model: 32-bit words in
 * one SharedArrayBuffer, because a worker in the middle of its programs reads no messages.
 *
 *   words                          each node, 32 words: two cache lines of its own
 *   0   +----------------------+   0   +--------------------------------------------+
 *       | start, stop, abort,  |       | sleeping | doorbell | state | start | 12   |
 *       | clients, meetings    |  16   +--------------------------------------------+
 *   32  +----------------------+       | progress slots 0..7 | 8 free               |
 *       | node 0 | node 1 | …  |       +--------------------------------------------+
 *       +----------------------+
 */
const headWords = 32;
const nodeWords = 32;
const word = { start: 0, stop: 1, abort: 2, clients: 3, meetings: 16 } as const;
const nodeWord = { sleeping: 0, doorbell: 1, state: 2, incarnation: 3, progress: 16 } as const;

/** `done`: the last client has finished. `aborted`: end now, with what there is. */
export const stopReason = { none: 0, done: 1, aborted: 2 } as const;

/** After a run was asked to end early, how long jobs may take to finish by themselves. */
export const abortGraceMs = 2000;

/** A client is a node with foreground programs; `exited` is definite: its thread is gone. */
const nodeState = { idle: 0, client: 1, exited: 2 } as const;

/** What one node of a run and those who watch it tell each other, whatever carries it. */
export interface RunSignals {
  readonly stopped: number;
  readonly abortRequested: boolean;
  clientJoins(node: number): void;
  clientLeaves(node: number): void;
  arrive(point: number): void;
  arrived(point: number): number;
  setProgress(node: number, slot: number, value: number): void;
}

export class ControlBlock implements Doorbells, RunSignals {
  readonly maySleep: Uint8Array;
  readonly #words: Int32Array;

  constructor(buffer: SharedArrayBuffer, maySleep: Uint8Array) {
    this.#words = new Int32Array(buffer);
    this.maySleep = maySleep;
  }

  static bufferFor(nodeCount: number): SharedArrayBuffer {
    return new SharedArrayBuffer(4 * (headWords + nodeWords * nodeCount));
  }

  // The doorbell ------------------------------------------------------------------------------

  /**
   * Waits until the node's bell is rung or `timeoutNs` has passed; `somethingCame` takes what has
   * come.
   *
   * No wake-up is lost. The sleeper S stores `sleeping` and then looks into its memory (and at
   * `stop`); a writer W stores a word into that memory and then loads `sleeping`. All four are
   * sequentially consistent, so at least one sees the other's store:
   *
   *   S: sleeping = 1; bell' = bell; look;  wait(bell == bell')       W: word = m; load sleeping
   *
   * - S's look sees m: S does not wait.
   * - S's look misses m: then W's store, and so W's load, came after it, and W sees `sleeping` = 1.
   *   W increments the bell, then notifies. If that was before S came to rest, the bell no longer
   *   equals bell' (read before the look, hence before the increment), and the wait returns at
   *   once; if after, the notification wakes S.
   *
   * Reading the bell after the look would lose it: look; W rings; bell' = new bell; wait for ever.
   * That W may see an old `sleeping` = 1 and ring for nothing costs one empty look.
   */
  sleep(node: number, somethingCame: () => boolean, timeoutNs: number): void {
    const at = this.#node(node);
    Atomics.store(this.#words, at + nodeWord.sleeping, 1);
    const bell = Atomics.load(this.#words, at + nodeWord.doorbell);
    if (!somethingCame() && this.stopped === stopReason.none) {
      Atomics.wait(this.#words, at + nodeWord.doorbell, bell, timeoutNs / 1e6);
    }
    Atomics.store(this.#words, at + nodeWord.sleeping, 0);
  }

  /** Wakes the node if it sleeps; call it after the store that it should see. */
  ring(node: number): void {
    const at = this.#node(node);
    if (Atomics.load(this.#words, at + nodeWord.sleeping) === 0) return;
    Atomics.add(this.#words, at + nodeWord.doorbell, 1);
    Atomics.notify(this.#words, at + nodeWord.doorbell);
  }

  ringAll(): void {
    for (let node = 0; node < this.maySleep.length; node++) this.ring(node);
  }

  // Start and end -----------------------------------------------------------------------------

  /** Lets every node begin: called once, when all are ready. */
  open(): void {
    Atomics.store(this.#words, word.start, 1);
    Atomics.notify(this.#words, word.start);
  }

  awaitOpen(): void {
    Atomics.wait(this.#words, word.start, 0);
  }

  /**
   * Before a node is ready: it has foreground programs, and the run lasts until they have ended.
   */
  clientJoins(node: number): void {
    Atomics.store(this.#words, this.#node(node) + nodeWord.state, nodeState.client);
    Atomics.add(this.#words, word.clients, 1);
  }

  /**
   * Ends the run when the last client leaves; does nothing for a node that is not (or no more) one.
   */
  clientLeaves(node: number): void {
    const at = this.#node(node) + nodeWord.state;
    const before = Atomics.compareExchange(this.#words, at, nodeState.client, nodeState.idle);
    if (before !== nodeState.client) return;
    if (Atomics.sub(this.#words, word.clients, 1) === 1) this.stop(stopReason.done);
  }

  get stopped(): number {
    return Atomics.load(this.#words, word.stop);
  }

  stop(reason: number): void {
    Atomics.compareExchange(this.#words, word.stop, stopReason.none, reason);
    this.ringAll();
  }

  /** Asks the jobs to end early. */
  requestAbort(): void {
    Atomics.store(this.#words, word.abort, 1);
    this.ringAll();
  }

  /** For nodes that do not see these words. */
  get signals(): { stopped: number; abortRequested: boolean; arrived: number[] } {
    const arrived = Array.from({ length: meetingPoints }, (_, point) => this.arrived(point));
    return { stopped: this.stopped, abortRequested: this.abortRequested, arrived };
  }

  get abortRequested(): boolean {
    return Atomics.load(this.#words, word.abort) !== 0;
  }

  /** The node's thread is gone: no verb of its incarnation takes effect any more. */
  nodeExited(node: number): void {
    this.clientLeaves(node);
    Atomics.store(this.#words, this.#node(node) + nodeWord.state, nodeState.exited);
    this.ringAll();
  }

  /** A node starts anew under this incarnation, after its earlier start has exited. */
  nodeRestarts(node: number, incarnation: number): void {
    Atomics.store(this.#words, this.#node(node) + nodeWord.incarnation, incarnation);
    Atomics.store(this.#words, this.#node(node) + nodeWord.state, nodeState.idle);
  }

  /** Of an incarnation that was given at some time: one that no node has any more is over. */
  hasExited(incarnation: number): boolean {
    for (let node = 0; node < this.maySleep.length; node++) {
      // Until it starts anew, a node's incarnation is its id.
      const present = Atomics.load(this.#words, this.#node(node) + nodeWord.incarnation) || node;
      if (present !== incarnation) continue;
      return Atomics.load(this.#words, this.#node(node) + nodeWord.state) === nodeState.exited;
    }
    return true;
  }

  /** What a node needs of it; whoever started the run hears of fences by `requestFence`. */
  path(requestFence: ControlPath['requestFence']): ControlPath {
    return {
      maySleep: this.maySleep,
      ring: (peer) => this.ring(peer),
      requestFence,
      isFenced: (incarnation) => this.hasExited(incarnation),
    };
  }

  // Meetings and progress ---------------------------------------------------------------------

  /** Gives how many have come to the meeting point, this one included. */
  arrive(point: number): number {
    return Atomics.add(this.#words, this.#meeting(point), 1) + 1;
  }

  arrived(point: number): number {
    return Atomics.load(this.#words, this.#meeting(point));
  }

  setProgress(node: number, slot: number, value: number): void {
    Atomics.store(this.#words, this.#progress(node, slot), value);
  }

  progress(node: number, slot: number): number {
    return Atomics.load(this.#words, this.#progress(node, slot)) >>> 0;
  }

  #node(node: number): number {
    return headWords + nodeWords * node;
  }

  #meeting(point: number): number {
    assert(point >= 0 && point < meetingPoints, () => `there is no meeting point ${point}`);
    return word.meetings + point;
  }

  #progress(node: number, slot: number): number {
    assert(slot >= 0 && slot < progressSlots, () => `there is no progress slot ${slot}`);
    return this.#node(node) + nodeWord.progress + slot;
  }
}
