import type { Fault, RecoveryReport } from '../../systems/recovery.ts';
import { addTimelines, type Timeline } from '../driver/timeline.ts';
import type { PlannedFault } from '../faults/plan.ts';
import type { FaultResult, FaultsResult, ServedResult } from '../result.ts';

/** What one recovery program did, and when it had done it. */
export interface Recovered extends RecoveryReport {
  /** Index of the fault in the plan. */
  readonly fault: number;
  readonly endNs: number;
  readonly retries: number;
  readonly verbs: number;
  readonly bytesOut: number;
  readonly bytesIn: number;
}

/** From a client's first error until it completed an operation again. */
export interface Outage {
  readonly fromNs: number;
  untilNs: number | undefined;
  /** The client itself crashed: it waits for nothing. */
  isOver: boolean;
  failed: number;
  unknown: number;
}

/** What one process knows about the faults of a run; plain data. */
export interface FaultPart {
  readonly recovered: readonly Recovered[];
  readonly outages: readonly Outage[];
  /** Operations of clients that ended without an error, by when. */
  readonly served: Timeline;
  readonly programsEnded: number;
}

/** The parts of all processes as one result; `atNs` is when each fault of the plan happened. */
export function faultsResult(
  plan: readonly PlannedFault[],
  happened: readonly (number | undefined)[],
  beganNs: number,
  parts: readonly FaultPart[],
): FaultsResult {
  const recovered = parts.flatMap((part) => part.recovered);
  const outages = parts.flatMap((part) => part.outages);
  const faults = plan.map(({ text }, index) => {
    const atNs = happened[index];
    const own = recovered.filter(({ fault }) => fault === index);
    const caused = outages.filter((outage) => causeOf(outage, happened) === index);
    return faultResult(text, atNs, beganNs, own, caused);
  });
  return {
    faults,
    operationsFailed: sum(outages, ({ failed }) => failed),
    operationsUnknown: sum(outages, ({ unknown }) => unknown),
    programsEnded: sum(parts, (part) => part.programsEnded),
    served: servedSince(beganNs, addTimelines(parts.map((part) => part.served))),
  };
}

/** From the first whole interval of the clients' time on: loading is none of it. */
function servedSince(beganNs: number, { widthNs, first, counts }: Timeline): ServedResult {
  const from = Math.max(first, Math.ceil(beganNs / widthNs));
  return {
    fromNs: from * widthNs - beganNs,
    intervalNs: widthNs,
    operations: counts.slice(from - first),
  };
}

/** The last fault that had happened when the outage began. */
function causeOf({ fromNs }: Outage, happened: readonly (number | undefined)[]): number {
  let cause = -1;
  for (const [index, atNs] of happened.entries()) {
    if (atNs === undefined || atNs > fromNs) continue;
    if (cause < 0 || atNs >= (happened[cause] as number)) cause = index;
  }
  return cause;
}

function faultResult(
  text: string,
  atNs: number | undefined,
  beganNs: number,
  recovered: readonly Recovered[],
  outages: readonly Outage[],
): FaultResult {
  const since = (ends: readonly number[]): number | undefined =>
    atNs === undefined || ends.length === 0 ? undefined : Math.max(...ends) - atNs;
  const waited = outages.filter(({ isOver }) => !isOver);
  const ends = waited.flatMap(({ untilNs }) => (untilNs === undefined ? [] : [untilNs]));
  return {
    text,
    atNs: atNs === undefined ? undefined : atNs - beganNs,
    timeToRecoverNs: since(recovered.map(({ endNs }) => endNs)),
    timeToServeNs: ends.length < waited.length ? undefined : since(ends),
    operationsFailed: sum(outages, ({ failed }) => failed),
    operationsUnknown: sum(outages, ({ unknown }) => unknown),
    clientsNeverServed: waited.length - ends.length,
    recoveries: recovered.length,
    recoveryRetries: sum(recovered, ({ retries }) => retries),
    locksBroken: sum(recovered, ({ locksBroken }) => locksBroken),
    entriesRepaired: sum(recovered, ({ entriesRepaired }) => entriesRepaired),
    buffersReclaimed: sum(recovered, ({ buffersReclaimed }) => buffersReclaimed),
    bytesMoved: sum(recovered, ({ bytesMoved }) => bytesMoved),
    recoveryVerbs: sum(recovered, ({ verbs }) => verbs),
    recoveryBytesOut: sum(recovered, ({ bytesOut }) => bytesOut),
    recoveryBytesIn: sum(recovered, ({ bytesIn }) => bytesIn),
  };
}

function sum<T>(items: readonly T[], amount: (item: T) => number): number {
  return items.reduce((total, item) => total + amount(item), 0);
}

/**
 * True of what a node that starts later could not find out by itself. `asServer`: one that takes over from a
 * server would wait for the answer of a compute node that was lost while nobody served.
 */
export function isLasting(fault: Fault, asServer: boolean): boolean {
  if (fault.kind === 'computeLost') return asServer;
  if (fault.kind === 'serverLost') return fault.successor !== fault.node;
  return fault.kind === 'memoryLost' || fault.kind === 'memoryMoved';
}
