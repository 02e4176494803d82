import { verbOp } from '../src/core/effect.ts';
import type { RandomStream } from '../src/core/random.ts';
import type { Machine } from './machine.ts';
import type { Keeping } from './node-memory.ts';
import type { QueuePair } from './queue-pair.ts';
import type { Scheduler } from './scheduler.ts';

/**
 * How much of what a crashed compute node had posted still lands, on each of its queue pairs: all of
 * it, nothing that has not arrived, or a random prefix, the last WRITE of which may land in part.
 */
export type Landing = 'all' | 'none' | 'random';

/**
 * A compute node stops: its programs are never resumed. Of each of its queue pairs a prefix of the
 * posted verbs lands, drawn by `dice`; where the prefix ends in a WRITE that has not arrived, a coin
 * decides whether it lands whole or any subset of its words does.
 */
export function crashPrograms(
  machine: Machine,
  scheduler: Scheduler,
  queuePairs: readonly QueuePair[],
  dice: RandomStream,
  landing: Landing,
): void {
  for (const task of scheduler.tasks) {
    if (task !== undefined && task.root.node === machine.id) scheduler.kill(task);
  }
  for (const queuePair of queuePairs) {
    if (queuePair.source === machine) cutOff(queuePair, dice, landing);
  }
}

function cutOff(queuePair: QueuePair, dice: RandomStream, mode: Landing): void {
  queuePair.broken = true;
  // What its queue pair held back was never sent: the prefix ends before it.
  queuePair.waiting.length = 0;
  let launched = 0;
  for (let flight = queuePair.head; flight !== undefined; flight = flight.next) launched++;
  const landing = mode === 'random' ? dice.below(launched + 1) : mode === 'all' ? launched : 0;
  let position = 0;
  for (let flight = queuePair.head; flight !== undefined; flight = flight.next) {
    position++;
    flight.unusual = true;
    if (position > landing) flight.dropped = true;
    else if (mode === 'random' && position === landing && flight.op === verbOp.write) {
      flight.partial = (dice.next32() & 1) === 0;
    }
  }
}

/** Power is lost: nothing is answered until a restart, which finds what the media kept. */
export function losePower(machine: Machine, nowPs: number, keeping: Keeping = 'random'): void {
  machine.up = false;
  machine.condition++;
  machine.crashes++;
  machine.memory.losePower(nowPs, keeping);
}

/** The node is there again, with new incarnations of its regions. */
export function restart(machine: Machine): void {
  machine.up = true;
  machine.condition++;
  machine.incarnation++;
}
