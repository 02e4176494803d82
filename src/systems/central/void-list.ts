import { type Address, nodeOf } from '../../core/address.ts';
import { type Program, read, type Verb, writeWord } from '../../core/effect.ts';
import { loadHalf, loadWord } from '../../core/word.ts';
import { voidAddress, voidsMax } from './control.ts';
import type { MemoryNodes } from './memory-nodes.ts';

/** Is told of each verb of a list that ended unknown: when it acts, the buffer must still be its. */
export type InDoubt = (verb: Verb<unknown>, postedNs: number) => void;

/**
 * Buffers in which a record counts for nothing, whole or not, listed on their own memory node.
 *
 * A WRITE of a record has an unknown outcome, and its memory node answers. Zeroing the buffer is not the last
 * word: the WRITE may act behind it, and whoever scans the memory nodes would take the record for the newest
 * of its key. Only a fence ends that for certain, and a fence ends the coordinator. So the record is not kept
 * from becoming whole, but from counting: the buffer is listed, durably, before anybody is told that the key
 * is gone; a scan passes over what is listed. That takes no time bound, no new term and no other node. The
 * list lies where the buffer lies, so that they are lost together.
 *
 * - A buffer is a word, so that a list is never torn.
 * - A buffer is off the list, durably, before it is used again, and that is when no verb to it can act any
 *   more (`Copies`): else a scan would pass over a record that is acknowledged.
 * - A slot is its buffer's until then, also when it has been cleared: a lost WRITE of the slot that acts late
 *   writes what the slot has said before, or nothing. With another buffer in it, a late zero would make a
 *   record count again.
 * - Who takes over has fenced all that could write records or lists. It zeroes the records, then clears the
 *   list; until then the next one to take over passes over the same.
 */
export class VoidList {
  readonly #nodes: MemoryNodes;
  /** By memory node, whose each slot is; 0: nobody's. */
  readonly #slots = new Map<number, Address[]>();

  constructor(nodes: MemoryNodes) {
    this.#nodes = nodes;
  }

  has(buffer: Address): boolean {
    return this.#slotsOn(nodeOf(buffer)).includes(buffer);
  }

  /** False where the memory node has left, or its list is full. */
  *add(buffer: Address, inDoubt: InDoubt): Program<boolean> {
    const slots = this.#slotsOn(nodeOf(buffer));
    if (!slots.includes(buffer)) {
      const free = slots.indexOf(0);
      if (free < 0 && slots.length === voidsMax) return false;
      slots[free < 0 ? slots.length : free] = buffer;
    }
    return yield* this.#set(buffer, BigInt(buffer), inDoubt);
  }

  /** False where the memory node has left. */
  *clear(buffer: Address, inDoubt: InDoubt): Program<boolean> {
    return !this.has(buffer) || (yield* this.#set(buffer, 0n, inDoubt));
  }

  /** The buffer has been cleared from the list, and no verb to its slot can act any more. */
  forget(buffer: Address): void {
    const slots = this.#slotsOn(nodeOf(buffer));
    const at = slots.indexOf(buffer);
    if (at >= 0) slots[at] = 0;
  }

  /** Of who takes over: what its predecessors have listed on a node. */
  *load(node: number): Program<void> {
    const bytes = new Uint8Array(8 * voidsMax);
    const start = this.#address(node, 0);
    if (!(yield* this.#nodes.surely(node, () => [read(start, bytes)]))) return;
    this.#slots.set(node, slotsIn(bytes));
  }

  listedOn(node: number): Address[] {
    return this.#slotsOn(node).filter((buffer) => buffer !== 0);
  }

  *#set(buffer: Address, word: bigint, inDoubt: InDoubt): Program<boolean> {
    const node = nodeOf(buffer);
    const at = this.#address(node, this.#slotsOn(node).indexOf(buffer));
    return yield* this.#nodes.surely(node, () => this.#nodes.durable(writeWord(at, word)), inDoubt);
  }

  #slotsOn(node: number): Address[] {
    let slots = this.#slots.get(node);
    if (slots === undefined) this.#slots.set(node, (slots = []));
    return slots;
  }

  #address(node: number, slot: number): Address {
    return voidAddress(this.#nodes.control(node), this.#nodes.ids.length, slot);
  }
}

/** What stands in each slot, by the bytes of a list. */
export function slotsIn(bytes: Uint8Array): Address[] {
  const slots: Address[] = [];
  for (let at = 0; at < bytes.length; at += 8) {
    const isFree = loadHalf(bytes, at) === 0 && loadHalf(bytes, at + 4) === 0;
    slots.push(isFree ? 0 : Number(loadWord(bytes, at)));
  }
  return slots;
}
