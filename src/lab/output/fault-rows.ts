import type { ExperimentResult, FaultResult, RunResult } from '../result.ts';
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

const heads = [
  'system',
  'seed',
  'fault',
  'at',
  'recovered\nafter',
  'served again\nafter',
  'operations\nfailed',
  'of them\nunknown',
  'repaired',
  'bytes\nmoved',
];

/** What the faults of each run did; no rows: no plan. */
export function faultTable(result: ExperimentResult): SideTable {
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
  return { title: 'faults', heads, textColumns: 3, rows };
}

export function nameOf({ system, point }: RunResult): string {
  const where = pointLabel(point);
  return systemLabel(system) + (where === '' ? '' : `, ${where}`);
}

function timeOf(ns: number | undefined): string {
  return ns === undefined ? '–' : formatNs(ns);
}

function repairs({ locksBroken, entriesRepaired, buffersReclaimed }: FaultResult): string {
  const parts = [
    locksBroken > 0 ? counted(locksBroken, 'lock') : '',
    entriesRepaired > 0 ? counted(entriesRepaired, 'entry', 'entries') : '',
    buffersReclaimed > 0 ? counted(buffersReclaimed, 'buffer') : '',
  ].filter((part) => part !== '');
  return parts.join(', ') || '–';
}
