import { FarsideError } from '../core/errors.ts';

/** Lines of input that may fail to parse, and those that did. */
export class LineTolerance {
  readonly #badMax: number;
  #bad = 0;
  #first = '';

  constructor(badMax: number) {
    this.#badMax = badMax;
  }

  get skipped(): number {
    return this.#bad;
  }

  /** For the user, once reading is over: how many lines were skipped, and the first of them. */
  get warnings(): readonly string[] {
    if (this.#bad === 0) return [];
    const lines = this.#bad === 1 ? '1 line was' : `${this.#bad} lines were`;
    return [`${lines} skipped, the first: ${this.#first}`];
  }

  /** Counts a bad line; FARSIDE_INPUT where it is one too many. `where` is `file:line`. */
  bad(where: string, column: string, got: string, expected: string): void {
    const what = `${where}: ${column}: got ${quote(got)}, expected ${expected}`;
    if (this.#bad === 0) this.#first = what;
    this.#bad++;
    if (this.#bad <= this.#badMax) return;
    const advice =
      this.#badMax === 0
        ? '--skip-bad-lines N tolerates N such lines'
        : `--skip-bad-lines ${this.#badMax} tolerates no more than that many`;
    throw new FarsideError('FARSIDE_INPUT', `${what} (${advice})`);
  }
}

/** Quoted, and shortened where it is long: a bad line may be a megabyte of binary. */
function quote(text: string): string {
  return JSON.stringify(text.length <= 60 ? text : `${text.slice(0, 60)}…`);
}
