import { type Program, settle, type Verb, verbStatus } from '../../src/core/effect.ts';
import { roomIn } from '../../src/core/mailbox-state.ts';
import type { Flight } from './flight.ts';
import type { WorldNode } from './node.ts';
import { portOf } from './sharing.ts';
import type { Task } from './task.ts';
import type { World } from './world.ts';

/**
 * A WRITE has landed in a mailbox: its node takes what came, and everybody there looks again. Whoever waits
 * for room in a ring looks at the credit word without a verb, so nothing else would tell that it changed.
 */
export function takeMessage(world: World, flight: Flight): WorldNode | undefined {
  const { node: id, verb } = flight;
  const node = world.nodes[id];
  if (node === undefined || !node.up) return undefined;
  world.footprint.arrived |= 1 << id;
  world.sharing?.arrive(flight.pair.owner, id, portOf(world.memory, flight));
  const before = world.tracks ? roomIn(node.hub.inside) : [];
  node.hub.pollAt(verb.address);
  node.touched();
  if (world.tracks && roomIn(node.hub.inside).some((room, peer) => room !== before[peer])) {
    world.footprint.changed |= 1 << id;
  }
  for (const task of node.tasks) {
    task.blocked = false;
    task.idleRounds = 0;
  }
  if (!node.creditsRunning && node.hub.owesCredits()) {
    node.creditsRunning = true;
    world.start(id, `credits${node.credits++}`, returnCredits(node), true);
  }
  return node;
}

/** Until nobody is owed any: peers that came to be owed while others were told have no other chance. */
function* returnCredits(node: WorldNode): Program<void> {
  let isDone = true;
  while (isDone && node.hub.owesCredits()) isDone = yield* node.hub.returnCredits();
  node.creditsRunning = false;
}

/**
 * A message whose WRITEs were refused, because the program's queue pair leads to an earlier start of the
 * receiver, is sent again by a program with new ones, as every fabric with faults does: the hole in the
 * ring would stop all that is behind it. One that is fenced there, or lost, has nothing to say any more.
 */
export function sendSurely(world: World, { node }: Task, posted: readonly Verb<unknown>[]): void {
  const [first] = posted;
  if (first === undefined || !posted.some((verb) => verb.status === verbStatus.failed)) return;
  const message = node.hub.messageAt(first.address);
  if (message === undefined) return;
  const isWanted = (): boolean =>
    world.down[message.peer] !== true &&
    world.fenced[message.peer]?.has(node.incarnation) !== true &&
    node.hub.isWanted(message);
  if (!isWanted()) return;
  world.start(node.id, `resend${node.resends++}`, resend(posted, isWanted), true);
}

function* resend(verbs: readonly Verb<unknown>[], isWanted: () => boolean): Program<void> {
  if (isWanted()) yield* settle(...verbs.map((verb) => verb.copy()));
}
