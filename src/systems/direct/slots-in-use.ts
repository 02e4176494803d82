import type { FreeSlot } from './allocator.ts';

/**
 * Which slots programs of one node are at work on, beside what the slots' words say. A sweep of the same
 * node goes by words too, so a slot is in use from before the verb that makes its word name this node, and
 *
 * - until it is on a list, is named by an entry, or is another node's: `done`;
 * - or, where its program has lost a verb at it, until that verb is over: `lost`.
 *
 * Some are only **reached** for: a CAS will give the slot to this node or to another one, or its program is
 * giving it away. A sweep cannot leave such a slot to that program, as it does with others in use. Say P of
 * this node posts a CAS to take slot s from nobody, which Q has taken already; Q dies, and a sweep finds a
 * lost node's word in s, but s in use. P's CAS finds that it has lost, and s is in no list, for ever. So the
 * sweep waits until P knows, and looks again.
 */
export class SlotsInUse {
  readonly #inUse = new Map<string, FreeSlot>();
  readonly #reached = new Set<string>();
  /** By primary: slots in use at which a verb was lost, which may act yet. */
  readonly #inDoubt = new Map<number, FreeSlot[]>();
  /** Primaries at which slots were lost, for a sweep to find. */
  readonly lostAt = new Set<number>();

  has(primary: number, slot: number): boolean {
    return this.#inUse.has(nameOf(primary, slot));
  }

  /** Whether a program may have the slot, and may not. Until it knows, it waits for nobody. */
  isReached(primary: number, slot: number): boolean {
    return this.#reached.has(nameOf(primary, slot));
  }

  begin(primary: number, slot: FreeSlot): void {
    const name = nameOf(primary, slot.slot);
    this.#inUse.set(name, slot);
    this.#reached.delete(name);
  }

  reach(primary: number, slot: FreeSlot): void {
    this.begin(primary, slot);
    this.#reached.add(nameOf(primary, slot.slot));
  }

  done(primary: number, { slot }: FreeSlot): void {
    this.#inUse.delete(nameOf(primary, slot));
    this.#reached.delete(nameOf(primary, slot));
  }

  /**
   * Its program has lost a verb at it: a sweep finds out what has become of the slot, when that verb is over.
   * Until then it stays in use, since another sweep may be under way. Say the verb is the WRITE of an
   * insert's record: that sweep would find the slot free, this node's and in no list, and offer it to all;
   * another node would fill and link it, and the WRITE would land in that one's record.
   */
  lost(primary: number, slot: FreeSlot): void {
    this.lostAt.add(primary);
    const name = nameOf(primary, slot.slot);
    // Else it was forgotten with all else of its primary, and may be another program's by now.
    if (this.#inUse.get(name) !== slot) return;
    this.#reached.delete(name);
    const others = this.#inDoubt.get(primary);
    if (others === undefined) this.#inDoubt.set(primary, [slot]);
    else others.push(slot);
  }

  /**
   * What has been lost at a primary is the caller's to find from now on: it waits until all verbs that were
   * lost before are over, names these slots to `settled`, and sweeps. Undefined where nothing was lost.
   */
  takeLost(primary: number): readonly FreeSlot[] | undefined {
    if (!this.lostAt.delete(primary)) return undefined;
    const slots = this.#inDoubt.get(primary) ?? [];
    this.#inDoubt.delete(primary);
    return slots;
  }

  /** A sweep that begins now may go by what the words of those slots say. */
  settled(primary: number, slots: readonly FreeSlot[]): void {
    for (const slot of slots) {
      // Not one that the lost verb linked, and that was deleted since, nor one that was forgotten.
      if (this.#inUse.get(nameOf(primary, slot.slot)) === slot) this.done(primary, slot);
    }
  }

  forget(primary: number): void {
    this.#inDoubt.delete(primary);
    for (const [name, slot] of this.#inUse) {
      if (name.startsWith(`${primary} `)) this.done(primary, slot);
    }
  }
}

function nameOf(primary: number, slot: number): string {
  return `${primary} ${slot}`;
}
