import { FarsideError } from '../../src/core/errors.ts';
import { choiceKind, kindOf } from './choice.ts';
import { type Digest, scramble } from './digest.ts';
import type { Run } from './exhaustive.ts';
import { whereIs } from './standing.ts';
import type { World } from './world.ts';

/** Steps that a run is followed behind a state that another one came to before it. */
const stepsMax = 64;

/**
 * Holds state keys to what they say: that runs which come to the same key go on alike. While a search
 * runs, it notes to which key each step led, what else could happen, and what each end came to. Of each
 * further run to a known key all that must be the same. FARSIDE_INTERNAL where it is not: then something that
 * matters is missing in the key, such as what a system does not say that it remembers.
 *
 * A run that comes to a known state, and which the search would leave there, is followed to its end, one way
 * of many. Further passes, each a search of the same from the beginning in another order, see more: most
 * states are then searched from where another run came to them. One pass alone finds a difference only where
 * the one way that it follows shows it (docs/verification.md, "Where it would be wrong").
 */
export class MergeCheck {
  /** Steps that were compared. */
  compared = 0;
  /** Timers that were tried though they are taken to be idle. */
  probed = 0;
  readonly #steps = new Map<string, string>();
  readonly #offers = new Map<string, string>();
  readonly #ends = new Map<string, string>();
  /** Where programs stood (`whereIs`) when a timer gave them something to do. */
  readonly #busyWakes = new Set<string>();
  #turn = 0;
  #follows = 0;
  #pass = 0;

  /** The next search is of the same, and takes what it can choose from in another order. */
  nextPass(): void {
    this.#pass++;
  }

  /** In the first pass as they are, in the second the other way round, then as dice have it. */
  inOrder(choices: readonly number[]): readonly number[] {
    const pass = this.#pass;
    if (pass === 0) return choices;
    if (pass === 1) return choices.toReversed();
    const die = (choice: number): number => scramble(pass, choice | 0, choice / 2 ** 32, 0);
    return choices.toSorted((one, other) => die(one) - die(other));
  }

  /**
   * What can happen in a state. Not compared are timers, of which one that has fired for nothing waits
   * until something happens on its node, and faults, which are listed after certain steps only.
   */
  offer(at: string, choices: readonly number[]): void {
    const offered = choices
      .filter((choice) => kindOf(choice) < choiceKind.wake)
      .toSorted((one, other) => one - other)
      .join(' ');
    const known = this.#offers.get(at);
    if (known === undefined) this.#offers.set(at, offered);
    else if (known !== offered) throw differs('other choices can be taken from there');
  }

  /** A step was taken. */
  note(from: string, choice: number, to: string): void {
    const step = `${from} ${choice}`;
    const known = this.#steps.get(step);
    if (known === undefined) this.#steps.set(step, to);
    else if (known !== to) throw differs(`choice ${choice} leads them to different ones`);
    else this.compared++;
  }

  /**
   * Takes a choice of the world's. Where a timer finds nothing to do, a search takes it for one that never
   * will in any state where its program stands there (`TaskNames.wokeForNothing`): so what a node does not
   * tell may cost ends without two states ever being merged.
   */
  take(world: World, choice: number): void {
    const woken = kindOf(choice) === choiceKind.wake ? world.taskOf(choice) : undefined;
    const where = woken === undefined ? undefined : whereIs(woken);
    world.take(choice);
    if (woken === undefined || where === undefined) return;
    const place = textOf(where);
    if (woken.ended || textOf(whereIs(woken)) !== place) this.#busyWakes.add(place);
    if (!this.#busyWakes.has(place) || !world.names.wakesForNothing(where)) return;
    throw differs('in one of them a timer that fires finds nothing to do');
  }

  /** A run that ended in that state came to `outcome`. */
  ended(at: string, outcome: string): void {
    const known = this.#ends.get(at);
    if (known === undefined) this.#ends.set(at, outcome);
    else if (known !== outcome) throw differs(`one ended in ${known}, the other one in ${outcome}`);
  }

  /** Follows a run from a state that is known; every other one is asked there and then for idle timers. */
  follow(run: Run): void {
    const { world } = run;
    const isProbe = this.#follows++ % 2 === 1;
    let from = textOf(world.key());
    for (let steps = 0; steps < stepsMax && !isProbe; steps++) {
      const all = run.choices();
      this.offer(from, all);
      const choices = all.filter((choice) => this.#steps.has(`${from} ${choice}`));
      const choice = choices[this.#turn++ % choices.length];
      if (choice === undefined) break;
      this.take(world, choice);
      const to = textOf(world.key());
      this.note(from, choice, to);
      from = to;
    }
    this.#wakeIdle(run);
  }

  /** Timers that are not tried because they have nothing to do: one after another, they must have nothing. */
  #wakeIdle({ world }: Run): void {
    const usual = new Set(world.choices());
    world.skipsIdle = false;
    const idle = world.choices().filter((choice) => !usual.has(choice));
    for (const choice of idle) {
      if (!world.choices().includes(choice)) continue;
      this.probed++;
      this.take(world, choice);
    }
  }
}

export function textOf({ a, b }: Digest): string {
  return `${a} ${b}`;
}

function differs(how: string): FarsideError {
  return new FarsideError('FARSIDE_INTERNAL', `two runs came to the same state, and ${how}`);
}
