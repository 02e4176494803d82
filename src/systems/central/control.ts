import type { Address } from '../../core/address.ts';
import { highHalf, loadWord, lowHalf, packWord } from '../../core/word.ts';

/**
 * Who coordinates, and which memory nodes belong to the store: one small region on every memory node,
 * `control`, equal on all of them once a change is complete, but for its last part.
 *
 *      0 +--------------------------------------+
 *        | term u32 | incarnation u32           |  changed by CAS alone; 0: the first coordinator's
 *      8 +--------------------------------------+
 *        | state of memory node 0 | of 1 | ...  |  a word each, drawn below
 *        +--------------------------------------+
 *        | past term | ... 64 words             |  term t as it was, in word t mod 64
 *        +--------------------------------------+
 *        | void buffer | ... 256 words          |  on this node; 0: a free word (void-list.ts)
 *        +--------------------------------------+
 *
 * A term is one coordinator's time of office; the incarnation is its holder's. A node that takes over
 * changes the word on every memory node, from the first to the last (take-over.ts says why that decides
 * between two who try).
 */
/** All that is equal on all memory nodes. */
export function controlBytes(memoryNodes: number): number {
  return 8 + 8 * memoryNodes + 8 * pastTermsMax;
}

export function controlRegionBytes(memoryNodes: number): number {
  return controlBytes(memoryNodes) + 8 * voidsMax;
}

/** Of older ones nobody is told any more. */
const pastTermsMax = 64;

export function pastTermAddress(control: Address, memoryNodes: number, term: number): Address {
  return control + 8 + 8 * memoryNodes + 8 * (term % pastTermsMax);
}

/** Of WRITEs in doubt on one memory node, between two of its starts or two terms; see `Copies`. */
export const voidsMax = 256;

export function voidAddress(control: Address, memoryNodes: number, slot: number): Address {
  return control + controlBytes(memoryNodes) + 8 * slot;
}

export interface Term {
  readonly number: number;
  readonly holder: number;
}

export function termWord(term: Term): bigint {
  return packWord(term.holder, term.number);
}

/** `first`: the incarnation of the coordinator that the store started with. */
export function decodeTerm(word: bigint, first: number): Term {
  const number = lowHalf(word);
  return { number, holder: number === 0 ? first : highHalf(word) };
}

/**
 * What a state word says of its memory node. `initial`: it belongs to the store if it is not a spare.
 */
export const membership = { initial: 0, member: 1, left: 2 } as const;

/** Whether that incarnation held a term before the present one, by a whole control block. */
export function heldBefore(block: Uint8Array, memoryNodes: number, incarnation: number): boolean {
  const present = decodeTerm(loadWord(block, 0), -1);
  for (let at = 8 + 8 * memoryNodes; at < controlBytes(memoryNodes); at += 8) {
    const past = loadWord(block, at);
    if (past === 0n || highHalf(past) !== incarnation) continue;
    if (lowHalf(past) - 1 < present.number) return true;
  }
  return false;
}

/** As it stands among the past ones: the first term of all must not look like an empty word. */
export function pastTermWord(term: Term): bigint {
  return packWord(term.holder, term.number + 1);
}

export function stateAddress(control: Address, memoryNode: number): Address {
  return control + 8 + 8 * memoryNode;
}
