import { choiceKind, kindOf } from './choice.ts';
import type { Footprint } from './footprint.ts';

interface Step {
  readonly to: string;
  readonly footprint: Footprint;
}

/**
 * Holds footprints to what they say: that two choices of one state which commute lead to the same state in
 * either order. It notes every step of a search that tries both orders, and compares when that is over.
 */
export class CommuteCheck {
  readonly #steps = new Map<string, Map<number, Step>>();

  restart(): void {
    this.#steps.clear();
  }

  /** A step was taken from a state to another. */
  note(from: string, choice: number, to: string, footprint: Footprint): void {
    let steps = this.#steps.get(from);
    if (steps === undefined) this.#steps.set(from, (steps = new Map<number, Step>()));
    steps.set(choice, { to, footprint });
  }

  /**
   * Pairs of choices that commute, and both of whose orders were tried, by whether they came to one state;
   * `lost`: pairs of which one made the other impossible. Early timers are left out where they are counted:
   * no search relies on what they commute with.
   */
  compare(countsTimers: boolean): { same: number; different: number; lost: number } {
    const found = { same: 0, different: 0, lost: 0 };
    for (const steps of this.#steps.values()) {
      const all = [...steps].filter(
        ([choice]) => !countsTimers || kindOf(choice) !== choiceKind.wake,
      );
      for (const [i, [one, first]] of all.entries()) {
        for (const [other, second] of all.slice(i + 1)) {
          if (!first.footprint.commutesWith(second.footprint)) continue;
          const [there, back] = [this.#after(first, other), this.#after(second, one)];
          if (there === undefined || back === undefined) found.lost++;
          else if (there === back) found.same++;
          else found.different++;
        }
      }
    }
    return found;
  }

  #after({ to }: Step, choice: number): string | undefined {
    return this.#steps.get(to)?.get(choice)?.to;
  }
}
