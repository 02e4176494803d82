import { effectKind, verbOp } from '../../src/core/effect.ts';
import { tearings, wouldChange, wouldSwap } from './act.ts';
import { mayLookAgain } from './again.ts';
import { choiceKind, choiceOf, taskOf, withOption } from './choice.ts';
import { mayHappen, outcomesOf } from './faults.ts';
import { type Flight, flightState } from './flight.ts';
import { whereIs } from './standing.ts';
import type { Task } from './task.ts';
import type { World } from './world.ts';

export type Grain = 'effects' | 'waits' | 'turns';

export interface ChoiceRules {
  /** List every way to tear a verb, every outcome of a restart; else schedulers draw them. */
  readonly everyOption: boolean;
  /**
   * On a node with several programs, one may be overtaken by another at each of its `effects`; only where
   * it `waits` for verbs, messages or timers; or they take `turns`: each goes on as soon as what it waits
   * for has come, as in an event loop, so that their order is that in which verbs act and messages come.
   */
  readonly grain: Grain;
  /**
   * Timers fire at any time and do not move the clock, which only pauses do: states that differ in nothing
   * but the time are one.
   */
  readonly clockStands: boolean;
  /** Timers that may fire, in one schedule, while anything but timers and faults could happen. */
  readonly earlyTimersMax: number;
  /** Faults right after a step of the node concerned only, which is enough; else at any time. */
  readonly faultsAfterSteps: boolean;
}

/** Everything that may happen next, in an order that the schedule so far decides. */
export function listChoices(world: World): number[] {
  const choices: number[] = [];
  const wakes: number[] = [];
  const { everyOption } = world.rules;
  for (const pair of world.pairs) {
    const { flights } = pair;
    for (let i = 0; i < flights.length; i++) {
      const flight = flights[i] as Flight;
      if (flight.state === flightState.acted || !pair.mayAct(i)) continue;
      const whole = choiceOf(choiceKind.act, flight.task.number, flight.slot);
      choices.push(whole);
      if (!everyOption) continue;
      for (const option of actOptions(world, flight)) choices.push(withOption(whole, option));
    }
  }
  const horizonNs = horizonOf(world);
  for (const task of world.tasks) {
    if (task.isReady) choices.push(choiceOf(choiceKind.go, task.number));
    else if (mayWake(world, task, horizonNs)) wakes.push(choiceOf(choiceKind.wake, task.number));
  }
  const isUrgent = choices.length > 0 && world.earlyTimersLeft <= 0;
  world.holdsTimers = false;
  for (const wake of wakes) {
    if (!isUrgent || isFence(world, wake)) choices.push(wake);
    else world.holdsTimers = true;
  }
  if (choices.length === 0 && mayLookAgain(world)) choices.push(choiceOf(choiceKind.again, 0));
  for (const [i, entry] of world.menu.entries()) {
    if (!mayHappen(world, entry)) continue;
    const first = choiceOf(choiceKind.fault, 0, i);
    for (const option of everyOption ? outcomesOf(world, entry) : [0]) {
      choices.push(withOption(first, option));
    }
  }
  return choices;
}

/** The first of `listChoices` that is neither a timer nor a fault, without a list. */
export function usualChoice(world: World): number | undefined {
  if (world.failure !== undefined) return undefined;
  for (const pair of world.pairs) {
    for (const [i, { task, slot, state }] of pair.flights.entries()) {
      if (state === flightState.acted || !pair.mayAct(i)) continue;
      return choiceOf(choiceKind.act, task.number, slot);
    }
  }
  const ready = world.tasks.find((task) => task.isReady);
  return ready === undefined ? undefined : choiceOf(choiceKind.go, ready.number);
}

/** Of timers that may fire, the one that was set first. */
export function longestAsleep({ tasks }: World, wakes: readonly number[]): number | undefined {
  let first: Task | undefined;
  for (const wake of wakes) {
    const number = taskOf(wake);
    const task = tasks.find((candidate) => candidate.number === number);
    if (task !== undefined && task.sleptAtStep < (first?.sleptAtStep ?? Number.POSITIVE_INFINITY)) {
      first = task;
    }
  }
  return first === undefined ? undefined : choiceOf(choiceKind.wake, first.number);
}

/** Whether nothing but timers and faults could happen. */
export function isIdle(world: World): boolean {
  if (world.tasks.some((task) => task.isReady)) return false;
  return world.pairs.every(({ flights }) => flights.every((f) => f.state === flightState.acted));
}

/** A fence is performed in its own time too, but it is no timer. */
function isFence({ tasks }: World, wake: number): boolean {
  const number = taskOf(wake);
  return tasks.find((task) => task.number === number)?.effect?.kind === effectKind.fence;
}

/** How late it may become: in bounded timing, no verb in flight outlives its bound. */
function horizonOf(world: World): number {
  if (world.timing === 'asynchronous') return Number.POSITIVE_INFINITY;
  let horizonNs = Number.POSITIVE_INFINITY;
  for (const { flights } of world.pairs) {
    for (const flight of flights) {
      if (!flight.isOrphan) horizonNs = Math.min(horizonNs, flight.deadlineNs);
    }
  }
  return horizonNs;
}

function mayWake(world: World, task: Task, horizonNs: number): boolean {
  if (task.blocked) return false;
  if (task.effect?.kind === effectKind.fence) return true;
  if (task.dueNs === Number.POSITIVE_INFINITY) return false;
  if (!world.rules.clockStands) return task.dueNs <= horizonNs;
  if (wakesForNothing(world, task)) return false;
  if (!reliesOnVerbs(world, task)) return true;
  return !world.pairs.some(({ flights }) =>
    flights.some(
      (flight) =>
        flight.state !== flightState.acted &&
        (flight.isInDoubt || !flight.isOrphan) &&
        flight.postedAtStep <= task.sleptAtStep,
    ),
  );
}

/** It has been seen to wake there, with all that it can know, and to find nothing to do. */
function wakesForNothing(world: World, task: Task): boolean {
  if (!world.tracks || !world.skipsIdle || world.nowNs !== 0) return false;
  return world.names.wakesForNothing(whereIs(task));
}

/**
 * Whoever sleeps for the bound of a verb relies on those being over that were in flight when it fell asleep;
 * a program at rest has nothing to wait for. Where no timer may be early, all verbs are over anyway before
 * one fires.
 */
export function reliesOnVerbs(world: World, task: Task): boolean {
  if (world.timing === 'asynchronous' || world.earlyTimersLeft <= 0) return false;
  if (task.dueNs === Number.POSITIVE_INFINITY) return false;
  const { effect } = task;
  const waits = effect?.kind === effectKind.sleep || effect?.kind === effectKind.receive;
  if (waits && (effect.isRest || effect.isAnyTime)) return false;
  return task.dueNs - world.nowNs >= world.verbBoundNs;
}

/** Further ways in which a verb may act, where another verb in flight could tell the difference. */
export function actOptions(world: World, flight: Flight): number[] {
  if (flight.state !== flightState.posted) return [];
  if (flight.isAtomic) return mayLose(world, flight) ? [1] : [];
  if (flight.to === flight.from || flight.verb.op === verbOp.flush) return [];
  if (world.memory.isMailbox(flight.node, flight.from)) return [];
  return tearings(flight.isWrite ? writtenWords(world, flight) : racedWords(world, flight));
}

/** Words of a WRITE that it changes, where another verb may see them change one by one. */
function writtenWords(world: World, flight: Flight): number[] {
  if (!flight.isOrphan && !others(world, flight).some(() => true)) return [];
  const words: number[] = [];
  for (let i = 0; i <= flight.to - flight.from; i++) {
    if (wouldChange(world.memory, flight, i)) words.push(i);
  }
  return words;
}

/** Words of a READ that verbs in flight are about to change. */
function racedWords(world: World, flight: Flight): number[] {
  const words = new Set<number>();
  for (const other of others(world, flight)) {
    if (other.verb.op === verbOp.read || other.verb.op === verbOp.flush) continue;
    const from = Math.max(flight.from, other.from);
    const to = Math.min(flight.to, other.to);
    for (let word = from; word <= to; word++) {
      const changes = other.isAtomic
        ? wouldSwap(world.memory, other)
        : wouldChange(world.memory, other, word - other.from);
      if (changes) words.add(word - flight.from);
    }
  }
  return [...words];
}

/** A WRITE in flight that would change the word which an atomic is about to change. */
function mayLose(world: World, flight: Flight): boolean {
  if (!wouldSwap(world.memory, flight)) return false;
  return others(world, flight).some(
    (other) =>
      other.isWrite &&
      other.swallowed?.has(flight.from) !== true &&
      wouldChange(world.memory, other, flight.from - other.from),
  );
}

/** Verbs of other queue pairs that are in flight, have not acted, and overlap. */
function others(world: World, flight: Flight): Flight[] {
  const found: Flight[] = [];
  for (const pair of world.pairs) {
    if (pair === flight.pair) continue;
    for (const other of pair.flights) {
      if (other.state !== flightState.acted && other.overlaps(flight)) found.push(other);
    }
  }
  return found;
}
