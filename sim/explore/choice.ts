import { FarsideError } from '../../src/core/errors.ts';
import type { Digest } from './digest.ts';

/**
 * What may happen next, as one number, so that a scheduler can compare and store thousands of them.
 *
 *     52           41 40              25 24         15 14        3 2    0
 *    +---------------+------------------+-------------+-----------+------+
 *    | task 12       |      serial 16   |  option 10  |     0     | kind |
 *    +---------------+------------------+-------------+-----------+------+
 *
 * | kind  | task       | serial            | option                                                |
 * |-------|------------|-------------------|-------------------------------------------------------|
 * | act   | who posted | its how-manieth   | 0: whole; else the words that act first, by bit (verb |
 * |       |            | verb              | longer than 10 words: bit i mod 10); an atomic's 1:   |
 * |       |            |                   | swallows the racing WRITEs' word                      |
 * | go    | who        |                   | a program goes on with the answer it has              |
 * | wake  | who        |                   | its timer fires                                       |
 * | fault |            | place in the menu | of a restart: the unflushed words that stay, by bit   |
 * | again |            |                   | all that poll or spin look again, until one goes on   |
 */
export const choiceKind = { act: 0, go: 1, wake: 2, fault: 3, again: 4 } as const;
export type ChoiceKind = (typeof choiceKind)[keyof typeof choiceKind];

export const optionMax = 2 ** 10 - 1;
const kindFactor = 8;
const optionFactor = 2 ** 10;
const serialFactor = 2 ** 16;

export function choiceOf(kind: ChoiceKind, task: number, serial = 0, option = 0): number {
  return kind + kindFactor * (option + optionFactor * (serial + serialFactor * task));
}

export function kindOf(choice: number): ChoiceKind {
  return (choice % kindFactor) as ChoiceKind;
}

export function optionOf(choice: number): number {
  return Math.floor(choice / kindFactor) % optionFactor;
}

export function serialOf(choice: number): number {
  return Math.floor(choice / (kindFactor * optionFactor)) % serialFactor;
}

export function taskOf(choice: number): number {
  return Math.floor(choice / (kindFactor * optionFactor * serialFactor));
}

/** The same choice with another option. */
export function withOption(choice: number, option: number): number {
  return choice + kindFactor * (option - optionOf(choice));
}

/**
 * Numbers of tasks by name, the same in every schedule of one search. Where several isolates search together,
 * the names that all know at first have the same numbers everywhere, and no two number another one alike.
 */
export class TaskNames {
  readonly #numbers = new Map<string, number>();
  readonly #names: string[] = [];
  readonly #step: number;
  #next: number;

  constructor(known: readonly string[] = [], member = 0, members = 1) {
    for (const [number, name] of known.entries()) this.#note(name, number);
    this.#next = known.length + member;
    this.#step = members;
  }

  #note(name: string, number: number): number {
    this.#numbers.set(name, number);
    this.#names[number] = name;
    return number;
  }

  numberOf(name: string): number {
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    const number = this.#note(name, this.#next);
    this.#next += this.#step;
    return number;
  }

  nameOf(number: number): string {
    return this.#names[number] ?? `task ${number}`;
  }

  get all(): readonly string[] {
    return [...this.#numbers.keys()];
  }

  /** Where a program woke to find nothing to do, and will again (`whereIs`). */
  readonly #idle = new Map<number, Set<number>>();

  wokeForNothing({ a, b }: Digest): void {
    let idle = this.#idle.get(a);
    if (idle === undefined) this.#idle.set(a, (idle = new Set<number>()));
    idle.add(b);
  }

  wakesForNothing({ a, b }: Digest): boolean {
    return this.#idle.get(a)?.has(b) === true;
  }
}

const kindNames = ['act', 'go', 'wake', 'fault', 'again'] as const;

/** `act cn0/client 3 part 5`, `go cn0/client`, `wake ms0/2`, `fault 1 part 7`, `again`. */
export function choiceText(choice: number, names: TaskNames): string {
  const kind = kindOf(choice);
  const option = optionOf(choice);
  const part = option === 0 ? '' : ` part ${option}`;
  if (kind === choiceKind.fault) return `fault ${serialOf(choice)}${part}`;
  if (kind === choiceKind.again) return kindNames[kind];
  const who = names.nameOf(taskOf(choice));
  return kind === choiceKind.act
    ? `act ${who} ${serialOf(choice)}${part}`
    : `${kindNames[kind]} ${who}`;
}

/** The inverse of `choiceText`; FARSIDE_INPUT where the text is no choice. */
export function parseChoice(text: string, names: TaskNames): number {
  const [, kind, who, serial, option] =
    /^(act) (\S+) (\d+)(?: part (\d+))?$/.exec(text) ??
    /^(go|wake) (\S+)$/.exec(text) ??
    /^(fault)()? (\d+)(?: part (\d+))?$/.exec(text) ??
    /^(again)$/.exec(text) ??
    [];
  if (kind === undefined) {
    throw new FarsideError(
      'FARSIDE_INPUT',
      `${JSON.stringify(text)} is no choice: expected "act WHO SERIAL [part BITS]", "go WHO", ` +
        '"wake WHO", "fault NUMBER [part BITS]" or "again"',
    );
  }
  const number = kindNames.indexOf(kind as (typeof kindNames)[number]) as ChoiceKind;
  const task = who === undefined || who === '' ? 0 : names.numberOf(who);
  return choiceOf(number, task, Number(serial ?? 0), Number(option ?? 0));
}
