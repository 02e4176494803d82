import type { ExperimentResult, OperationResult, ParameterValue, RunResult } from '../result.ts';
import { orderedKinds } from '../statistics/summary.ts';

type Cell = ParameterValue | undefined;

/**
 * Runs as a flat table for spreadsheets and data frames: one row for each run and operation kind;
 * what holds for the whole run stands in each of its rows. RFC 4180, with a header.
 */
export function csvText(result: ExperimentResult): string {
  const rows = result.runs.flatMap((run) =>
    orderedKinds(Object.keys(run.perOperation)).map((kind) => ({
      ...runCells(result, run),
      ...operationCells(kind, run.perOperation[kind]!),
    })),
  );
  // Roles differ between systems: the columns are those of any row.
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const lines = rows.map((row: Record<string, Cell>) => columns.map((column) => row[column]));
  return [columns, ...lines].map((cells) => `${cells.map(quoted).join(',')}\r\n`).join('');
}

function runCells(result: ExperimentResult, run: RunResult): Record<string, Cell> {
  const cells: Record<string, Cell> = {
    system: run.system,
    fabric: run.fabric,
    profile: run.profile,
    durability: run.durability,
    flushedBy: run.flushedBy,
    workload: run.workload,
    seed: run.seed,
  };
  for (const axis of result.axes) cells[axis.path] = run.point[axis.path];
  Object.assign(cells, {
    durationNs: run.durationNs,
    operations: run.operations,
    throughputOpsPerS: run.throughputOpsPerS,
    ...run.memory,
    ...run.cost,
  });
  for (const [role, cpu] of Object.entries(run.cpu)) {
    cells[`${role}Cores`] = cpu.cores;
    cells[`${role}UsefulNs`] = cpu.usefulNs;
    cells[`${role}PollingNs`] = cpu.pollingNs;
  }
  cells.eventHash = run.eventHash;
  return cells;
}

function operationCells(kind: string, operation: OperationResult): Record<string, Cell> {
  const { latencyNs, intendedLatencyNs, roundTrips } = operation;
  return {
    operation: kind,
    count: operation.count,
    failed: operation.failed,
    notFound: operation.notFound,
    corrupt: operation.corrupt,
    latencyMeanNs: latencyNs.mean,
    latencyP50Ns: latencyNs.p50,
    latencyP90Ns: latencyNs.p90,
    latencyP95Ns: latencyNs.p95,
    latencyP99Ns: latencyNs.p99,
    latencyP999Ns: latencyNs.p999,
    latencyMaxNs: latencyNs.max,
    intendedLatencyP50Ns: intendedLatencyNs?.p50,
    intendedLatencyP99Ns: intendedLatencyNs?.p99,
    roundTripsMean: roundTrips.mean,
    roundTripsMax: roundTrips.max,
    verbsPerOperation: operation.verbs,
    doorbellsPerOperation: operation.doorbells,
    bytesOutPerOperation: operation.bytesOut,
    bytesInPerOperation: operation.bytesIn,
  };
}

function quoted(cell: Cell): string {
  const text = cell === undefined ? '' : String(cell);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
