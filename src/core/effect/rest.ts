import type { Sleep } from './node.ts';
import type { Receive } from './receive.ts';

/**
 * Says that the program which yields this effect is at rest with it: what it does from here on depends on
 * the effect itself, what ends it, and what its node remembers for all its programs (`SystemNode.remembers`,
 * `SystemServer.remembers`), and on nothing else: no local variable that lives on, no outcome of a verb that
 * it has posted. Nor does it count on how long it rests, for verbs to be over by then. So two moments at
 * which it is at rest with the same effect are the same to whoever explores schedules; fabrics do not look
 * at it.
 */
export function atRest<E extends Sleep | Receive>(effect: E): E {
  effect.isRest = true;
  return effect;
}
