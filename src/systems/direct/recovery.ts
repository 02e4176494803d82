import { fence, type Program, readWord, VerbError } from '../../core/effect.ts';
import { type Fault, nothingRecovered, type RecoveryReport } from '../recovery.ts';
import type { DirectNode } from './node.ts';
import { type HeldSlot, SlotRepair, type Tally } from './repair.ts';
import { Sweep } from './sweep.ts';
import { decodeLock, lockState } from './words.ts';

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

  constructor(node: DirectNode) {
    this.#node = node;
  }

  *recover(fault: Fault): Program<RecoveryReport> {
    const tally: Tally = { ...nothingRecovered };
    switch (fault.kind) {
      case 'computeLost':
        yield* this.#computeLost(fault.incarnation, tally);
        break;
      case 'memoryRestarted':
        yield* this.#memoryRestarted(fault.node, tally);
        break;
      default:
        break;
    }
    return tally;
  }

  *#computeLost(incarnation: number, tally: Tally): Program {
    const { cluster, memoryNodes } = this.#node.geometry;
    // Of its own loss a node hears only where somebody took it for dead: it is, and can do nothing.
    if (incarnation === this.#node.context.incarnation) return;
    for (const { id } of cluster.withRole('memory')) yield* fence(id, incarnation);
    this.#node.lost.add(incarnation);
    yield* this.#sweep(
      Array.from({ length: memoryNodes }, (_, primary) => primary),
      tally,
    );
  }

  *#memoryRestarted(node: number, tally: Tally): Program {
    const { geometry, lost } = this.#node;
    const place = geometry.placeHeldBy(node);
    if (place === undefined) return;
    for (const incarnation of lost) yield* fence(node, incarnation);
    yield* this.#node.settle();
    yield* this.#sweep(geometry.primariesAt(place), tally);
  }

  /** One that cannot be reached does not keep the others from being swept; its error comes last. */
  *#sweep(primaries: readonly number[], tally: Tally): Program {
    let unreachable: VerbError | undefined;
    for (const primary of primaries) {
      try {
        yield* new Sweep(this.#node, primary, tally).run();
      } catch (error) {
        if (!(error instanceof VerbError)) throw error;
        unreachable = error;
      }
    }
    if (unreachable !== undefined) throw unreachable;
  }

  /**
   * Finishes a write of this node that lost a verb half-way, or one that it took over and could not
   * finish. Whichever client meets the lock first does it, or the next sweep.
   */
  *finishAbandoned(held: HeldSlot, by?: SlotRepair): Program {
    const { primary, slot } = held;
    if (!this.#node.beginRepair(primary, slot)) return;
    const repair = by ?? new SlotRepair(this.#node, { ...nothingRecovered });
    try {
      yield* this.#node.settle();
      // The word was read before this program had the right to it: another of this node may have
      // finished since, and the lock be somebody else's.
      const lock = decodeLock(yield* readWord(this.#node.geometry.slot(primary, 0, slot)));
      if (lock.stamp !== held.stamp || lock.incarnation !== this.#node.context.incarnation) return;
      if (lock.state !== lockState.held || lock.generation !== held.generation) return;
      yield* repair.finishInTime(held);
      repair.tally.locksBroken++;
      this.#node.count('locksSettled');
      if (by === undefined) yield* repair.announceFreed();
    } catch (error) {
      throw this.#node.broken(error);
    } finally {
      this.#node.endRepair(primary, slot);
    }
  }
}
