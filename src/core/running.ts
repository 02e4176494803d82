import { beginning, type Effect, isSeries, type Program, type ProgramSeries } from './effect.ts';

/** What an interpreter keeps of a program that it runs, alone or as one of a series. */
export interface Running {
  /** The one that runs now. */
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
  const result = running.program.next();
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
    result = running.program.throw(error);
  } catch (thrown) {
    return goOnWith(running, series, series.recover(thrown));
  }
  if (result.done !== true) return result.value;
  return goOnWith(running, series, series.advance(result.value));
}

function resumeSeries(running: Running, series: ProgramSeries): Effect | undefined {
  for (;;) {
    let next: Program<unknown> | undefined;
    let result: IteratorResult<Effect, unknown> | undefined;
    try {
      result = running.program.next();
    } catch (error) {
      next = series.recover(error);
    }
    if (result !== undefined) {
      if (result.done !== true) return result.value;
      next = series.advance(result.value);
    }
    if (next === undefined) return undefined;
    running.program = next;
  }
}

function goOnWith(
  running: Running,
  series: ProgramSeries,
  next: Program<unknown> | undefined,
): Effect | undefined {
  if (next === undefined) return undefined;
  running.program = next;
  return resumeSeries(running, series);
}
