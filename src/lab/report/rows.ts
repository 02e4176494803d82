import { pointLabel, systemLabel } from '../output/names.ts';
import type { GroupSummary } from '../statistics/summary.ts';
import { type BarChartInput, type BarRow, barChart, type Note } from './bars.ts';
import { joined, type Plot } from './plot.ts';

/** A row of a bar chart with what its bar shows; a heading has nothing. */
export interface Row<T> extends BarRow {
  readonly group: GroupSummary | undefined;
  readonly data: T | undefined;
}

/** One row for each group that `of` has something for, under a heading where there is one. */
export function rowsOf<T>(
  heading: string | undefined,
  groups: readonly GroupSummary[],
  of: (group: GroupSummary) => T | undefined,
): Row<T>[] {
  const rows: Row<T>[] = groups.flatMap((group) => {
    const data = of(group);
    if (data === undefined) return [];
    return [{ label: systemLabel(group.system), isHeading: false, group, data }];
  });
  if (heading === undefined || rows.length === 0) return rows;
  return [{ label: heading, isHeading: true, group: undefined, data: undefined }, ...rows];
}

export function valuesOf<T>(
  rows: readonly Row<T>[],
  value: (data: T) => number,
): (number | undefined)[] {
  return rows.map(({ data }) => (data === undefined ? undefined : value(data)));
}

export function notesOf<T>(
  rows: readonly Row<T>[],
  note: (data: T) => Omit<Note, 'row' | 'segment'>,
  segment = 0,
): Note[] {
  return rows.flatMap(({ data }, row) =>
    data === undefined ? [] : [{ row, segment, ...note(data) }],
  );
}

/** What a reader who cannot see the bars is told: each row with its heading. */
export function describeRows<T>(rows: readonly Row<T>[], say: (data: T) => string): string {
  let heading = '';
  const sentences: string[] = [];
  for (const { label, isHeading, data } of rows) {
    if (isHeading) heading = `${label}, `;
    if (data !== undefined) sentences.push(`${heading}${label}: ${say(data)}.`);
  }
  return sentences.join(' ');
}

/** A bar chart of one point of the sweep. */
export function rowPlot(
  name: string,
  groups: readonly GroupSummary[],
  input: BarChartInput,
  numbers: string,
): Plot {
  const { point } = groups[0]!;
  const subtitle = joined(pointLabel(point), input.subtitle);
  return {
    name,
    description: `${input.title}: ${input.subtitle}. ${numbers}`,
    point,
    chart: barChart({ ...input, subtitle }),
  };
}
