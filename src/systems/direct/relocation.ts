import {
  batch,
  cas,
  fence,
  flush,
  type Program,
  readWord,
  type Verb,
  writeWord,
} from '../../core/effect.ts';
import { FarsideError } from '../../core/errors.ts';
import { copyPlace } from './copying.ts';
import type { DirectNode } from './node.ts';
import { Rebuild } from './rebuild.ts';
import type { Tally } from './repair.ts';
import { bucketHeldWord, decodeLock } from './words.ts';

/** What takes a place over from what: the same node where it has lost all it held. */
export interface Move {
  readonly place: number;
  readonly to: number;
  /** The node that still holds everything; undefined where it is lost. */
  readonly source: number | undefined;
}

const leaderWord = 0;
const copiedWord = 1;
const answersFrom = 2;

/**
 * A memory node takes another's place. Every live compute node is told, and does the same:
 *
 *   suspend writes whose copies lie there; let those under way end
 *   WRITE `drained` into the new node
 *   the one that gets the leader's word by CAS: when all have drained, copy or rebuild; WRITE `copied`
 *   when `copied`: turn to the new node for gets; WRITE `switched`
 *   when all have switched: writes go on
 *
 * - Writes end before the copying begins: a WRITE of one that had begun before could reach another copy
 *   of a record after it has been read for the new node, and the two would differ for good.
 * - A node that does not answer holds the others up until somebody says that it is lost: it is fenced
 *   then. No clock could say that a slow node's WRITE will not land.
 * - Writes go on when all have turned to the new node. If the first to turn wrote at once, a node that
 *   has not turned would still read the old value at the old one, after the write was acknowledged.
 * - A leader that is lost is followed by another, which does all of it again: what it finds half done it
 *   overwrites with the same.
 *
 * Gets go on throughout: from the old node where there is one, else from the copies of what is cached;
 * only what the index alone can tell waits. A memory node takes a place once: its control words stay.
 */
export class Relocation {
  readonly #node: DirectNode;
  readonly #move: Move;
  readonly #tally: Tally;
  readonly #computeNodes: readonly number[];
  readonly #self: number;

  constructor(node: DirectNode, move: Move, tally: Tally) {
    this.#node = node;
    this.#move = move;
    this.#tally = tally;
    this.#computeNodes = node.geometry.cluster.withRole('compute').map(({ id }) => id);
    this.#self = this.#computeNodes.indexOf(node.context.node);
  }

  *run(): Program {
    const { geometry, recovery } = this.#node;
    const { place, to, source } = this.#move;
    const primaries = geometry.primariesAt(place);
    const rebuilt = source === undefined ? place : undefined;
    // Before anything else: a node that has lost all it held answers that there are no keys.
    this.#node.suspend(primaries, rebuilt);
    try {
      const already = yield* readWord(this.#answer('switched', this.#self));
      if (Number(already) === this.#node.context.incarnation) return;
      for (const incarnation of this.#node.lost) yield* fence(to, incarnation);
      yield* recovery.drain(this.#node.writesAt(primaries), primaries);
      yield* this.#settleUnlinked();
      yield* this.#say('drained');
      yield* this.#untilCopied();
      // No program runs between these: a location learnt from the old index is never used with the new.
      geometry.replace(place, to);
      if (source === undefined) this.#node.forgetPlace(place);
      yield* this.#say('switched');
      yield* this.#untilAll('switched');
    } finally {
      this.#node.resume(primaries, rebuilt);
    }
  }

  /** Copies that are left say `free` of slots that an insert filled in vain: a rebuild goes by them. */
  *#settleUnlinked(): Program {
    const { geometry, unlinked } = this.#node;
    if (this.#move.source !== undefined) return;
    for (const { primary, slot, generation } of unlinked.splice(0)) {
      for (let copy = 1; copy < geometry.replicas; copy++) {
        yield* this.#node.recovery.markFree(primary, copy, slot, generation);
      }
    }
  }

  /** Leads, or waits for whoever does. */
  *#untilCopied(): Program {
    const { config, context } = this.#node;
    const leader = this.#control(leaderWord);
    for (let tries = 0; ; tries++) {
      if ((yield* readWord(this.#control(copiedWord))) !== 0n) return;
      const word = yield* readWord(leader);
      const free = word === 0n || this.#node.lost.has(decodeLock(word).incarnation);
      const own = bucketHeldWord(context.incarnation, 0);
      if (word === own || (free && (yield* cas(leader, word, own)) === word)) {
        yield* this.#lead();
        return;
      }
      if (tries >= config.lockRetriesMax) throw this.#late(`${decodeLock(word).incarnation} leads`);
      yield* this.#node.backOff(tries);
    }
  }

  *#lead(): Program {
    yield* this.#untilAll('drained');
    const { place, to, source } = this.#move;
    if (source !== undefined) {
      this.#tally.bytesMoved += yield* copyPlace(this.#node, place, to);
    } else yield* new Rebuild(this.#node, place, to, this.#tally).run();
    yield* this.#put(this.#control(copiedWord), 1n);
  }

  /** Until every compute node that is not lost has answered. */
  *#untilAll(what: Answer): Program {
    const { config, lostNodes } = this.#node;
    for (let tries = 0; ; tries++) {
      const words = this.#computeNodes.map((_, i) => readWord(this.#answer(what, i)));
      yield* batch(...words);
      const missing = this.#computeNodes.filter(
        (id, i) => words[i]?.word === 0n && !lostNodes.has(id),
      );
      if (missing.length === 0) return;
      if (tries >= config.lockRetriesMax) throw this.#late(`nodes ${missing.join(', ')} have not ${what}`);
      yield* this.#node.backOff(tries);
    }
  }

  *#say(what: Answer): Program {
    yield* this.#put(this.#answer(what, this.#self), BigInt(this.#node.context.incarnation));
  }

  *#put(address: number, word: bigint): Program {
    const verbs: Verb<unknown>[] = [writeWord(address, word)];
    if (this.#node.context.durability === 'flush') verbs.push(flush(address, 8));
    yield* batch(...verbs);
  }

  #answer(what: Answer, computeNode: number): number {
    const first = answersFrom + (what === 'drained' ? 0 : this.#computeNodes.length);
    return this.#control(first + computeNode);
  }

  #control(word: number): number {
    return this.#node.geometry.control(this.#move.to, word);
  }

  #late(who: string): FarsideError {
    const { place, to } = this.#move;
    return new FarsideError(
      'FARSIDE_LIMIT',
      `memory node ${to} was to take place ${place}: ${who}; every live compute node has to be told, ` +
        'and those that are not have to be said to be lost',
    );
  }
}

type Answer = 'drained' | 'switched';

