import type { RandomStream } from '../../src/core/random.ts';
import { choiceKind, kindOf, optionOf, withOption } from './choice.ts';
import { RandomScheduler, type Scheduler } from './random.ts';
import type { World } from './world.ts';

/** How many verbs and programs are slow from the start, and how many torn verbs between their parts. */
const slowOneIn = 16;
const tornSlowOneIn = 2;
/** Of verbs that a cut has left in doubt: that they act late is what is bad about them. */
const doubtSlowOneIn = 2;
/** How often, of timers that fire while all work is late. */
const hurryOneIn = 8;
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
  readonly #inDoubt = new Set<number>();
  #step = 0;

  constructor(dice: RandomStream) {
    this.#dice = dice;
    this.#random = new RandomScheduler(dice);
  }

  choose(world: World, choices: readonly number[]): number {
    this.#step++;
    if (world.events.leftInDoubt > 0) this.#lookForDoubts(world, choices);
    if (!choices.some((choice) => isWork(choice) && this.#isPrompt(choice))) this.#hurry(choices);
    const prompt = choices.filter((choice) => !isWork(choice) || this.#isPrompt(choice));
    const chosen = this.#random.choose(world, prompt);
    const whole = withOption(chosen, 0);
    if (kindOf(chosen) === choiceKind.go) this.#notBefore.delete(whole);
    else if (kindOf(chosen) === choiceKind.act && optionOf(chosen) !== 0) this.#tear(whole);
    return chosen;
  }

  /**
   * Nobody works but who is late. Timers may fire meanwhile, and bring others work; but where they only
   * spin, or there are none, it becomes so late that the first of the late ones goes on.
   */
  #hurry(choices: readonly number[]): void {
    const work = choices.filter(isWork);
    if (work.length === 0) return;
    const canWait = choices.some((choice) => kindOf(choice) === choiceKind.wake);
    if (canWait && this.#dice.below(hurryOneIn) !== 0) return;
    this.#step = Math.max(this.#step, Math.min(...work.map((choice) => this.#dueOf(choice))));
  }

  #isPrompt(choice: number): boolean {
    return this.#dueOf(choice) <= this.#step;
  }

  /** Drawn when it is first possible. */
  #dueOf(choice: number): number {
    let step = this.#notBefore.get(choice);
    if (step === undefined) {
      step = this.#dice.below(slowOneIn) === 0 ? this.#later() : 0;
      this.#notBefore.set(choice, step);
    }
    return step;
  }

  #tear(choice: number): void {
    if (this.#torn.has(choice) || this.#dice.below(tornSlowOneIn) !== 0) return;
    this.#torn.add(choice);
    this.#notBefore.set(choice, this.#later());
  }

  #lookForDoubts(world: World, choices: readonly number[]): void {
    for (const choice of choices) {
      if (kindOf(choice) !== choiceKind.act || this.#inDoubt.has(choice)) continue;
      if (!world.flightOf(choice).isInDoubt) continue;
      this.#inDoubt.add(choice);
      if (this.#dice.below(doubtSlowOneIn) === 0) this.#notBefore.set(choice, this.#later());
    }
  }

  #later(): number {
    const { least, most } = delayLog2;
    return this.#step + 2 ** (least + this.#dice.below(most - least + 1));
  }
}

/** A verb acts, or a program goes on. */
function isWork(choice: number): boolean {
  const kind = kindOf(choice);
  return kind === choiceKind.act || kind === choiceKind.go;
}
