import type { ExperimentResult, FaultResult, RunResult } from '../result.ts';
import { estimate } from '../statistics/estimate.ts';
import { groupRuns } from '../statistics/summary.ts';
import { formatInterval } from './columns.ts';
import { counted, formatBytes, formatCount, formatNs } from './format.ts';
import { pointLabel, systemLabel } from './names.ts';

/** A table beside the results: for the terminal and for the report's page. */
export interface SideTable {
  readonly title: string;
  readonly heads: readonly string[];
  /** How many of the columns, from the first, hold text. */
  readonly textColumns: number;
  readonly rows: readonly string[][];
}

const cost = [
  'served again\nafter',
  'operations\nfailed',
  'of them\nunknown',
  'repaired',
  'bytes\nmoved',
];

/** What the faults of each run did, of several seeds in the median; no rows: no plan. */
export function faultTable(result: ExperimentResult): SideTable {
  const title = 'faults';
  const seeds = new Set(result.runs.map(({ seed }) => seed));
  if (seeds.size > 1) {
    const heads = ['system', 'fault', 'at', 'recovered\nafter', '95 %\ninterval', ...cost];
    return { title, heads, textColumns: 2, rows: groupRuns(result).flatMap(medianRows) };
  }
  const rows = result.runs.flatMap((run) =>
    (run.faults?.faults ?? []).map((fault) => [
      nameOf(run),
      String(run.seed),
      fault.text,
      fault.atNs === undefined ? 'did not happen' : formatNs(fault.atNs),
      timeOf(fault.timeToRecoverNs),
      fault.clientsNeverServed > 0 ? 'never' : timeOf(fault.timeToServeNs),
      formatCount(fault.operationsFailed),
      formatCount(fault.operationsUnknown),
      repairs(fault),
      formatBytes(fault.bytesMoved),
    ]),
  );
  const heads = ['system', 'seed', 'fault', 'at', 'recovered\nafter', ...cost];
  return { title, heads, textColumns: 3, rows };
}

/**
 * Of runs that differ in their seeds only, and so have one plan: a row a fault, over those seeds in which it
 * happened. Times are medians of what there was to measure; where clients of some seeds were never served
 * again the cell says so, since no median would.
 */
function medianRows(runs: readonly RunResult[]): string[][] {
  return (runs[0]?.faults?.faults ?? []).map(({ text }, index) => {
    const all = runs.flatMap(({ faults }) => faults?.faults[index] ?? []);
    const name = nameOf(runs[0] as RunResult);
    const happened = all.filter(({ atNs }) => atNs !== undefined);
    if (happened.length === 0) return [name, text, 'did not happen', ...Array(7).fill('–')];
    const of = (value: (fault: FaultResult) => number | undefined): number[] =>
      happened.flatMap((fault) => value(fault) ?? []);
    // Whole, also where it lies between two seeds' counts.
    const median = (value: (fault: FaultResult) => number): number =>
      Math.round(estimate(of(value)).median);
    const recovered = of((fault) => fault.timeToRecoverNs);
    const never = happened.filter(({ clientsNeverServed }) => clientsNeverServed > 0).length;
    return [
      name,
      text,
      formatNs(median((fault) => fault.atNs ?? 0)) + ofSeeds(happened.length, all.length),
      medianTime(recovered),
      recovered.length === 0 ? '' : formatInterval(estimate(recovered), formatNs),
      never > 0
        ? `never${ofSeeds(never, happened.length)}`
        : medianTime(of((fault) => fault.timeToServeNs)),
      formatCount(median((fault) => fault.operationsFailed)),
      formatCount(median((fault) => fault.operationsUnknown)),
      repairs({
        locksBroken: median((fault) => fault.locksBroken),
        entriesRepaired: median((fault) => fault.entriesRepaired),
        buffersReclaimed: median((fault) => fault.buffersReclaimed),
      }),
      formatBytes(median((fault) => fault.bytesMoved)),
    ];
  });
}

function medianTime(values: readonly number[]): string {
  return values.length === 0 ? '–' : formatNs(estimate(values).median);
}

/** ` (2 of 3 seeds)`; nothing where it is all of them. */
function ofSeeds(count: number, all: number): string {
  return count === all ? '' : ` (${count} of ${counted(all, 'seed')})`;
}

export function nameOf({ system, point }: RunResult): string {
  const where = pointLabel(point);
  return systemLabel(system) + (where === '' ? '' : `, ${where}`);
}

function timeOf(ns: number | undefined): string {
  return ns === undefined ? '–' : formatNs(ns);
}

function repairs({
  locksBroken,
  entriesRepaired,
  buffersReclaimed,
}: Pick<FaultResult, 'locksBroken' | 'entriesRepaired' | 'buffersReclaimed'>): string {
  const parts = [
    locksBroken > 0 ? counted(locksBroken, 'lock') : '',
    entriesRepaired > 0 ? counted(entriesRepaired, 'entry', 'entries') : '',
    buffersReclaimed > 0 ? counted(buffersReclaimed, 'buffer') : '',
  ].filter((part) => part !== '');
  return parts.join(', ') || '–';
}
