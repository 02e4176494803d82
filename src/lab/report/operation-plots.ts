import { formatCount, formatPercent, significant } from '../output/format.ts';
import { type GroupSummary, kindsOf, type OperationSummary } from '../statistics/summary.ts';
import { categories, sequence } from './palette.ts';
import type { Plot } from './plot.ts';
import { describeRows, notesOf, type Row, rowPlot, rowsOf, valuesOf } from './rows.ts';

/** What an operation of each kind cost in round trips and bytes, at one point of the sweep. */
export function operationPlots(groups: readonly GroupSummary[], suffix: string): Plot[] {
  const rows = kindsOf(groups).flatMap((kind) =>
    rowsOf(kind, groups, (group) => group.operations.get(kind)),
  );
  return [roundTripPlot(groups, rows, suffix), bytesPlot(groups, rows, suffix)];
}

type OperationRows = readonly Row<OperationSummary>[];

/** Round trips from this many on share one segment. */
const roundTripsShown = sequence.length - 1;

function shareOf(operation: OperationSummary, trips: number): number {
  const shares = operation.roundTripShares;
  if (trips < roundTripsShown) return shares[trips] ?? 0;
  return shares.slice(trips).reduce((sum, share) => sum + share, 0);
}

function roundTripPlot(groups: readonly GroupSummary[], rows: OperationRows, suffix: string): Plot {
  const happened = sequence
    .map((_, trips) => trips)
    .filter((trips) => rows.some(({ data }) => data !== undefined && shareOf(data, trips) > 0));
  const nameOf = (trips: number): string =>
    trips === roundTripsShown ? `${trips} or more` : String(trips);
  const input = {
    title: 'Round trips per operation',
    subtitle: 'share of operations by their number of round trips',
    rows,
    legend: true,
    panels: [
      {
        xName: 'operations (%)',
        stacked: true,
        max: 100,
        segments: happened.map((trips) => ({
          name: nameOf(trips) + (trips === 1 ? ' round trip' : ''),
          color: sequence[trips]!,
          values: valuesOf(rows, (operation) => shareOf(operation, trips) * 100),
        })),
        notes: notesOf(rows, ({ roundTrips }) => ({
          at: 100,
          text: `mean ${significant(roundTrips.mean.median)}`,
        })),
      },
    ],
  };
  const numbers = describeRows(rows, (operation) => {
    const shares = happened
      .filter((trips) => shareOf(operation, trips) > 0)
      .map((trips) => `${formatPercent(shareOf(operation, trips))} took ${nameOf(trips)}`);
    return `mean ${significant(operation.roundTrips.mean.median)}; ${shares.join(', ')}`;
  });
  return rowPlot(`round-trips${suffix}`, groups, input, numbers);
}

const directions = [
  { name: 'out (WRITEs, operands)', of: (row: OperationSummary) => row.bytesOut.median },
  { name: 'in (READs, old words)', of: (row: OperationSummary) => row.bytesIn.median },
];

function bytesPlot(groups: readonly GroupSummary[], rows: OperationRows, suffix: string): Plot {
  const input = {
    title: 'Bytes per operation and direction',
    subtitle: 'payload, as seen from the node that issues the verb',
    rows,
    legend: true,
    panels: [
      {
        xName: 'payload (bytes per operation)',
        stacked: false,
        segments: directions.map(({ name, of }, index) => ({
          name,
          color: categories[index]!,
          values: valuesOf(rows, of),
        })),
        notes: directions.flatMap(({ of }, segment) =>
          notesOf(
            rows,
            (operation) => ({ at: of(operation), text: formatCount(of(operation)) }),
            segment,
          ),
        ),
      },
    ],
  };
  const numbers = describeRows(
    rows,
    ({ bytesOut, bytesIn }) =>
      `${formatCount(bytesOut.median)} B out, ${formatCount(bytesIn.median)} B in`,
  );
  return rowPlot(`bytes${suffix}`, groups, input, numbers);
}
