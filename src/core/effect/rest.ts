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

/**
 * Says that the program only looks, after that effect, whether something has come about, and waits again
 * where it has not: it does not count on how long it has waited, for verbs to be over by then. So whoever
 * explores schedules under bounded timing lets the timer fire before such verbs are over, too.
 */
export function atAnyTime<E extends Sleep | Receive>(effect: E): E {
  effect.isAnyTime = true;
  return effect;
}
