import type { Counters } from '../../core/counters.ts';
import type { OperationKind } from '../../workload/workload.ts';
import type { OperationResult } from '../result.ts';
import { LatencyRecorder } from '../statistics/latency.ts';
import type { Outcome } from './perform.ts';

/** Operations by round trips: 0, 1, … and the last entry for all above. */
export const roundTripBuckets = 17;

/** What one kind of operation did inside the measuring window; plain sums, so that they can be added. */
export class KindRecord {
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

/** All kinds of one process. */
export class Recorder {
  readonly kinds = new Map<OperationKind, KindRecord>();

  of(kind: OperationKind): KindRecord {
    let record = this.kinds.get(kind);
    if (record === undefined) {
      record = new KindRecord();
      this.kinds.set(kind, record);
    }
    return record;
  }
}

/** The sums of one kind as they leave a worker: everything plain, histograms encoded. */
export interface KindSums {
  readonly kind: OperationKind;
  readonly latency: string | undefined;
  readonly intended: string | undefined;
  readonly numbers: Readonly<Record<KindNumber, number>>;
  readonly roundTripCounts: readonly number[];
}

const kindNumbers = [
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
type KindNumber = (typeof kindNumbers)[number] | 'roundTripsMin' | 'roundTripsMax';
