import type { NodeContext } from '../../core/context.ts';
import { compute, type Program, sleep } from '../../core/effect.ts';
import { FarsideError } from '../../core/errors.ts';
import { keyOf } from '../../core/key.ts';
import type { StoreClient } from '../../systems/system.ts';
import type { Operation, OperationSource } from '../../workload/workload.ts';
import { failedUnlessFatal, type Outcome, perform } from './perform.ts';
import type { Recorder } from './recorder.ts';
import type { Values } from './values.ts';
import type { MeasuringWindow } from './window.ts';

/** One program with one operation in flight, and what it works with. */
export interface ClientSeat {
  readonly context: NodeContext;
  readonly store: StoreClient;
  readonly values: Values;
}

export interface Measuring {
  readonly window: MeasuringWindow;
  readonly recorder: Recorder;
  /** Numbers operations over the whole run, so that messages can carry them; never 0. */
  nextOperation(): number;
}

const unsetKey = keyOf('?');

export function newOperation(): Operation {
  return { kind: 'read', key: unsetKey, valueBytes: 0, scanLength: 0, atNs: 0 };
}

/** Load phase: inserts all that the source gives; an insert that fails ends the run. */
export function* loader(
  seat: ClientSeat,
  source: OperationSource,
  onLoaded: () => void,
): Program<void> {
  const operation = newOperation();
  while (source.next(operation)) {
    seat.context.counters.reset();
    const value = seat.values.next(operation.key, operation.valueBytes);
    const inserted = yield* seat.store.insert(operation.key, value);
    if (!inserted) {
      throw new FarsideError(
        'FARSIDE_INPUT',
        `load phase: key ${JSON.stringify(operation.key.text)} comes twice`,
      );
    }
    source.done?.(operation);
    onLoaded();
  }
}

/**
 * Draws operations from `source` and performs them, one at a time. All seats of a client share their
 * source, and in an open loop their `starts`.
 *
 * Closed loop (`starts` undefined): the next operation starts when this one has ended.
 *
 * Open loop: operations start at their intended times whatever became of the ones before. A free seat
 * takes the next operation, sleeps until its intended start, or begins at once where that has passed.
 * That is a FIFO queue before as many servers as there are seats, without a queue; the time that an
 * operation waited for a seat counts, because latency is measured from the intended start as well.
 *
 * Reads stay in this one generator: each level of `yield*` costs on every resumption, and most of what
 * a simulation does is resuming reads.
 */
export function* clientLoop(
  seat: ClientSeat,
  source: OperationSource,
  measuring: Measuring,
  starts: IntendedStarts | undefined,
): Program<void> {
  const { context, store, values } = seat;
  const { window } = measuring;
  const { counters } = context;
  const operation = newOperation();
  while (window.wanted && source.next(operation)) {
    const intendedNs = starts === undefined ? -1 : starts.next(operation);
    if (intendedNs >= 0) {
      yield* sleepUntil(context, intendedNs, window);
      if (!window.wanted) return;
    }
    yield* compute('request');
    counters.reset(measuring.nextOperation());
    const startNs = context.nowNs();
    let outcome: Outcome;
    if (operation.kind === 'read') {
      try {
        const length = yield* store.get(operation.key, values.into);
        outcome = length === undefined ? 'notFound' : values.judge(operation.key, length);
      } catch (error) {
        outcome = failedUnlessFatal(error);
      }
    } else {
      outcome = yield* perform(store, operation, values);
    }
    const endNs = context.nowNs();
    source.done?.(operation);
    if (window.ended(endNs)) {
      const fromIntendedNs = intendedNs < 0 ? -1 : endNs - intendedNs;
      const record = measuring.recorder.of(operation.kind);
      record.record(endNs - startNs, fromIntendedNs, counters, outcome);
    }
  }
}

/** At low rates a start lies far ahead: a seat that slept through would keep a finished run from ending. */
const sleepNsMax = 50_000_000;

function* sleepUntil(context: NodeContext, atNs: number, window: MeasuringWindow): Program<void> {
  let aheadNs = atNs - context.nowNs();
  while (window.wanted && aheadNs > 0) {
    // Virtual time has whole picoseconds: a sleep of less would be none, and this loop would not end.
    yield* sleep(Math.min(Math.ceil(aheadNs * 1000) / 1000, sleepNsMax));
    aheadNs = aheadNs <= sleepNsMax ? 0 : atNs - context.nowNs();
  }
}

/** Intended starts in order, in nanoseconds of the run's clock. */
export interface IntendedStarts {
  next(operation: Operation): number;
}
