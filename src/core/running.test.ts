import { expect, test } from 'vitest';
import {
  type Effect,
  handBack,
  handOver,
  type Program,
  type ProgramSeries,
  type Steps,
  sleep,
} from './effect.ts';
import { firstOf, type Running, resume, seriesOf, throwInto } from './running.ts';

/** Runs operations by number, and writes down how each ended. */
class Operations implements ProgramSeries {
  readonly log: string[] = [];
  #started = 0;
  readonly #operations: readonly (() => Program<unknown>)[];

  constructor(...operations: readonly (() => Program<unknown>)[]) {
    this.#operations = operations;
  }

  advance(result: unknown): Program<unknown> | undefined {
    if (this.#started > 0) this.log.push(`gave ${result}`);
    return this.#next();
  }

  recover(error: unknown): Program<unknown> | undefined {
    if (!(error instanceof RangeError)) throw error;
    this.log.push(`failed: ${error.message}`);
    return this.#next();
  }

  #next(): Program<unknown> | undefined {
    return this.#operations[this.#started++]?.();
  }
}

function* sleeping(ns: number): Program<string> {
  yield* sleep(ns);
  return `slept ${ns}`;
}

function* failing(): Program<never> {
  yield* sleep(7);
  throw new RangeError('too far');
}

function* atOnce(): Program<number> {
  return 5;
}

const run = (program: Program<unknown> | ProgramSeries): Running => ({
  program: firstOf(program),
  series: seriesOf(program),
});

function durations(running: Running): number[] {
  const seen: number[] = [];
  for (let effect = resume(running); effect !== undefined; effect = resume(running)) {
    seen.push((effect as Effect & { durationNs: number }).durationNs);
  }
  return seen;
}

test('a program alone yields its effects and ends', () => {
  expect(durations(run(sleeping(3)))).toEqual([3]);
});

test('programs of a series run one after another, and each learns how the one before ended', () => {
  const series = new Operations(
    () => sleeping(1),
    atOnce,
    failing,
    () => sleeping(2),
  );
  expect(durations(run(series))).toEqual([1, 7, 2]);
  expect(series.log).toEqual(['gave slept 1', 'gave 5', 'failed: too far', 'gave slept 2']);
});

test('an error that the series does not take ends the root program', () => {
  const series = new Operations(function* () {
    yield* sleep(1);
    throw new TypeError('a defect');
  });
  expect(() => durations(run(series))).toThrow('a defect');
});

test('an error of the interpreter reaches the program that runs, then its series', () => {
  const caught = new Operations(function* () {
    try {
      yield* sleep(1);
    } catch {
      yield* sleep(2);
    }
  });
  const inside = run(caught);
  resume(inside);
  expect(throwInto(inside, new RangeError('lost'))).toMatchObject({ durationNs: 2 });

  const uncaught = new Operations(
    () => sleeping(1),
    () => sleeping(3),
  );
  const outside = run(uncaught);
  resume(outside);
  expect(throwInto(outside, new RangeError('lost'))).toMatchObject({ durationNs: 3 });
  expect(uncaught.log).toEqual(['failed: lost']);
});

test('what a series itself throws is not given back to it', () => {
  const broken: ProgramSeries = {
    advance() {
      throw new RangeError('its own');
    },
    recover() {
      return sleeping(1);
    },
  };
  expect(() => resume(run(broken))).toThrow('its own');
});

/** Sleeps once, without a generator. */
class Nap implements Steps<string> {
  readonly #ns: number;
  #slept = false;

  constructor(ns: number) {
    this.#ns = ns;
  }

  next(): IteratorResult<Effect, string> {
    if (!this.#slept) {
      this.#slept = true;
      handOver.value = sleep(this.#ns);
      return handOver;
    }
    handBack.value = `napped ${this.#ns}`;
    return handBack as IteratorReturnResult<string>;
  }

  throw(error: unknown): IteratorResult<Effect, string> {
    throw error;
  }

  [Symbol.iterator](): this {
    return this;
  }
}

/** Naps and sleeps in turn. */
class Turns implements ProgramSeries {
  readonly log: unknown[] = [];
  steps: Steps | undefined = undefined;
  #turn = 0;

  advance(result: unknown): Program<unknown> | Steps | undefined {
    if (this.#turn > 0) this.log.push(result);
    const ns = ++this.#turn;
    this.steps = ns % 2 === 1 ? new Nap(ns) : undefined;
    return ns > 4 ? undefined : (this.steps ?? sleeping(ns));
  }

  recover(error: unknown): Program<unknown> | Steps | undefined {
    return this.advance((error as Error).message);
  }
}

test('steps are programs of a series like any other, and so for who delegates to them', () => {
  const turns = new Turns();
  expect(durations(run(turns))).toEqual([1, 2, 3, 4]);
  expect(turns.log).toEqual(['napped 1', 'slept 2', 'napped 3', 'slept 4']);
  expect(
    durations(
      run(
        (function* (): Program<void> {
          expect(yield* new Nap(6)).toBe('napped 6');
        })(),
      ),
    ),
  ).toEqual([6]);
});

test('an error of the interpreter reaches the steps that run, then their series', () => {
  const turns = new Turns();
  const running = run(turns);
  resume(running);
  expect(throwInto(running, new RangeError('lost'))).toMatchObject({ durationNs: 2 });
  expect(throwInto(running, new RangeError('again'))).toMatchObject({ durationNs: 3 });
  expect(turns.log).toEqual(['lost', 'again']);
});
