import { verbOp } from '../../src/core/effect.ts';
import { type Flight, flightState } from './flight.ts';
import type { Task } from './task.ts';
import type { World } from './world.ts';

/** What the step under way touches, noted in its footprint. */

/** A program goes on. */
export function noteResumed({ footprint, tracks }: World, { node, root }: Task): void {
  const bit = 1 << node.id;
  footprint.concerns(root);
  if (tracks && (footprint.resumed & bit) === 0) node.before.copy(node.shared);
  footprint.resumed |= bit;
}

/** Where programs went on, whether what they have in common is another than before the step. */
export function noteChanges({ footprint, nodes }: World): void {
  for (const node of nodes) {
    if (node === undefined) continue;
    if ((footprint.resumed & ~footprint.changed & (1 << node.id)) === 0) continue;
    const { shared, before } = node;
    if (shared.a !== before.a || shared.b !== before.b) footprint.changed |= 1 << node.id;
  }
}

/**
 * A verb has acted. One that leaves its words as they were, as a CAS that finds another one, is to others
 * as if it had only read them. `before`: `WorldMemory.changes`, before it did.
 */
export function noteAccess(
  { footprint, memory }: World,
  { node, from, to, verb }: Flight,
  before: number,
): void {
  if (verb.op !== verbOp.read) footprint.wrote |= 1 << node;
  footprint.access(node, from, to, memory.changes !== before);
}

/** The atomic's write comes last: racing WRITEs of its word are lost. */
export function swallow({ pairs, events }: World, flight: Flight): void {
  for (const pair of pairs) {
    for (const other of pair.flights) {
      if (pair === flight.pair || !other.isWrite || !other.overlaps(flight)) continue;
      if (other.state === flightState.acted) continue;
      (other.swallowed ??= new Set()).add(flight.from);
      events.writesSwallowed++;
    }
  }
}
