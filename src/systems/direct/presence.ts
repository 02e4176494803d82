import { nodeOf } from '../../core/address.ts';
import { batch, cas, type Program, readWord, reconnect, VerbError } from '../../core/effect.ts';
import { FarsideError } from '../../core/errors.ts';
import {
  answerWord,
  leaderWord,
  packPresence,
  placeDoneWord,
  sourceWord,
  type Taken,
  unpackDecision,
  unpackDone,
  unpackPresence,
} from './control-words.ts';
import type { DirectNode } from './node.ts';

/**
 * Which start of each compute node lives, where a memory node may take another's place: all that live have to
 * let their writes end then. A word for each compute node at every memory node says it, and only grows.
 *
 * - A node that has started anew says so before anything else. Known to be lost by its former start only, it
 *   would not be waited for: it would write the copies while others copy them.
 * - Then it looks whether a memory node takes a place at this moment: who leads has set the leader's word
 *   before it looked who lives. So either the leader sees the new start, or the new start sees the
 *   leader's word, and waits until it is told of that move, or the move is over. A READ of the leader's words
 *   before the own word is written could come before both.
 * - It learns who has taken which place from the same words. Nobody tells it of what is over, and it would
 *   read old values where they lay before.
 * - Who has recovered from a loss says that, too: a node that started later was not told, and would wait for
 *   the lost one's answer for ever.
 *
 * A word is read at all memory nodes, and the latest counts: one whose DRAM was lost says nothing.
 */
export class Presence {
  /** The number of this node among compute nodes. */
  readonly self: number;
  readonly computeNodes: readonly number[];
  readonly #node: DirectNode;
  /** Without spares, what PM holds never takes another's place. */
  readonly #matters: boolean;
  #isRegistered: boolean;
  #hasJoined: boolean;

  constructor(node: DirectNode) {
    this.#node = node;
    const { context, geometry, shape } = node;
    this.computeNodes = geometry.cluster.withRole('compute').map(({ id }) => id);
    this.self = this.computeNodes.indexOf(context.node);
    this.#matters =
      geometry.cluster.withRole('memory').length > shape.memoryNodes || shape.medium === 'dram';
    this.#isRegistered = !this.#matters || context.incarnation === context.node;
    this.#hasJoined = this.#isRegistered;
  }

  /** Whether this start is known, and knows where everything is. */
  get hasJoined(): boolean {
    return this.#hasJoined;
  }

  /** Says that this start lives, at every memory node that is not lost. */
  *register(): Program {
    if (this.#isRegistered) return;
    yield* this.#raise(this.self, packPresence(this.#node.context.incarnation, false));
    this.#isRegistered = true;
  }

  /** Says that a start of a compute node is lost: it has been fenced at every memory node. */
  *bury(node: number, incarnation: number): Program {
    const which = this.computeNodes.indexOf(node);
    if (this.#matters && which >= 0) yield* this.#raise(which, packPresence(incarnation, true));
  }

  /** By compute node, its latest start; of one that is lost, nothing. */
  *latest(): Program<(number | undefined)[]> {
    const { lost } = this.#node;
    const words = this.#memoryNodes().map((memory) =>
      this.computeNodes.map((_, i) => readWord(this.#address(memory, i))),
    );
    yield* batch(...words.flat());
    return this.computeNodes.map((id, i) => {
      const most = Math.max(packPresence(id, false), ...words.map((at) => Number(at[i]?.word)));
      const { incarnation, isLost } = unpackPresence(most);
      if (isLost) lost.add(incarnation);
      return lost.has(incarnation) ? undefined : incarnation;
    });
  }

  /**
   * Before the first operation of a node that has started anew. FARSIDE_LIMIT where a memory node never
   * answers.
   */
  *join(): Program {
    const { config, context } = this.#node;
    for (let tries = 0; !this.#hasJoined; tries++) {
      if (tries >= config.lockRetriesMax) throw neverJoined(context.incarnation, tries);
      if (tries > 0) yield* this.#node.backOff(tries);
      try {
        yield* this.register();
        if (yield* this.#learn()) this.#hasJoined = true;
      } catch (error) {
        if (!(error instanceof VerbError)) throw error;
        yield* reconnect(nodeOf(error.address));
      }
    }
  }

  /** Turns to the memory nodes that have taken others' places; false while one is about to. */
  *#learn(): Program<boolean> {
    const { geometry, recovery } = this.#node;
    const taken = new Map<number, Taken>();
    for (const memory of this.#memoryNodes()) {
      const leader = readWord(geometry.control(memory, leaderWord));
      const done = readWord(geometry.control(memory, placeDoneWord));
      const source = readWord(geometry.control(memory, sourceWord));
      yield* batch(leader, done, source);
      const isTold = recovery.moves.some(({ move }) => move.to === memory);
      const over = unpackDone(done.word);
      const decision = unpackDecision(source.word);
      if (decision?.leaves === true) {
        taken.set(decision.to, { place: decision.place, from: memory });
      }
      if (over !== undefined) taken.set(memory, over);
      else if (leader.word !== 0n && !isTold) return false;
    }
    for (const [memory, { place, from }] of taken) {
      const isLast = ![...taken.values()].some(
        (other) => other.from === memory && other.place === place,
      );
      if (isLast && from !== memory) geometry.replace(place, memory);
    }
    return true;
  }

  *#raise(which: number, to: number): Program {
    for (const memory of this.#memoryNodes()) {
      const address = this.#address(memory, which);
      for (let word = yield* readWord(address); Number(word) < to; ) {
        yield* batch(...this.#node.recovery.withFlushes([cas(address, word, BigInt(to))]));
        word = yield* readWord(address);
      }
    }
  }

  /** Those that answer, or will. */
  #memoryNodes(): number[] {
    const { geometry, lostMemory } = this.#node;
    const all = geometry.cluster.withRole('memory').map(({ id }) => id);
    return all.filter((id) => !lostMemory.has(id));
  }

  #address(memory: number, which: number): number {
    return this.#node.geometry.control(
      memory,
      answerWord('present', which, this.computeNodes.length),
    );
  }
}

function neverJoined(incarnation: number, tries: number): FarsideError {
  return new FarsideError(
    'FARSIDE_LIMIT',
    `this start of a compute node, incarnation ${incarnation}, has not joined after ${tries} attempts: a ` +
      'memory node does not answer and has not been said to be lost, or one takes a place and this node ' +
      'has not been told',
  );
}
