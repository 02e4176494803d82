import { keyBytesMax } from '../core/key.ts';
import type { LineTolerance } from './line-errors.ts';
import {
  applyTo,
  operationOf,
  presupposes,
  TraceEvents,
  type TraceFile,
  type TraceReading,
} from './trace-events.ts';
import { keyFlags, TraceKeys } from './trace-keys.ts';
import type { OperationKind } from './workload.ts';

/** Stretches of operations with one time stamp that are counted; later ones are not spread. */
const stretchesMax = 2 ** 22;

/** What a first pass over a trace finds. */
export interface TraceFacts {
  readonly keys: TraceKeys;
  readonly operations: number;
  readonly kinds: readonly OperationKind[];
  /** Keys that are asked for before they are set. */
  readonly toLoad: number;
  readonly keyBytesMax: number;
  readonly valueBytesMax: number;
  /** Over keys, by their last known value. */
  readonly valueBytesMean: number;
  /** Values that were longer than any store takes. */
  readonly clipped: number;
  /** Operations in each stretch of equal time stamps, in order. */
  readonly stretches: Uint32Array;
}

export interface ScanRequest {
  readonly reading: TraceReading;
  readonly keysMax: number;
  /** Load keys that are asked for before they are set. */
  readonly loadMissing: boolean;
}

/**
 * Reads the whole trace once, so that everything a run must know before it begins is known: how
 * many keys there will be, how long they and their values are, which operations come, and that all
 * lines parse and the file is whole. Only the table of distinct keys and the counts per time stamp
 * are kept.
 */
export function scanTrace(
  file: TraceFile,
  request: ScanRequest,
  tolerance: LineTolerance,
): TraceFacts {
  const keys = new TraceKeys(request.keysMax);
  const events = new TraceEvents(file, request.reading, tolerance);
  const stretches = new Stretches();
  const kinds = new Set<OperationKind>();
  let operations = 0;
  let clipped = 0;
  let toLoad = 0;
  let longestKey = 1;
  let valueMax = 1;
  while (events.next()) {
    const { text, action, valueBytes, keyBytes, time } = events.event;
    operations++;
    stretches.count(time);
    if (events.event.clipped) clipped++;
    const before = keys.count;
    const slot = keys.slotOf(text);
    if (keys.count > before) {
      longestKey = Math.max(longestKey, text.length, keyBytes);
      if (request.loadMissing && presupposes(action)) {
        toLoad++;
        keys.set(slot, keyFlags.toLoad | keyFlags.present);
      }
    }
    if (valueBytes > 0) keys.setValueBytes(slot, valueBytes);
    if (valueBytes > valueMax) valueMax = valueBytes;
    const kind = operationOf(action, keys.has(slot, keyFlags.present));
    kinds.add(kind);
    applyTo(keys, slot, kind);
  }
  return {
    keys,
    operations,
    kinds: [...kinds],
    toLoad,
    keyBytesMax: Math.min(keyBytesMax, longestKey),
    valueBytesMax: valueMax,
    valueBytesMean: completeValues(keys),
    clipped,
    stretches: stretches.counts(),
  };
}

/**
 * Gives keys whose value no line tells (gets that missed) the mean of the others, and returns it.
 */
function completeValues(keys: TraceKeys): number {
  let sum = 0;
  let known = 0;
  for (const slot of keys.slots()) {
    sum += keys.valueBytes(slot);
    if (keys.valueBytes(slot) > 0) known++;
  }
  const mean = known === 0 ? 1 : sum / known;
  for (const slot of keys.slots()) {
    if (keys.valueBytes(slot) === 0) keys.setValueBytes(slot, Math.round(mean));
  }
  return mean;
}

class Stretches {
  #counts = new Uint32Array(1024);
  #length = 0;
  #last = Number.NaN;

  count(time: number): void {
    if (time !== this.#last) {
      if (this.#length === stretchesMax) return;
      if (this.#length === this.#counts.length) {
        const larger = new Uint32Array(this.#counts.length * 2);
        larger.set(this.#counts);
        this.#counts = larger;
      }
      this.#length++;
      this.#last = time;
    }
    this.#counts[this.#length - 1] = (this.#counts[this.#length - 1] as number) + 1;
  }

  counts(): Uint32Array {
    return this.#counts.slice(0, this.#length);
  }
}
