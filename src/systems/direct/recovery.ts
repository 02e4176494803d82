import {
  batch,
  fence,
  flush,
  type Program,
  type Verb,
  VerbError,
  verbOp,
  writeWord,
} from '../../core/effect.ts';
import { FarsideError } from '../../core/errors.ts';
import { type Fault, livingSpare, nothingRecovered, type RecoveryReport } from '../recovery.ts';
import type { DirectNode } from './node.ts';
import { Relocation } from './relocation.ts';
import type { Tally } from './repair.ts';
import { freeWord } from './words.ts';

/**
 * What a compute node does when it is told of a fault, while its clients and all others go on.
 *
 * **A compute node is lost.** Direct writes in place, so nothing of it may land once its lock is
 * broken: it is fenced at every memory node first. Then one pass over all slots finds what it left.
 * Without the fence a delayed WRITE of the lost node could land in the middle of the next writer's
 * record, with two writers' words in it for ever.
 *
 * **A memory node has started anew.** Nothing of old queue pairs reaches it. Operations that met it
 * ended with an error and left locks that name nodes which live; only those know that no program of
 * theirs is at work under such a lock. So *every* live node is told, and puts right its own.
 *
 * Told of the same twice, or of a node that is only slow, nothing goes wrong: who is fenced can do
 * nothing any more, and a second pass finds nothing.
 */
export class Recovery {
  readonly #node: DirectNode;
  /** Memory nodes that take another's place, and have not been seen after to the end. */
  #moves: Relocation[] = [];
  /** Of those, which a program is at work on. */
  readonly #relocating = new Set<Relocation>();

  constructor(node: DirectNode) {
    this.#node = node;
  }

  *recover(fault: Fault): Program<RecoveryReport> {
    const tally: Tally = { ...nothingRecovered };
    try {
      yield* this.#recover(fault, tally);
    } catch (error) {
      throw this.#node.broken(error);
    }
    return tally;
  }

  *#recover(fault: Fault, tally: Tally): Program {
    switch (fault.kind) {
      case 'computeLost':
        yield* this.#computeLost(fault.node, fault.incarnation, tally);
        break;
      case 'memoryRestarted':
        yield* this.#memoryRestarted(fault.node, tally);
        break;
      case 'memoryLost':
        this.#node.lostMemory.set(fault.node, fault.spare);
        yield* this.#replace(fault.node, fault.spare, false, tally);
        break;
      case 'memoryMoved':
        yield* this.#replace(fault.node, fault.to, true, tally);
        break;
      case 'serverLost':
        break; // there are no servers
    }
  }

  *#computeLost(lostNode: number, incarnation: number, tally: Tally): Program {
    const { cluster, memoryNodes } = this.#node.geometry;
    // Of its own loss a node hears only where somebody took it for dead: it is, and can do nothing.
    if (incarnation === this.#node.context.incarnation) return;
    // Of an attempt before that lost a verb: a WRITE of it that lands behind this one's back would undo
    // what others have done since.
    yield* this.#node.settle();
    for (const { id } of cluster.withRole('memory')) yield* fence(id, incarnation);
    this.#node.lost.add(incarnation);
    yield* this.#sweep(
      Array.from({ length: memoryNodes }, (_, primary) => primary),
      tally,
    );
    yield* this.#node.presence.bury(lostNode, incarnation);
  }

  *#memoryRestarted(node: number, tally: Tally): Program {
    const { geometry, lost } = this.#node;
    const place = geometry.placeHeldBy(node);
    if (place === undefined) return;
    if (this.#node.shape.medium === 'dram') {
      yield* this.#replace(node, node, false, tally);
      return;
    }
    for (const incarnation of lost) yield* fence(node, incarnation);
    const primaries = geometry.primariesAt(place);
    const before = this.#node.writesAt(primaries);
    yield* this.#node.settle();
    yield* this.#sweep(primaries, tally);
    if (before.length > 0) {
      yield* this.drain(before);
      yield* this.#sweep(primaries, tally);
    }
  }

  get moves(): readonly Relocation[] {
    return this.#moves;
  }

  /**
   * Another memory node takes the place of one that is lost, or is to be free. Where there is none,
   * gets of what is cached go on from the copies, and all else waits for one.
   */
  *#replace(node: number, to: number | undefined, onPurpose: boolean, tally: Tally): Program {
    const { lostMemory } = this.#node;
    const cut = this.#moves.find(({ move }) => move.to === node && lostMemory.has(node));
    if (cut !== undefined && (yield* cut.takesBack())) yield* this.#takeBack(cut, to, tally);
    else {
      if (onPurpose) yield* this.#untilDecided(node, livingSpare(to, lostMemory));
      yield* this.#relocate(node, to, onPurpose, tally);
    }
  }

  /** It was being moved already, to one that is lost: another program of this node sees to that. */
  *#untilDecided(node: number, to: number | undefined): Program {
    const { config, lostMemory } = this.#node;
    const isCut = (): boolean =>
      this.#moves.some(({ move }) => move.from === node && lostMemory.has(move.to));
    for (let tries = 0; to !== undefined && isCut(); tries++) {
      if (tries >= config.lockRetriesMax) throw neverDecided(node, to);
      yield* this.#node.backOff(tries);
    }
  }

  /** The new node of a move is lost, and the old one holds all. A spare takes the place from that one. */
  *#takeBack(cut: Relocation, spare: number | undefined, tally: Tally): Program {
    // Told twice.
    if (cut.isSuperseded) return;
    cut.turnBack();
    this.#supersede(cut);
    // Before any write can go on.
    if (spare !== undefined) yield* this.#relocate(cut.move.from, spare, true, tally);
    else yield* this.#tidy(cut.move.place, tally);
  }

  *#relocate(node: number, to: number | undefined, onPurpose: boolean, tally: Tally): Program {
    const relocation = this.#relocationOf(node, livingSpare(to, this.#node.lostMemory), onPurpose);
    if (relocation === undefined || this.#relocating.has(relocation)) return;
    this.#relocating.add(relocation);
    try {
      yield* relocation.run(tally);
    } catch (error) {
      if (!relocation.isSuperseded) throw error;
      relocation.resume();
      return;
    } finally {
      this.#relocating.delete(relocation);
    }
    yield* this.#tidy(relocation.move.place, tally);
    // Not before: where a verb was lost, what is left of this is done when it is begun again.
    this.#moves = this.#moves.filter((other) => other !== relocation);
  }

  /** What could not be finished while writes to a place were suspended. */
  *#tidy(place: number, tally: Tally): Program {
    yield* this.#node.leftovers.finish();
    yield* this.#sweep(this.#node.geometry.primariesAt(place), tally);
  }

  /** That which is under way, or a new one; undefined where that node holds no place, or no node takes it. */
  #relocationOf(node: number, to: number | undefined, onPurpose: boolean): Relocation | undefined {
    const { lostMemory } = this.#node;
    // Of a move between two that are both lost, nothing is left to go on with but the place.
    const isVoid = ({ move }: Relocation): boolean =>
      !onPurpose && move.onPurpose && move.from === node && lostMemory.has(move.to);
    const same = this.#moves.find(
      (other) => (other.move.from === node && !isVoid(other)) || other.move.to === to,
    );
    if (same !== undefined) {
      // Lost while it was being moved, it needs no other to take its place: others may have turned to
      // that one.
      if (!onPurpose && same.move.from === node) same.loseSource();
      return same;
    }
    const under = this.#moves.find((other) => other.move.to === node || isVoid(other));
    // Whether this node has turned to one that is lost since, or not, others may have.
    const place = this.#node.geometry.placeHeldBy(node) ?? under?.move.place;
    if (place === undefined || to === undefined) return undefined;
    const relocation = new Relocation(this.#node, { place, from: node, to, onPurpose });
    relocation.suspend();
    if (under !== undefined) this.#supersede(under);
    this.#moves.push(relocation);
    return relocation;
  }

  #supersede(relocation: Relocation): void {
    relocation.isSuperseded = true;
    this.#moves = this.#moves.filter((other) => other !== relocation);
    if (!this.#relocating.has(relocation)) relocation.resume();
  }

  /**
   * Until writes that may have met the memory node before have ended: a requester learns late that
   * nobody answers. What they leave is finished while others are waited for, since those may be
   * waiting for such a lock themselves; and so may writes of another node, for which a write of this
   * one waits.
   */
  *drain(stamps: readonly number[], primaries: readonly number[] = []): Program {
    const { config } = this.#node;
    const busy = () => this.#node.isUnderWay(stamps) || this.#node.isRepairing(primaries);
    for (let tries = 0; busy(); tries++) {
      if (tries >= config.lockRetriesMax) throw neverEnds(stamps.length, tries);
      yield* this.#node.leftovers.finish();
      yield* this.#node.backOff(tries);
    }
    yield* this.#node.leftovers.finish();
  }

  /** Says on one copy of a slot that it is free. */
  *markFree(primary: number, copy: number, slot: number, generation: number): Program {
    const { geometry, context } = this.#node;
    const word = freeWord(generation, context.incarnation);
    const verb = writeWord(geometry.slot(primary, copy, slot), word);
    yield* batch(...this.withFlushes([verb]));
  }

  /** In `flush` durability each verb with a FLUSH of its word right behind it. */
  withFlushes(verbs: readonly Verb<unknown>[]): readonly Verb<unknown>[] {
    if (this.#node.context.durability !== 'flush') return verbs;
    return verbs.flatMap((verb) =>
      verb.op === verbOp.read ? [verb] : [verb, flush(verb.address, 8)],
    );
  }

  /** One that cannot be reached does not keep the others from being swept; its error comes last. */
  *#sweep(primaries: readonly number[], tally: Tally): Program {
    let unreachable: VerbError | undefined;
    for (const primary of primaries) {
      try {
        yield* this.#node.leftovers.sweep(primary, tally);
      } catch (error) {
        if (!(error instanceof VerbError)) throw error;
        unreachable = error;
      }
    }
    if (unreachable !== undefined) throw unreachable;
  }
}

function neverDecided(node: number, to: number): FarsideError {
  return new FarsideError(
    'FARSIDE_LIMIT',
    `memory node ${node} is to be moved to ${to}, and was being moved to one that is lost: of that loss a ` +
      'recovery has to end first',
  );
}

function neverEnds(writes: number, tries: number): FarsideError {
  return new FarsideError(
    'FARSIDE_LIMIT',
    `${writes} writes of this node were under way when a memory node was lost or started anew, and ` +
      `not all had ended after ${tries} looks; is lockRetriesMax too low?`,
  );
}
