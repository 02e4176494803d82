import { FarsideError } from '../../src/core/errors.ts';
import type { Digest } from './digest.ts';
import type { Run } from './exhaustive.ts';

/** Steps that a run is followed behind a state that another one came to before it. */
const stepsMax = 64;

/**
 * Holds state keys to what they say: that runs which come to the same key go on alike. While a search
 * runs, it notes to which key each step led. A run that comes to a known state, and which the search would
 * leave there, is followed to its end: each step that has been taken before from a state of that key must
 * lead to the key that it led to then. FARSIDE_INTERNAL where it does not: then something that matters is
 * missing in the key, such as what a system does not say that it remembers.
 */
export class MergeCheck {
  /** Steps that were compared. */
  compared = 0;
  readonly #steps = new Map<string, string>();
  #turn = 0;

  /** A step was taken. */
  note(from: string, choice: number, to: string): void {
    const step = `${from} ${choice}`;
    const known = this.#steps.get(step);
    if (known === undefined) this.#steps.set(step, to);
    else if (known !== to) throw differs(choice);
    else this.compared++;
  }

  /** Follows a run from a state that is known. */
  follow(run: Run): void {
    const { world } = run;
    let from = textOf(world.key());
    for (let steps = 0; steps < stepsMax; steps++) {
      const choices = run.choices().filter((choice) => this.#steps.has(`${from} ${choice}`));
      const choice = choices[this.#turn++ % choices.length];
      if (choice === undefined) return;
      world.take(choice);
      const to = textOf(world.key());
      this.note(from, choice, to);
      from = to;
    }
  }
}

export function textOf({ a, b }: Digest): string {
  return `${a} ${b}`;
}

function differs(choice: number): FarsideError {
  return new FarsideError(
    'FARSIDE_INTERNAL',
    `two runs came to the same state, and choice ${choice} leads them to different ones`,
  );
}
