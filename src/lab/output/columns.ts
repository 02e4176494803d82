import type { Estimate } from '../statistics/estimate.ts';
import type { GroupSummary, OperationSummary } from '../statistics/summary.ts';
import { formatBytes, formatCount, formatNs, formatSi, formatUsd, significant } from './format.ts';
import { pointLabel, systemLabel } from './names.ts';

/** What the tables show, once for the terminal and for the report's page. */
export interface Column<T> {
  /** One line a word group; the last says the unit where cells do not carry it. */
  readonly head: readonly string[];
  readonly cell: (row: T) => string;
  /** Left out of a table in which no row has anything to say. */
  readonly optional?: (row: T) => boolean;
}

export interface TableBlock {
  readonly title: string;
  readonly columns: readonly string[][];
  readonly rows: readonly TableRow[];
}

export interface TableRow {
  readonly group: GroupSummary;
  readonly cells: readonly string[];
}

/** `6.40–6.52 M`; nothing where a single seed gives no interval. */
export function formatInterval(estimate: Estimate, format: (value: number) => string): string {
  const { interval } = estimate;
  if (interval === undefined) return '';
  const low = format(interval.low);
  const high = format(interval.high);
  if (low === high) return low;
  const unit = / \S+$/.exec(high)?.[0] ?? '';
  return unit !== '' && low.endsWith(unit)
    ? `${low.slice(0, -unit.length)}–${high}`
    : `${low}–${high}`;
}

/** Three digits, with separators where there are more. */
function decimal(value: number): string {
  return value < 1000 ? significant(value) : formatCount(value);
}

const overall: readonly Column<GroupSummary>[] = [
  {
    head: ['throughput', 'ops/s'],
    cell: (group) => formatSi(group.throughputOpsPerS.median),
  },
  {
    head: ['95 % interval', 'ops/s'],
    cell: (group) => formatInterval(group.throughputOpsPerS, formatSi),
    optional: (group) => group.throughputOpsPerS.interval !== undefined,
  },
  {
    head: ['useful CPU', 'per op'],
    cell: (group) => formatNs(group.usefulNsPerOperation.median),
  },
  {
    head: ['energy', 'µJ/op'],
    cell: (group) => decimal(group.energyMicrojoulePerOperation.median),
  },
  { head: ['CapEx', 'USD'], cell: (group) => formatUsd(group.capexUsd.median) },
];

const resources: readonly Column<GroupSummary>[] = [
  { head: ['busy cores', 'useful'], cell: (group) => significant(group.usefulCores.median) },
  { head: ['busy cores', 'polling'], cell: (group) => significant(group.pollingCores.median) },
  {
    head: ['memory nodes', 'data'],
    // A store that ran holds something: 0 is a system that does not say (`SystemStatistics.remote`).
    cell: ({ memory }) =>
      memory.dataBytes.median === 0 ? '–' : formatBytes(memory.dataBytes.median),
  },
  {
    head: ['memory nodes', 'metadata'],
    cell: (group) => formatBytes(group.memory.metadataBytes.median),
  },
  {
    head: ['compute nodes', 'metadata'],
    cell: (group) => formatBytes(group.memory.computeMetadataBytes.median),
  },
  {
    head: ['servers', 'metadata'],
    cell: (group) => formatBytes(group.memory.serverMetadataBytes.median),
    optional: (group) => group.memory.serverMetadataBytes.median > 0,
  },
];

const perOperation: readonly Column<OperationSummary>[] = [
  { head: ['latency', 'p50'], cell: (row) => formatNs(row.latencyNs.p50.median) },
  { head: ['latency', 'p99'], cell: (row) => formatNs(row.latencyNs.p99.median) },
  {
    head: ['intended', 'p50'],
    cell: (row) => (row.intendedLatencyNs ? formatNs(row.intendedLatencyNs.p50.median) : '–'),
    optional: (row) => row.intendedLatencyNs !== undefined,
  },
  {
    head: ['intended', 'p99'],
    cell: (row) => (row.intendedLatencyNs ? formatNs(row.intendedLatencyNs.p99.median) : '–'),
    optional: (row) => row.intendedLatencyNs !== undefined,
  },
  {
    head: ['round trips', 'mean (max)'],
    cell: ({ roundTrips }) =>
      `${significant(roundTrips.mean.median)} (${formatCount(roundTrips.max)})`,
  },
  { head: ['verbs', 'per op'], cell: (row) => significant(row.verbs.median) },
  { head: ['bytes out', 'per op'], cell: (row) => formatCount(row.bytesOut.median) },
  { head: ['bytes in', 'per op'], cell: (row) => formatCount(row.bytesIn.median) },
];

/** Throughput and cost, one block for each operation kind, then CPU and memory. */
export function tableBlocks(
  groups: readonly GroupSummary[],
  kinds: readonly string[],
): TableBlock[] {
  const whole = groups.map((group) => ({ group, row: group }));
  return [
    block('throughput and cost', overall, whole),
    ...kinds.map((kind) => {
      const rows = groups.flatMap((group) => {
        const row = group.operations.get(kind);
        return row === undefined ? [] : [{ group, row }];
      });
      return block(kind, perOperation, rows);
    }),
    block('CPU and memory', resources, whole),
  ];
}

function block<T>(
  title: string,
  columns: readonly Column<T>[],
  rows: readonly { readonly group: GroupSummary; readonly row: T }[],
): TableBlock {
  const shown = columns.filter(
    ({ optional }) => optional === undefined || rows.some(({ row }) => optional(row)),
  );
  return {
    title,
    columns: shown.map((column) => [...column.head]),
    rows: rows.map(({ group, row }) => ({ group, cells: shown.map((column) => column.cell(row)) })),
  };
}

/** What went wrong, in sentences; a report without these lines had nothing wrong. */
export function warningsOf(groups: readonly GroupSummary[]): string[] {
  const warnings: string[] = [];
  for (const group of groups) {
    const skipped = group.runs.reduce((sum, run) => sum + run.skippedLines, 0);
    if (skipped > 0) warnings.push(`${nameOf(group)}: skipped ${skipped} bad trace lines`);
    const isDown = group.runs.some(({ events }) => (events.redundancyDown ?? 0) > 0);
    if (isDown) {
      warnings.push(
        `${nameOf(group)}: redundancy is down: after losses without a spare, copies that should be apart ` +
          'lie on one memory node',
      );
    }
    for (const operation of group.operations.values()) {
      const { kind, failed, notFound, corrupt, count } = operation;
      const parts = [
        failed > 0 ? `${formatCount(failed)} failed` : '',
        notFound > 0 ? `${formatCount(notFound)} found no entry` : '',
        corrupt > 0 ? `${formatCount(corrupt)} read a value that its key cannot have` : '',
      ].filter((part) => part !== '');
      if (parts.length === 0) continue;
      warnings.push(`${nameOf(group)}, ${kind}: ${parts.join(', ')}, of ${formatCount(count)}`);
    }
  }
  return warnings;
}

function nameOf(group: GroupSummary): string {
  const point = pointLabel(group.point);
  return systemLabel(group.system) + (point === '' ? '' : ` at ${point}`);
}
