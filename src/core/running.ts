import {
  beginning,
  type Effect,
  isSeries,
  type Program,
  type ProgramSeries,
  type Steps,
} from './effect.ts';

/**
 * `next` of every generator. Each generator function has a prototype of its own, so to V8 programs are
 * objects of as many shapes, and finding `next` through them is a look-up in a table on every resumption.
 */
const next = Object.getPrototypeOf(beginning).prototype.next as (
  this: Program<unknown>,
) => IteratorResult<Effect, unknown>;

/** What an interpreter keeps of a program that it runs, alone or as one of a series. */
export interface Running {
  /** The one that runs now, unless it is `series.steps`. */
  program: Program<unknown>;
  readonly series: ProgramSeries | undefined;
}

/** The first program to resume: of a series, one that is over at once. */
export function firstOf(program: Program<unknown> | ProgramSeries): Program<unknown> {
  return isSeries(program) ? beginning() : program;
}

export function seriesOf(program: Program<unknown> | ProgramSeries): ProgramSeries | undefined {
  return isSeries(program) ? program : undefined;
}

/** Resumes the program with the outcome of its effect; gives what it yields, undefined at its end. */
export function resume(running: Running): Effect | undefined {
  if (running.series !== undefined) return resumeSeries(running, running.series);
  const result = next.call(running.program);
  return result.done === true ? undefined : result.value;
}

/** Throws into the program where it yielded; gives what it yields next, undefined at its end. */
export function throwInto(running: Running, error: unknown): Effect | undefined {
  const { series } = running;
  if (series === undefined) {
    const result = running.program.throw(error);
    return result.done === true ? undefined : result.value;
  }
  let result: IteratorResult<Effect, unknown>;
  try {
    result = (series.steps ?? running.program).throw(error);
  } catch (thrown) {
    return goOnWith(running, series, series.recover(thrown));
  }
  if (result.done !== true) return result.value;
  return goOnWith(running, series, series.advance(result.value));
}

function resumeSeries(running: Running, series: ProgramSeries): Effect | undefined {
  for (;;) {
    let following: Program<unknown> | Steps | undefined;
    let result: IteratorResult<Effect, unknown> | undefined;
    const { steps } = series;
    try {
      result = steps === undefined ? next.call(running.program) : steps.next();
    } catch (error) {
      following = series.recover(error);
    }
    if (result !== undefined) {
      if (result.done !== true) return result.value;
      following = series.advance(result.value);
    }
    if (following === undefined) return undefined;
    if (following !== series.steps) running.program = following as Program<unknown>;
  }
}

function goOnWith(
  running: Running,
  series: ProgramSeries,
  following: Program<unknown> | Steps | undefined,
): Effect | undefined {
  if (following === undefined) return undefined;
  if (following !== series.steps) running.program = following as Program<unknown>;
  return resumeSeries(running, series);
}
