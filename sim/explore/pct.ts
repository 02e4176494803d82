import type { RandomStream } from '../../src/core/random.ts';
import { choiceKind, kindOf, serialOf, taskOf } from './choice.ts';
import { pick, type Scheduler, withRandomOption } from './random.ts';
import type { World } from './world.ts';

const streakMax = 256;

/**
 * Probabilistic concurrency testing (Burckhardt and others, ASPLOS 2010): programs and queue pairs have
 * random priorities, and whoever has the highest goes on; at `depth` - 1 random steps the one that runs
 * falls below all others. A bug that needs d ordered events is found with a chance of at least 1 in
 * n k^(d-1), for n actors and k steps, which uniform choice cannot promise. Faults come at random steps,
 * and a timer that has fired is the last one to fire again.
 */
export class PctScheduler implements Scheduler {
  readonly #dice: RandomStream;
  readonly #priorities = new Map<number, number>();
  readonly #changes = new Set<number>();
  readonly #faultSteps = new Set<number>();
  #step = 0;
  #lowest = 0;
  /** Who went on last, and how often in a row. */
  #last = -1;
  #streak = 0;

  constructor(dice: RandomStream, stepsExpected: number, depth: number, faults: number) {
    this.#dice = dice;
    const steps = Math.max(2, stepsExpected);
    for (let i = 1; i < depth; i++) this.#changes.add(dice.below(steps));
    for (let i = 0; i < faults; i++) this.#faultSteps.add(dice.below(steps));
  }

  choose(world: World, choices: readonly number[]): number {
    const step = this.#step++;
    const faults = choices.filter((choice) => kindOf(choice) === choiceKind.fault);
    const others = choices.filter((choice) => kindOf(choice) !== choiceKind.fault);
    if (others.length === 0 || (faults.length > 0 && this.#faultSteps.has(step))) {
      return withRandomOption(world, pick(faults, this.#dice), this.#dice);
    }
    let best = others[0] as number;
    for (const choice of others) {
      if (this.#priorityOf(world, choice) > this.#priorityOf(world, best)) best = choice;
    }
    // Whoever sleeps gives way, and whoever has had so many steps in a row: one that looks again and again
    // for what another is to do must not go on looking until the run is given up.
    this.#streak = taskOf(best) === this.#last ? this.#streak + 1 : 0;
    this.#last = taskOf(best);
    const givesWay = kindOf(best) === choiceKind.wake || this.#streak % streakMax === streakMax - 1;
    if (givesWay || this.#changes.has(step)) {
      this.#priorities.set(actorOf(world, best), --this.#lowest);
    }
    return withRandomOption(world, best, this.#dice);
  }

  #priorityOf(world: World, choice: number): number {
    const actor = actorOf(world, choice);
    let priority = this.#priorities.get(actor);
    if (priority === undefined) {
      priority = 1 + this.#dice.below(2 ** 30);
      this.#priorities.set(actor, priority);
    }
    return priority;
  }
}

/** A program, its timer, or one of its queue pairs. */
function actorOf(world: World, choice: number): number {
  const kind = kindOf(choice);
  const task = taskOf(choice);
  if (kind !== choiceKind.act) return task * 8192 + kind;
  for (const pair of world.pairs) {
    for (const flight of pair.flights) {
      if (flight.task.number === task && flight.slot === serialOf(choice)) {
        return pair.root * 8192 + 8 + pair.node;
      }
    }
  }
  return task * 8192;
}
