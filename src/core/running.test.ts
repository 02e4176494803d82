import { expect, test } from 'vitest';
import { type Effect, type Program, type ProgramSeries, sleep } from './effect.ts';
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
