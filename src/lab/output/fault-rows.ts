import type { ExperimentResult, FaultResult, RunResult } from '../result.ts';
import { formatBytes, formatCount, formatNs } from './format.ts';
import { pointLabel, systemLabel } from './names.ts';

/** What the faults of each run did, for the terminal and for the report's page; no rows: no plan. */
export const faultHeads = [
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
] as const;

/** How many of the columns hold text. */
export const faultTextColumns = 3;

export function faultRows(result: ExperimentResult): string[][] {
  return result.runs.flatMap((run) =>
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
}

function nameOf({ system, point }: RunResult): string {
  const where = pointLabel(point);
  return systemLabel(system) + (where === '' ? '' : `, ${where}`);
}

function timeOf(ns: number | undefined): string {
  return ns === undefined ? '–' : formatNs(ns);
}

function repairs({ locksBroken, entriesRepaired, buffersReclaimed }: FaultResult): string {
  const parts = [
    locksBroken > 0 ? `${formatCount(locksBroken)} locks` : '',
    entriesRepaired > 0 ? `${formatCount(entriesRepaired)} entries` : '',
    buffersReclaimed > 0 ? `${formatCount(buffersReclaimed)} buffers` : '',
  ].filter((part) => part !== '');
  return parts.join(', ') || '–';
}
