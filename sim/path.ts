import type { Address } from '../src/core/address.ts';
import type { VerbOp } from '../src/core/effect.ts';

/** What a hop sees of a request that passes it, and may change. */
export interface Transit {
  readonly source: number;
  readonly target: number;
  readonly op: VerbOp;
  readonly lengthBytes: number;
  /** May be rewritten to another address of the same node. */
  address: Address;
  /** The payload of a WRITE; may be replaced by another of the same length. */
  buffer: Uint8Array | undefined;
}

/**
 * - `forward`: on to the next hop, or to the target, after `delayNs`; with `loseCompletion` it acts
 *   there, and the requester never hears of it;
 * - `drop`: it is lost; the requester sends it again, a bounded number of times;
 * - `answer`: the target never sees it; the verb ends ok with this word.
 */
export type HopVerdict =
  | { readonly action: 'forward'; readonly delayNs: number; readonly loseCompletion?: boolean }
  | { readonly action: 'drop' }
  | { readonly action: 'answer'; readonly low: number; readonly high: number };

/**
 * Something between two nodes that requests pass: a programmable switch, a lossy cable. A request
 * reaches the hops of its path one after another, as an event each. Verbs of one queue pair never
 * overtake each other, whatever the hops do to them.
 */
export interface Hop {
  readonly name: string;
  pass(transit: Transit, nowNs: number): HopVerdict;
}
