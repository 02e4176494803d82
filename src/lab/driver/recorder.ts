import type { Counters } from '../../core/counters.ts';
import type { OperationKind } from '../../workload/workload.ts';
import type { LatencyResult, OperationResult } from '../result.ts';
import { LatencyRecorder, mergeLatencies } from '../statistics/latency.ts';
import type { Outcome } from './perform.ts';

/** Operations by round trips: 0, 1, … and the last entry for all above. */
export const roundTripBuckets = 17;

/** What one kind of operation did inside the measuring window; plain sums, so that they can be added. */
export class KindRecord {
  readonly kind: OperationKind;
  readonly latency = new LatencyRecorder();
  /** Open loop: from the intended start. */
  readonly intended = new LatencyRecorder();
  readonly roundTripCounts = new Array<number>(roundTripBuckets).fill(0);
  count = 0;
  notFound = 0;
  failed = 0;
  corrupt = 0;
  roundTrips = 0;
  roundTripsMin = Number.POSITIVE_INFINITY;
  roundTripsMax = 0;
  verbs = 0;
  doorbells = 0;
  bytesOut = 0;
  bytesIn = 0;

  constructor(kind: OperationKind) {
    this.kind = kind;
  }

  record(latencyNs: number, intendedNs: number, counters: Counters, outcome: Outcome): void {
    this.latency.record(latencyNs);
    if (intendedNs >= 0) this.intended.record(intendedNs);
    this.count++;
    if (outcome !== 'ok') this[outcome]++;
    const trips = counters.roundTrips;
    this.roundTrips += trips;
    if (trips < this.roundTripsMin) this.roundTripsMin = trips;
    if (trips > this.roundTripsMax) this.roundTripsMax = trips;
    const bucket = trips < roundTripBuckets ? trips : roundTripBuckets - 1;
    this.roundTripCounts[bucket] = (this.roundTripCounts[bucket] as number) + 1;
    this.verbs += counters.verbs;
    this.doorbells += counters.doorbells;
    this.bytesOut += counters.bytesOut;
    this.bytesIn += counters.bytesIn;
  }
}

/** All kinds of one process. Whoever makes it calls `destroy`: histograms live outside the heap. */
export class Recorder {
  /** A handful, in the order in which they came: names are compared by address. */
  readonly #kinds: KindRecord[] = [];

  of(kind: OperationKind): KindRecord {
    for (const record of this.#kinds) if (record.kind === kind) return record;
    const record = new KindRecord(kind);
    this.#kinds.push(record);
    return record;
  }

  toSums(): KindSums[] {
    return this.#kinds.map((record) => ({
      kind: record.kind,
      latency: record.latency.toResult(),
      intended: record.intended.toResult(),
      roundTripCounts: record.roundTripCounts,
      roundTripsMin: record.roundTripsMin,
      roundTripsMax: record.roundTripsMax,
      sums: Object.fromEntries(summed.map((name) => [name, record[name]])) as Sums,
    }));
  }

  destroy(): void {
    for (const { latency, intended } of this.#kinds) {
      latency.destroy();
      intended.destroy();
    }
    this.#kinds.length = 0;
  }
}

const summed = [
  'count',
  'notFound',
  'failed',
  'corrupt',
  'roundTrips',
  'verbs',
  'doorbells',
  'bytesOut',
  'bytesIn',
] as const;
type Sums = Readonly<Record<(typeof summed)[number], number>>;

/** One kind on one process as it leaves a worker: plain data. */
export interface KindSums {
  readonly kind: OperationKind;
  readonly latency: LatencyResult;
  readonly intended: LatencyResult;
  readonly roundTripCounts: readonly number[];
  readonly roundTripsMin: number;
  readonly roundTripsMax: number;
  readonly sums: Sums;
}

/** One kind over all processes, as the result shows it: volumes as means per operation. */
export function operationResult(parts: readonly KindSums[]): OperationResult {
  const total = (name: keyof Sums): number => parts.reduce((sum, part) => sum + part.sums[name], 0);
  const count = total('count');
  const perOperation = (name: keyof Sums): number => (count === 0 ? 0 : total(name) / count);
  const intended = mergeLatencies(parts.map((part) => part.intended));
  return {
    count,
    failed: total('failed'),
    notFound: total('notFound'),
    corrupt: total('corrupt'),
    latencyNs: mergeLatencies(parts.map((part) => part.latency)),
    intendedLatencyNs: intended.count === 0 ? undefined : intended,
    roundTrips: {
      mean: perOperation('roundTrips'),
      min: count === 0 ? 0 : Math.min(...parts.map((part) => part.roundTripsMin)),
      max: Math.max(0, ...parts.map((part) => part.roundTripsMax)),
    },
    roundTripCounts: Array.from({ length: roundTripBuckets }, (_, trips) =>
      parts.reduce((sum, part) => sum + (part.roundTripCounts[trips] ?? 0), 0),
    ),
    verbs: perOperation('verbs'),
    doorbells: perOperation('doorbells'),
    bytesOut: perOperation('bytesOut'),
    bytesIn: perOperation('bytesIn'),
  };
}
