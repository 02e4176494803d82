import type { EChartsCoreOption } from 'echarts/core';
import { formatNs, formatPercent, timeUnitOf } from '../output/format.ts';
import { pointLabel, systemLabel } from '../output/names.ts';
import type { LatencyResult } from '../result.ts';
import { cumulativeDistribution, mergeLatencies } from '../statistics/latency.ts';
import { type GroupSummary, kindsOf } from '../statistics/summary.ts';
import { logarithmicTicks, positionOf, type ScaleAxis, scaleOption } from './axes.ts';
import { axisStyle, belowLegendPx, type Chart, legendStyle } from './chart.ts';

import type { SystemStyle } from './palette.ts';
import { joined, type Plot, type PlotContext } from './plot.ts';

/** The distribution of latencies of each operation kind, of all seeds together. */
export function latencyPlots(
  groups: readonly GroupSummary[],
  context: PlotContext,
  suffix: string,
): Plot[] {
  return kindsOf(groups).flatMap((kind) =>
    (['latencyNs', 'intendedLatencyNs'] as const).flatMap((measure) => {
      const lines = groups.flatMap((group) => {
        const parts = group.operations.get(kind)?.[measure]?.parts ?? [];
        const latency = mergeLatencies(parts);
        if (latency.count === 0) return [];
        const style = context.styles.get(group.system)!;
        return [{ label: systemLabel(group.system), style, latency }];
      });
      if (lines.length === 0) return [];
      const isIntended = measure === 'intendedLatencyNs';
      const title = `Latency of ${kind}${isIntended ? ' from its intended start' : ''}`;
      const subtitle = joined(pointLabel(groups[0]!.point), context.pooled);
      return [
        {
          name: `latency-${isIntended ? 'intended-' : ''}${kind}${suffix}`,
          description: `${title}, cumulative distribution. ${lines.map(describe).join(' ')}`,
          point: groups[0]!.point,
          chart: distributionChart(title, subtitle, lines),
        },
      ];
    }),
  );
}

interface DistributionLine {
  readonly label: string;
  readonly style: SystemStyle;
  readonly latency: LatencyResult;
}

function describe({ label, latency }: DistributionLine): string {
  const { p50, p99, p999, max } = latency;
  return (
    `${label}: median ${formatNs(p50)}, 99 % within ${formatNs(p99)}, ` +
    `99.9 % within ${formatNs(p999)}, longest ${formatNs(max)}.`
  );
}

const plotPx = 208;
const legendSymbolPx = 28;
const panelPx = 306;
const bottomPx = 52;
const lefts = [52, 52 + panelPx + 76];

/** The axis of the tail goes down to one operation in so many, as far as there are that many. */
const tailDecadesMax = 5;

/**
 * Left: which share of operations has ended after so long. Right: which share takes longer, on a
 * logarithmic scale, since the left one shows a tail of one percent as a line along its top.
 */
function distributionChart(
  title: string,
  subtitle: string,
  lines: readonly DistributionLine[],
): Chart {
  const latencies = lines.map((line) => line.latency);
  const unit = timeUnitOf(latencies.map((latency) => latency.p50));
  const least = Math.max(1, Math.min(...latencies.map((latency) => latency.min)));
  const most = Math.max(...latencies.map((latency) => latency.count));
  const decades = Math.min(tailDecadesMax, Math.max(1, Math.ceil(Math.log10(most))));
  const ends = [
    Math.max(...latencies.map((latency) => latency.p99)) * 1.1,
    Math.max(...latencies.map((latency) => latency.max)) * 1.1,
  ];
  const axes = ends.map((end) => latencyAxis(least, Math.max(end, least * 2), unit));
  const labels = lines.map((line) => line.label);
  // Between the legend and the grids stand the names of the vertical axes.
  const topPx = belowLegendPx(labels, legendSymbolPx) + 22;
  const option: EChartsCoreOption = {
    legend: { ...legendStyle(legendSymbolPx), data: labels },
    grid: lefts.map((left) => ({ left, width: panelPx, top: topPx, height: plotPx })),
    xAxis: axes.map((axis, gridIndex) => ({ ...scaleOption(axis), gridIndex })),
    yAxis: [shareAxis(), tailAxis(decades)],
    series: lines.flatMap((line) => {
      const points = cumulativeDistribution(line.latency).map(({ latencyNs, share }) => ({
        x: Math.max(latencyNs, least) / unit.factor,
        share,
      }));
      const rising = points.map(({ x, share }) => [positionOf(axes[0]!, x), share * 100]);
      const falling = points
        .filter(({ share }) => share < 1 && 1 - share >= 10 ** -decades)
        .map(({ x, share }) => [positionOf(axes[1]!, x), Math.log10(1 - share)]);
      return [curve(line, rising, 0), curve(line, falling, 1)];
    }),
  };
  return { title, subtitle, heightPx: topPx + plotPx + bottomPx, option };
}

function latencyAxis(
  leastNs: number,
  greatestNs: number,
  unit: { readonly name: string; readonly factor: number },
): ScaleAxis {
  const bounds: [number, number] = [leastNs / unit.factor, greatestNs / unit.factor];
  return {
    name: `latency (${unit.name}), logarithmic`,
    ticks: logarithmicTicks(...bounds, panelPx),
    logarithmic: true,
    bounds,
  };
}

const yName = {
  nameLocation: 'end',
  nameGap: 12,
  nameTextStyle: { ...axisStyle.nameTextStyle, align: 'left', padding: [0, 0, 0, -42] },
} as const;

function shareAxis(): Record<string, unknown> {
  return {
    ...axisStyle,
    ...yName,
    type: 'value',
    gridIndex: 0,
    name: 'done within (% of operations)',
    min: 0,
    max: 100,
  };
}

function tailAxis(decades: number): Record<string, unknown> {
  const positions = Array.from({ length: decades + 1 }, (_, decade) => -decade);
  return {
    ...axisStyle,
    ...yName,
    type: 'value',
    gridIndex: 1,
    name: 'not done within (of operations), logarithmic',
    min: -decades,
    max: 0,
    axisTick: { ...axisStyle.axisTick, customValues: positions },
    axisLabel: {
      ...axisStyle.axisLabel,
      customValues: positions,
      formatter: (position: number) => formatPercent(10 ** position),
    },
  };
}

function curve(line: DistributionLine, data: readonly number[][], index: number) {
  const color = line.style.color.light;
  return {
    type: 'line',
    name: line.label,
    data,
    xAxisIndex: index,
    yAxisIndex: index,
    showSymbol: false,
    symbol: line.style.symbol,
    silent: true,
    itemStyle: { color },
    lineStyle: { color, width: 2, type: line.style.dash },
  };
}
