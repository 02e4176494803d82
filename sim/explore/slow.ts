import type { RandomStream } from '../../src/core/random.ts';
import { choiceKind, kindOf, optionOf, withOption } from './choice.ts';
import { RandomScheduler, type Scheduler } from './random.ts';
import type { World } from './world.ts';

/** How many verbs and programs are slow from the start, and how many torn verbs between their parts. */
const slowOneIn = 16;
const tornSlowOneIn = 2;
/** A slow one is passed over for 2^4 to 2^9 steps. */
const delayLog2 = { least: 4, most: 9 } as const;

/**
 * As `random`, but some verbs and some steps of programs are slow: while anything else can happen they
 * wait, for up to some hundred steps. Uniform choice hardly ever passes one over for more than a dozen;
 * yet a READ whose buffer is used again under it, a CAS that lands after a recovery has passed, and a
 * program that is suspended between two verbs all take that somebody is late while much else is done.
 */
export class SlowScheduler implements Scheduler {
  readonly #dice: RandomStream;
  readonly #random: RandomScheduler;
  /** By choice without its option: the step before which it is not taken. */
  readonly #notBefore = new Map<number, number>();
  readonly #torn = new Set<number>();
  #step = 0;

  constructor(dice: RandomStream) {
    this.#dice = dice;
    this.#random = new RandomScheduler(dice);
  }

  choose(world: World, choices: readonly number[]): number {
    this.#step++;
    const prompt = choices.filter((choice) => !this.#isLate(choice));
    const isEventful = prompt.some((choice) => kindOf(choice) !== choiceKind.fault);
    const chosen = this.#random.choose(world, isEventful ? prompt : choices);
    const whole = withOption(chosen, 0);
    if (kindOf(chosen) === choiceKind.go) this.#notBefore.delete(whole);
    else if (kindOf(chosen) === choiceKind.act && optionOf(chosen) !== 0) this.#tear(whole);
    return chosen;
  }

  #isLate(choice: number): boolean {
    const kind = kindOf(choice);
    if (kind !== choiceKind.act && kind !== choiceKind.go) return false;
    let step = this.#notBefore.get(choice);
    if (step === undefined) {
      step = this.#dice.below(slowOneIn) === 0 ? this.#later() : 0;
      this.#notBefore.set(choice, step);
    }
    return step > this.#step;
  }

  #tear(choice: number): void {
    if (this.#torn.has(choice) || this.#dice.below(tornSlowOneIn) !== 0) return;
    this.#torn.add(choice);
    this.#notBefore.set(choice, this.#later());
  }

  #later(): number {
    const { least, most } = delayLog2;
    return this.#step + 2 ** (least + this.#dice.below(most - least + 1));
  }
}
