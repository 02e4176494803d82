import type { NodeContext } from '../../core/context.ts';
import { type Program, type ProgramSeries, type Steps, sleep } from '../../core/effect.ts';
import { FarsideError } from '../../core/errors.ts';
import { keyOf } from '../../core/key.ts';
import type { StoreClient } from '../../systems/system.ts';
import type { Operation, OperationSource } from '../../workload/workload.ts';
import { failedUnlessFatal, isSurvivable, type Outcome, outcomeOf, perform } from './perform.ts';
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

/** A server that a busy machine has kept from answering is asked again, so often. */
const loadAttemptsMax = 20;

/** Load phase: inserts all that the source gives; an insert that fails ends the run. */
export function* loader(
  seat: ClientSeat,
  source: OperationSource,
  onLoaded: () => void,
): Program<void> {
  const operation = newOperation();
  while (source.next(operation)) {
    seat.context.counters.reset();
    yield* load(seat, operation);
    source.done?.(operation);
    onLoaded();
  }
}

function* load({ store, values }: ClientSeat, { key, valueBytes }: Operation): Program<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      // Where an earlier attempt has inserted it without our hearing of it, the key is there.
      if ((yield* store.insert(key, values.next(key, valueBytes))) || attempt > 1) return;
      break;
    } catch (error) {
      if (!isSurvivable(error) || attempt >= loadAttemptsMax) throw error;
    }
  }
  throw new FarsideError(
    'FARSIDE_INPUT',
    `load phase: key ${JSON.stringify(key.text)} comes twice`,
  );
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
 * A series, not a generator: each level of `yield*` costs on every resumption, and most of what a
 * simulation does is resuming the operations themselves.
 */
export class ClientLoop implements ProgramSeries {
  steps: Steps | undefined = undefined;
  readonly #context: NodeContext;
  readonly #store: StoreClient;
  readonly #values: Values;
  readonly #source: OperationSource;
  readonly #measuring: Measuring;
  readonly #window: MeasuringWindow;
  readonly #starts: IntendedStarts | undefined;
  readonly #operation = newOperation();
  #underWay = false;
  #startNs = 0;
  #intendedNs = -1;

  constructor(
    seat: ClientSeat,
    source: OperationSource,
    measuring: Measuring,
    starts: IntendedStarts | undefined,
  ) {
    this.#context = seat.context;
    this.#store = seat.store;
    this.#values = seat.values;
    this.#source = source;
    this.#measuring = measuring;
    this.#window = measuring.window;
    this.#starts = starts;
  }

  advance(result: unknown): Program<unknown> | Steps | undefined {
    this.steps = undefined;
    if (this.#underWay) {
      this.#ended(outcomeOf(this.#operation, result, this.#values));
    } else if (this.#intendedNs >= 0) {
      // It slept until its intended start; the window may have closed in the meantime.
      return this.#window.wanted ? this.#begin() : undefined;
    }
    return this.#draw();
  }

  recover(error: unknown): Program<unknown> | Steps | undefined {
    if (!this.#underWay) throw error;
    this.steps = undefined;
    this.#ended(failedUnlessFatal(error));
    return this.#draw();
  }

  #draw(): Program<unknown> | Steps | undefined {
    const window = this.#window;
    if (!window.wanted || !this.#source.next(this.#operation)) return undefined;
    if (this.#starts === undefined) return this.#begin();
    this.#intendedNs = this.#starts.next(this.#operation);
    return sleepUntil(this.#context, this.#intendedNs, window);
  }

  #begin(): Program<unknown> | Steps {
    const context = this.#context;
    context.charge('request');
    context.counters.reset(this.#measuring.nextOperation());
    this.#underWay = true;
    this.#startNs = context.nowNs();
    const { kind, key } = this.#operation;
    const store = this.#store;
    if (kind !== 'read' || store.getSteps === undefined) {
      return perform(store, this.#operation, this.#values);
    }
    this.steps = store.getSteps(key);
    return this.steps;
  }

  #ended(outcome: Outcome): void {
    this.#underWay = false;
    const endNs = this.#context.nowNs();
    this.#source.done?.(this.#operation);
    const intendedNs = this.#intendedNs;
    this.#intendedNs = -1;
    if (!this.#window.ended(endNs)) return;
    const fromIntendedNs = intendedNs < 0 ? -1 : endNs - intendedNs;
    const record = this.#measuring.recorder.of(this.#operation.kind);
    record.record(endNs - this.#startNs, fromIntendedNs, this.#context.counters, outcome);
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
