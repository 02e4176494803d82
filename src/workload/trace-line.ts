/** What a line of a trace asks for, in the words of caches. */
export type TraceAction = 'get' | 'set' | 'add' | 'replace' | 'modify' | 'delete';

/** One line of a trace; a parser refills the same object. */
export interface TraceLine {
  /** As in the trace: characters are bytes (Latin-1). A slice of the line: copy what is kept. */
  key: string;
  /** The key's length before it was anonymised; 0 where the trace does not say. */
  keyBytes: number;
  action: TraceAction;
  valueBytes: number;
  /** How often the line is to be done. */
  repeat: number;
  /** In the trace's own ticks, seconds as a rule; 0 where it has no times. */
  time: number;
}

/** Which column of a line is wrong. */
export interface BadColumn {
  readonly column: string;
  readonly got: string;
  readonly expected: string;
}

/** Fills `into` from a line without its newline; tells what is wrong where it cannot. */
export type LineParser = (line: string, into: TraceLine) => BadColumn | undefined;

export interface TraceFormat {
  readonly name: string;
  readonly hasTimes: boolean;
  readonly parse: LineParser;
}

/** Lines of a file, one after another, without their newlines. */
export interface LineSource {
  /** Undefined at the end. */
  next(): string | undefined;
  /** Of the line that `next` gave last, from 1. */
  readonly lineNumber: number;
  /** Gives back what it holds; `next` is not called any more. */
  close(): void;
}

export function newTraceLine(): TraceLine {
  return { key: '', keyBytes: 0, action: 'get', valueBytes: 0, repeat: 1, time: 0 };
}

/** The integer in `line[start, end)`; -1 where there is anything but 1 to 15 digits. */
export function parseCount(line: string, start: number, end: number): number {
  if (end <= start || end - start > 15) return -1;
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = line.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

/** As `parseCount`, with a fraction allowed. */
export function parseTime(line: string, start: number, end: number): number {
  const whole = parseCount(line, start, end);
  if (whole >= 0) return whole;
  const text = line.slice(start, end);
  return /^\d+\.\d*$/.test(text) ? Number(text) : -1;
}
