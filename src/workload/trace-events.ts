import { valueBytesMax } from '../core/record.ts';
import type { LineTolerance } from './line-errors.ts';
import { keyFlags, type TraceKeys } from './trace-keys.ts';
import {
  type LineSource,
  newTraceLine,
  type TraceAction,
  type TraceFormat,
  type TraceLine,
} from './trace-line.ts';
import type { OperationKind } from './workload.ts';

/** A trace that can be read again and again. */
export interface TraceFile {
  readonly name: string;
  readonly format: TraceFormat;
  /** Lines before the first operation. */
  readonly headerLines: number;
  open(): LineSource;
}

export interface TraceReading {
  /** Lines read at most, the header not counted. */
  readonly linesMax: number;
  /** Copies of each operation, on keys of their own. */
  readonly amplify: number;
}

/** One operation of a trace; the reader refills the same object. */
export interface TraceEvent {
  /** The key's text: with its copy's number where the trace is amplified. */
  text: string;
  keyBytes: number;
  action: TraceAction;
  /** From 1 to what a store takes; 0 where the trace does not say. */
  valueBytes: number;
  time: number;
  /** A value that was longer than any store takes. */
  clipped: boolean;
}

/**
 * The operations of a trace in order: good lines, each as often as `op_count` and `ampfactor` say.
 */
export class TraceEvents {
  readonly event: TraceEvent = {
    text: '',
    keyBytes: 0,
    action: 'get',
    valueBytes: 0,
    time: 0,
    clipped: false,
  };
  readonly #file: TraceFile;
  readonly #reading: TraceReading;
  readonly #tolerance: LineTolerance;
  readonly #lines: LineSource;
  readonly #line: TraceLine = newTraceLine();
  #linesRead = 0;
  #copy = 0;
  #repeatsLeft = 0;

  constructor(file: TraceFile, reading: TraceReading, tolerance: LineTolerance) {
    this.#file = file;
    this.#reading = reading;
    this.#tolerance = tolerance;
    this.#lines = file.open();
    for (let i = 0; i < file.headerLines; i++) this.#lines.next();
  }

  /** Refills `event`; false at the end. */
  next(): boolean {
    if (this.#copy + 1 < this.#reading.amplify && this.#linesRead > 0) this.#copy++;
    else {
      this.#copy = 0;
      if (this.#repeatsLeft > 1) this.#repeatsLeft--;
      else if (!this.#readLine()) return false;
    }
    const { event } = this;
    const { key } = this.#line;
    event.text = this.#reading.amplify === 1 ? key : `${key}#${this.#copy}`;
    return true;
  }

  #readLine(): boolean {
    while (this.#linesRead < this.#reading.linesMax) {
      const line = this.#lines.next();
      if (line === undefined) break;
      this.#linesRead++;
      if (line === '') continue;
      const wrong = this.#file.format.parse(line, this.#line);
      if (wrong === undefined) {
        this.#take();
        return true;
      }
      const where = `${this.#file.name}:${this.#lines.lineNumber}`;
      this.#tolerance.bad(where, wrong.column, wrong.got, wrong.expected);
    }
    this.#lines.close();
    this.#linesRead = Number.POSITIVE_INFINITY;
    this.#copy = this.#reading.amplify;
    return false;
  }

  #take(): void {
    const { event } = this;
    const line = this.#line;
    event.keyBytes = line.keyBytes;
    event.action = line.action;
    event.clipped = line.valueBytes > valueBytesMax;
    event.valueBytes = event.clipped ? valueBytesMax : line.valueBytes;
    event.time = line.time;
    this.#repeatsLeft = line.repeat;
  }
}

/**
 * What an action on a key is to a store, and whether the key is there afterwards. A cache's `set`
 * is an upsert; a store tells inserts from updates. `add`, `replace`, `cas`, `incr` and their like
 * on a key that is there, or not there, against their condition end after the look-up: a read.
 */
export function operationOf(action: TraceAction, present: boolean): OperationKind {
  switch (action) {
    case 'get':
      return 'read';
    case 'set':
      return present ? 'update' : 'insert';
    case 'add':
      return present ? 'read' : 'insert';
    case 'replace':
      return present ? 'update' : 'read';
    case 'modify':
      return present ? 'readmodifywrite' : 'read';
    case 'delete':
      return 'delete';
  }
}

/** Whether a key that comes first with this action must have been there before the trace began. */
export function presupposes(action: TraceAction): boolean {
  return action === 'get' || action === 'replace' || action === 'modify';
}

/** Presence as the trace's order makes it. */
export function applyTo(keys: TraceKeys, slot: number, kind: OperationKind): void {
  if (kind === 'insert') keys.set(slot, keyFlags.present);
  else if (kind === 'delete') keys.clear(slot, keyFlags.present);
}
