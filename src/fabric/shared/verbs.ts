import { nodeOf, nodeSpaceBytes } from '../../core/address.ts';
import type { Counters } from '../../core/counters.ts';
import { type LocalAccess, localOp, type Verb, verbOp, verbStatus } from '../../core/effect.ts';
import { FarsideError } from '../../core/errors.ts';
import { loadWord, storeWord } from '../../core/word.ts';
import type { ClusterSpace, NodeSpace } from '../../memory/space.ts';
import { orderVerbs, storesAreOrdered } from './memory-order.ts';

/** Tells a node that may be asleep that a word was WRITTEN into its memory. */
export interface Doorbells {
  /** By node id, 1 where somebody may sleep: memory nodes are nobody's thread. */
  readonly maySleep: Uint8Array;
  ring(node: number): void;
}

const scratchWord = new BigUint64Array(1);
const scratchHalves = new Uint32Array(scratchWord.buffer);

/**
 * Executes verbs on the stack, for one node: bulk bytes by copy, words by `Atomics`. Counting is
 * done in the same pass, since both need the target node of each verb.
 *
 * A copy between 8-byte aligned addresses moves whole words on every platform that V8 supports
 * (shared memory is copied word by word, with relaxed atomics), so aligned words do not tear;
 * unaligned buffers would be copied byte by byte, and are refused.
 */
export class VerbExecutor {
  readonly #space: ClusterSpace;
  readonly #node: number;
  readonly #bells: Doorbells | undefined;
  /**
   * The post that last rang each node's doorbell: a post rings once for each node that it names.
   */
  readonly #rungBy: Float64Array;
  #posts = 0;

  constructor(space: ClusterSpace, node: number, bells: Doorbells | undefined) {
    this.#space = space;
    this.#node = node;
    this.#bells = bells;
    this.#rungBy = new Float64Array(space.spaces.length);
  }

  /** One verb, posted alone. */
  postOne(verb: Verb<unknown>, counters: Counters): void {
    counters.doorbells++;
    this.#execute(verb, nodeOf(verb.address), counters);
  }

  /** Verbs posted together: one doorbell for each node named. */
  postAll(verbs: readonly Verb<unknown>[], counters: Counters): void {
    const post = ++this.#posts;
    for (let i = 0; i < verbs.length; i++) {
      const verb = verbs[i] as Verb<unknown>;
      const node = nodeOf(verb.address);
      if (this.#rungBy[node] !== post) {
        this.#rungBy[node] = post;
        counters.doorbells++;
      }
      this.#execute(verb, node, counters);
    }
  }

  #execute(verb: Verb<unknown>, node: number, counters: Counters): void {
    const { address, lengthBytes, buffer } = verb;
    if (verb.status !== verbStatus.idle) throw usedTwice();
    const offset = address - node * nodeSpaceBytes;
    const target = this.#space.at(node, offset, lengthBytes);
    verb.depth = counters.roundTrips;
    counters.verbs++;
    switch (verb.op) {
      case verbOp.read:
        counters.bytesIn += lengthBytes;
        if (buffer === undefined) takeWord(verb, target.words[offset / 8] as bigint);
        else copyOut(target, offset, buffer);
        break;
      case verbOp.write:
      case verbOp.atomicWrite:
        counters.bytesOut += lengthBytes;
        this.#write(target, node, offset, verb);
        break;
      case verbOp.cas:
        counters.bytesOut += 8;
        counters.bytesIn += 8;
        takeWord(
          verb,
          Atomics.compareExchange(target.words, offset / 8, verb.compare, verb.operand),
        );
        break;
      case verbOp.faa:
        counters.bytesOut += 8;
        counters.bytesIn += 8;
        takeWord(verb, Atomics.add(target.words, offset / 8, verb.operand));
        break;
      case verbOp.flush:
        break; // what is visible in process memory is as durable as it gets
    }
    if (!storesAreOrdered) orderVerbs();
    verb.status = verbStatus.ok;
  }

  /**
   * The bell is rung for single words only: what a sleeping node waits for is the sequence word of
   * a message, which is a verb of its own (core/message.ts). A bulk copy carries bodies, which
   * nobody looks at before their word.
   */
  #write(target: NodeSpace, node: number, offset: number, verb: Verb<unknown>): void {
    const { buffer } = verb;
    if (buffer !== undefined && buffer.length > 8) {
      checkLocal(buffer);
      target.bytes.set(buffer, offset);
      return;
    }
    if (buffer !== undefined) checkLocal(buffer);
    const word = buffer === undefined ? verb.operand : loadWord(buffer, 0);
    Atomics.store(target.words, offset / 8, word);
    const bells = this.#bells;
    if (bells !== undefined && bells.maySleep[node] === 1) bells.ring(node);
  }

  /** The CPU's own access: the same copies and atomics, on regions of this node only. */
  executeLocal(access: LocalAccess<unknown>): void {
    const node = nodeOf(access.address);
    if (node !== this.#node) throw notLocal(this.#node, node);
    const offset = access.address - node * nodeSpaceBytes;
    const target = this.#space.at(node, offset, access.lengthBytes);
    switch (access.op) {
      case localOp.read:
        copyOut(target, offset, access.buffer as Uint8Array);
        break;
      case localOp.write: {
        const from = access.buffer as Uint8Array;
        checkLocal(from);
        target.bytes.set(from, offset);
        break;
      }
      case localOp.cas:
        access.word = Atomics.compareExchange(
          target.words,
          offset / 8,
          access.compare,
          access.operand,
        );
        break;
      case localOp.persist:
        break;
    }
    if (!storesAreOrdered) orderVerbs();
  }
}

/** One word is stored byte by byte into the program's own buffer, which saves a view. */
function copyOut(target: NodeSpace, offset: number, into: Uint8Array): void {
  checkLocal(into);
  if (into.length === 8) storeWord(into, 0, target.words[offset / 8] as bigint);
  else into.set(new Uint8Array(target.buffer, offset, into.length));
}

/** A load of a 64-bit element is one instruction; optimised code makes no bigint of it here. */
function takeWord(verb: Verb<unknown>, word: bigint): void {
  scratchWord[0] = word;
  verb.low = scratchHalves[0] as number;
  verb.high = scratchHalves[1] as number;
}

/** FARSIDE_ALIGNMENT where a program's own buffer does not begin at a word. */
export function checkLocal(buffer: Uint8Array): void {
  if ((buffer.byteOffset & 7) !== 0) throw unalignedLocal(buffer);
}

function unalignedLocal(buffer: Uint8Array): FarsideError {
  return new FarsideError(
    'FARSIDE_ALIGNMENT',
    `a local buffer of ${buffer.length} B starts at byte ${buffer.byteOffset} of its ` +
      'ArrayBuffer: expected a multiple of 8',
  );
}

export function usedTwice(): FarsideError {
  return new FarsideError('FARSIDE_USAGE', 'a verb object was posted twice: make a new one');
}

function notLocal(own: number, node: number): FarsideError {
  return new FarsideError(
    'FARSIDE_ADDRESS',
    `local access of node ${own} to node ${node}: post a verb for another node's memory`,
  );
}
