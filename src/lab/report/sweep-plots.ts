import { formatInterval } from '../output/columns.ts';
import { prefixOf, significant, timeUnitOf } from '../output/format.ts';
import { axisLabel, pointLabel, shortName, systemLabel, valueLabel } from '../output/names.ts';
import type { Axis, ExperimentResult, ParameterValue } from '../result.ts';
import type { Estimate } from '../statistics/estimate.ts';
import { type GroupSummary, kindsOf, systemsOf } from '../statistics/summary.ts';
import type { ScaleAxis } from './axes.ts';
import { type BarRow, barChart } from './bars.ts';
import type { Chart } from './chart.ts';
import { lineChart } from './lines.ts';
import { joined, type Plot, type PlotContext } from './plot.ts';

/**
 * Throughput and tail latency against each axis of the sweep. With several axes, an axis gets a
 * picture for each combination of the others, up to a limit: a paper has no more, and the numbers
 * of the rest stand in the table.
 */
export const panelsMax = 6;

interface Metric {
  readonly name: string;
  readonly title: string;
  /** Gives the axis name and the factor of its unit for all values of a picture. */
  readonly unit: (values: readonly number[]) => { readonly name: string; readonly factor: number };
  readonly of: (group: GroupSummary) => Estimate | undefined;
}

export function sweepPlots(
  result: ExperimentResult,
  groups: readonly GroupSummary[],
  context: PlotContext,
): Plot[] {
  if (groups.length === 0) return [];
  const metrics = metricsOf(groups);
  const axes = result.axes.length === 0 ? [undefined] : result.axes;
  return axes.flatMap((axis) =>
    panelsOf(axis, groups)
      .slice(0, panelsMax)
      .flatMap((panel) =>
        metrics
          .map((metric) => ({ metric, shown: { ...panel, groups: groupsWith(metric, panel) } }))
          // A sweep over workloads has kinds that some of them lack: an empty picture says nothing.
          .filter(({ shown }) => shown.groups.length > 0)
          .map(({ metric, shown }) => sweepPlot(axis, shown, metric, context)),
      ),
  );
}

function groupsWith(metric: Metric, { groups }: Panel): GroupSummary[] {
  return groups.filter((group) => metric.of(group) !== undefined);
}

/** Pictures that `panelsMax` leaves out, for a note where they would stand. */
export function panelsLeftOut(result: ExperimentResult, groups: readonly GroupSummary[]): number {
  return result.axes.reduce(
    (sum, axis) => sum + Math.max(0, panelsOf(axis, groups).length - panelsMax),
    0,
  );
}

function metricsOf(groups: readonly GroupSummary[]): Metric[] {
  return [
    {
      name: 'throughput',
      title: 'Throughput',
      unit: (values) => {
        const { name, factor } = prefixOf(values);
        return { name: `throughput (${name === '' ? '' : `${name} `}operations/s)`, factor };
      },
      of: (group) => group.throughputOpsPerS,
    },
    ...kindsOf(groups).map((kind) => ({
      name: `p99-${kind}`,
      title: `99th percentile latency of ${kind}`,
      unit: (values: readonly number[]) => {
        const { name, factor } = timeUnitOf(values);
        return { name: `p99 latency (${name})`, factor };
      },
      of: (group: GroupSummary) => group.operations.get(kind)?.latencyNs.p99,
    })),
  ];
}

interface Panel {
  /** What the other axes are fixed at. */
  readonly fixed: Readonly<Record<string, ParameterValue>>;
  readonly groups: readonly GroupSummary[];
}

function panelsOf(axis: Axis | undefined, groups: readonly GroupSummary[]): Panel[] {
  const panels = new Map<string, GroupSummary[]>();
  for (const group of groups) {
    const fixed = Object.entries(group.point).filter(([path]) => path !== axis?.path);
    const key = JSON.stringify(fixed);
    panels.set(key, [...(panels.get(key) ?? []), group]);
  }
  return [...panels].map(([key, members]) => ({
    fixed: Object.fromEntries(JSON.parse(key) as [string, ParameterValue][]),
    groups: members,
  }));
}

function sweepPlot(
  axis: Axis | undefined,
  panel: Panel,
  metric: Metric,
  context: PlotContext,
): Plot {
  const values = panel.groups.map((group) => metric.of(group)?.median ?? 0);
  const unit = metric.unit(values);
  const isNumeric = axis !== undefined && hasScale(axis.values);
  const against = axis === undefined ? '' : ` against ${axisLabel(axis.path)}`;
  const head = {
    title: metric.title + against,
    subtitle: joined(pointLabel(panel.fixed), context.repetitions),
  };
  const chart = isNumeric
    ? lines(axis, panel.groups, metric, unit, head, context)
    : rows(axis, panel.groups, metric, unit, head, context);
  const fixedName = Object.entries(panel.fixed)
    .map(([path, value]) => `-${shortName(path)}=${valueLabel(value)}`)
    .join('');
  const by = axis === undefined ? '' : `-by-${shortName(axis.path)}`;
  return {
    name: metric.name + by + fixedName,
    description:
      `${head.title}, ${unit.name}. ` + describePoints(axis, panel.groups, metric, unit.factor),
    point: undefined,
    chart,
  };
}

interface AxisUnit {
  readonly name: string;
  readonly factor: number;
}
type Head = Pick<Chart, 'title' | 'subtitle'>;

function lines(
  axis: Axis,
  groups: readonly GroupSummary[],
  metric: Metric,
  unit: AxisUnit,
  head: Head,
  context: PlotContext,
): Chart {
  const x = scaleOf(axis);
  return lineChart({
    ...head,
    x,
    yName: unit.name,
    lines: systemsOf(groups).map((system) => ({
      label: systemLabel(system),
      style: context.styles.get(system)!,
      points: groups
        .filter((group) => group.system === system)
        .map((group) => {
          const { median, interval } = scaled(metric.of(group)!, unit.factor);
          return { x: Number(group.point[axis.path]), y: median, interval };
        })
        .sort((a, b) => a.x - b.x),
    })),
  });
}

/** Values that span three doublings stand on a logarithmic scale: 1, 2, 4, 8 at even distances. */
function isWide(values: readonly number[]): boolean {
  return Math.max(...values) / Math.min(...values) >= 8;
}

/**
 * Whether values have places on one scale: numbers, except where a zero stands beside some that want
 * a logarithmic one, as in 0, 100, 10k. It has no place there, and often means "no limit".
 */
function hasScale(values: readonly ParameterValue[]): boolean {
  const numbers = values.filter((value) => typeof value === 'number');
  if (numbers.length < values.length) return false;
  const positive = numbers.filter((value) => value > 0);
  return positive.length === numbers.length || positive.length === 0 || !isWide(positive);
}

function scaleOf(axis: Axis): ScaleAxis {
  const ticks = axis.values.map(Number).sort((a, b) => a - b);
  const logarithmic = (ticks[0] ?? 0) > 0 && isWide(ticks);
  const name = axisLabel(axis.path) + (logarithmic ? ', logarithmic' : '');
  return { name, ticks, logarithmic };
}

/** Values without an order between them (names, on and off): bars, grouped by value. */
function rows(
  axis: Axis | undefined,
  groups: readonly GroupSummary[],
  metric: Metric,
  unit: AxisUnit,
  head: Head,
  context: PlotContext,
): Chart {
  const barRows: (BarRow & { readonly group?: GroupSummary })[] = [];
  for (const value of axis?.values ?? [undefined]) {
    const here = groups.filter((group) => axis === undefined || group.point[axis.path] === value);
    if (axis !== undefined && here.length > 0) {
      barRows.push({ label: `${axisLabel(axis.path)} ${valueLabel(value)}`, isHeading: true });
    }
    for (const group of here) {
      barRows.push({ label: systemLabel(group.system), isHeading: false, group });
    }
  }
  const estimates = barRows.map(({ group }) =>
    group === undefined ? undefined : scaled(metric.of(group)!, unit.factor),
  );
  return barChart({
    ...head,
    rows: barRows,
    legend: false,
    panels: [
      {
        xName: unit.name,
        stacked: true,
        segments: [
          {
            name: metric.title,
            color: barRows.map(({ group }) => group && context.styles.get(group.system)!.color),
            values: estimates.map((estimate) => estimate?.median),
          },
        ],
        notes: estimates.flatMap((estimate, row) =>
          estimate === undefined
            ? []
            : [
                {
                  row,
                  segment: 0,
                  at: estimate.median,
                  text: significant(estimate.median),
                  interval: estimate.interval,
                },
              ],
        ),
      },
    ],
  });
}

function scaled(estimate: Estimate, factor: number): Estimate {
  const { median, interval, values } = estimate;
  return {
    median: median / factor,
    interval: interval && { low: interval.low / factor, high: interval.high / factor },
    values: values.map((value) => value / factor),
  };
}

function describePoints(
  axis: Axis | undefined,
  groups: readonly GroupSummary[],
  metric: Metric,
  factor: number,
): string {
  return systemsOf(groups)
    .map((system) => {
      const points = groups.flatMap((group) => {
        const estimate = metric.of(group);
        if (group.system !== system || estimate === undefined) return [];
        const of = scaled(estimate, factor);
        const at = axis === undefined ? '' : ` at ${valueLabel(group.point[axis.path])}`;
        const interval = formatInterval(of, significant);
        return [`${significant(of.median)}${interval === '' ? '' : ` (${interval})`}${at}`];
      });
      return `${systemLabel(system)}: ${points.join(', ')}.`;
    })
    .join(' ');
}
