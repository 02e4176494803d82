import { Digest } from './digest.ts';
import type { World } from './world.ts';

/** The hash of a whole state, into two numbers; docs/verification.md says what is in it, and why. */
export function keyOf(world: World): Digest {
  const key = new Digest();
  key.include(1, world.memory.digest);
  key.include(2, world.memory.durableDigest);
  key.include(3, world.acted);
  key.include(4, world.history);
  key.include(5, world.faults);
  for (const node of world.nodes) node?.digestInto(key);
  // Else a state in which all spin could not be told from the one before, and no search would see it.
  for (const task of world.tasks) {
    if (task.blocked && (task.held || !task.daemon)) key.add(8, task.number, 0);
  }
  if (world.clockRead && !world.rules.clockStands) key.add(6, world.nowNs, 0);
  if (world.earlyTimersLeft < Number.POSITIVE_INFINITY) key.add(9, world.earlyTimersLeft, 0);
  return key;
}
