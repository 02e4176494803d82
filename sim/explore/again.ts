import { choiceKind, choiceOf } from './choice.ts';
import { usualChoice } from './choices.ts';
import { Footprint } from './footprint.ts';
import type { Task } from './task.ts';
import type { World } from './world.ts';

/**
 * Before a run counts as stuck, whoever is taken for one that polls or spins looks again, and again.
 *
 * That a program is where it was cannot be seen: a generator does not show its local variables. One that
 * sleeps three times as long, twenty times in a loop, or that tries a CAS five times and then gives up, goes
 * through equal rounds that show nobody anything, as does one that polls for ever. While others go on it
 * makes no difference, for timers may be as late as they like. But when nobody can go on, it is the
 * difference between a system that is slow and one that is stuck. So then all of them are let go on, one
 * round each, over and over, until one does something else than before; and the run is stuck only when
 * `roundsMax` rounds of all of them have changed nothing. (A program that counts further than that is taken
 * to be stuck.)
 *
 * The order of these rounds is fixed: they are one choice. So a search of all schedules does not try what
 * comes of other orders in which such programs come to the end of their rounds at one time.
 */
export const roundsMax = 64;

/** How often in one run, for programs that get stuck, go on, and get stuck again. */
export const looksMax = 64;

const roundStepsMax = 256;

/** Whether it may be that somebody goes on by looking again: asked where nothing else could happen. */
export function mayLookAgain(world: World): boolean {
  // Where programs look at the clock, it is the clock that gets them out of it.
  if (world.looksLeft === 0 || world.clockRead || world.foreground === 0) return false;
  return world.tasks.some(looksOn);
}

/** Those that wait for nothing but a timer which is known to fire for nothing, or spin. */
function looksOn(task: Task): boolean {
  return task.blocked || task.dueNs < Number.POSITIVE_INFINITY;
}

export function lookAgain(world: World): void {
  const all = new Footprint();
  all.global = true;
  const resumed = letGoOn(world);
  all.resumed = resumed;
  all.changed = resumed;
  world.footprint = all;
}

/** Gives the nodes whose programs went on, by bit. */
function letGoOn(world: World): number {
  let resumed = 0;
  world.looksLeft--;
  for (let round = 0; round < roundsMax; round++) {
    for (const task of world.tasks.filter(looksOn)) {
      resumed |= 1 << task.node.id;
      if (!goesRound(world, task)) return resumed;
    }
  }
  world.looksLeft = 0;
  return resumed;
}

/** It goes on until it polls or spins again. False: it, or anybody, has done something else. */
function goesRound(world: World, task: Task): boolean {
  const { tasks, memory } = world;
  const before = tasks.map(({ blocked, idleRounds }) => ({ blocked, idleRounds }));
  const count = tasks.length;
  const { changes } = memory;
  task.blocked = false;
  for (let steps = 0; steps < roundStepsMax; steps++) {
    const next = usualChoice(world) ?? timerOf(task);
    if (next === undefined) return false;
    world.take(next);
    if (task.ended || tasks.length !== count || memory.changes !== changes) return false;
    if (!task.blocked) continue;
    // What it did was nothing, so those that it had look again need not: their own turns come.
    for (const [i, other] of tasks.entries()) if (other !== task) Object.assign(other, before[i]);
    return true;
  }
  return false;
}

function timerOf({ effect, dueNs, number, blocked }: Task): number | undefined {
  if (blocked || dueNs === Number.POSITIVE_INFINITY || effect === undefined) return undefined;
  return choiceOf(choiceKind.wake, number);
}

/** Time passes, for those who wait for nothing else. */
export function letTimePass(world: World, durationNs: number): void {
  world.nowNs += durationNs;
  world.faults.chain(durationNs, world.nowNs);
  for (const task of world.tasks) task.blocked = false;
}
