import { verbOp } from '../../src/core/effect.ts';
import type { RandomStream } from '../../src/core/random.ts';
import { choiceKind, kindOf, optionMax, serialOf, withOption } from './choice.ts';
import type { FaultMenuEntry } from './faults.ts';
import { outcomesOf } from './faults.ts';
import { flightState } from './flight.ts';
import type { World } from './world.ts';

/** Chooses one of what may happen next. */
export interface Scheduler {
  choose(world: World, choices: readonly number[]): number;
}

/** How rare faults are: one in so many steps, while the menu has any. */
const faultOneIn = 24;
/** Timers are rarer than steps: one in so many, where anything else could happen. */
const timerOneIn = 8;
const tearOneIn = 3;

/**
 * Each step, any of what may happen: programs and verbs with equal chances, timers and faults with
 * smaller ones. A verb tears with a chance of a third, where it can.
 */
export class RandomScheduler implements Scheduler {
  readonly #dice: RandomStream;
  readonly #usual: number[] = [];

  constructor(dice: RandomStream) {
    this.#dice = dice;
  }

  choose(world: World, choices: readonly number[]): number {
    return withRandomOption(world, this.#kindOfStep(choices), this.#dice);
  }

  #kindOfStep(choices: readonly number[]): number {
    const usual = this.#usual;
    usual.length = 0;
    const wakes: number[] = [];
    const faults: number[] = [];
    for (const choice of choices) {
      const kind = kindOf(choice);
      (kind === choiceKind.fault ? faults : kind === choiceKind.wake ? wakes : usual).push(choice);
    }
    const dice = this.#dice;
    if (faults.length > 0 && dice.below(faultOneIn) === 0) return pick(faults, dice);
    if (wakes.length > 0 && (usual.length === 0 || dice.below(timerOneIn) === 0)) {
      return pick(wakes, dice);
    }
    return pick(usual.length > 0 ? usual : faults, dice);
  }
}

export function pick<T>(from: readonly T[], dice: RandomStream): T {
  return from[dice.below(from.length)] as T;
}

/** Draws how a verb acts, and what a loss of power leaves. */
export function withRandomOption(world: World, choice: number, dice: RandomStream): number {
  const kind = kindOf(choice);
  if (kind === choiceKind.fault) {
    const entry = world.menu[serialOf(choice)] as FaultMenuEntry;
    const outcomes = outcomesOf(world, entry);
    if (outcomes.length === 1) return choice;
    // Of many words any subset, not only those that an exhaustive search tries.
    const any = outcomes.length > 10 ? dice.below(optionMax + 1) : pick(outcomes, dice);
    return withOption(choice, any);
  }
  if (kind !== choiceKind.act || dice.below(tearOneIn) !== 0) return choice;
  const flight = world.flightOf(choice);
  if (flight.state !== flightState.posted) return choice;
  if (flight.isAtomic) return withOption(choice, 1);
  if (flight.to === flight.from || flight.verb.op === verbOp.flush) return choice;
  if (world.memory.isMailbox(flight.node, flight.from)) return choice;
  return withOption(choice, 1 + dice.below(optionMax - 1));
}
