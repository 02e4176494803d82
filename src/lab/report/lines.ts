import type { CustomSeriesRenderItem } from 'echarts';
import type { EChartsCoreOption } from 'echarts/core';
import type { Interval } from '../statistics/estimate.ts';
import { niceScale, positionOf, type ScaleAxis, scaleOption, tickLabel } from './axes.ts';
import {
  axisStyle,
  belowLegendPx,
  type Chart,
  fontSizePx,
  headPx,
  legendStyle,
  textWidthPx,
} from './chart.ts';
import type { SystemStyle } from './palette.ts';

export interface LineChartInput {
  readonly title: string;
  readonly subtitle: string;
  readonly x: ScaleAxis;
  readonly yName: string;
  readonly lines: readonly Line[];
  /** Names above the plot, for lines that end at different places; by default each at its line's end. */
  readonly hasLegend?: boolean;
}

export interface Line {
  readonly label: string;
  readonly style: SystemStyle;
  readonly points: readonly LinePoint[];
  /** Moments on the x axis that belong to this line: a thin upright and a short text. */
  readonly marks?: readonly { readonly x: number; readonly text: string }[];
}

export interface LinePoint {
  readonly x: number;
  readonly y: number;
  readonly interval: Interval | undefined;
}

const heightPx = 400;
const legendSymbolPx = 28;
/** Of the name at the end of a line; longer ones are cut. */
const labelPxMax = 220;
/** Marks at more values than these would hide the line. */
const symbolsMax = 40;

/** A line a system with a mark at every measured value, its interval as a whisker; from zero. */
export function lineChart(input: LineChartInput): Chart {
  const { hasLegend = false } = input;
  const labels = input.lines.map((line) => line.label);
  const labelsPx = hasLegend ? [] : labels.map((label) => textWidthPx(label, true));
  const labelPx = Math.min(labelPxMax, Math.max(0, ...labelsPx));
  // Texts of marks stand between the plot and the name of its axis.
  const marksPx = input.lines.some(({ marks }) => marks !== undefined) ? 18 : 0;
  // Below a legend stands the name of the axis, where there would be nothing else.
  const topPx = hasLegend ? belowLegendPx(labels, legendSymbolPx) + 26 : headPx.legend;
  const option: EChartsCoreOption = {
    ...(hasLegend ? { legend: { ...legendStyle(legendSymbolPx), data: labels } } : {}),
    grid: { left: 64, right: labelPx + 28, top: topPx + marksPx, bottom: 52 },
    xAxis: scaleOption(input.x),
    yAxis: {
      ...axisStyle,
      type: 'value',
      name: input.yName,
      nameLocation: 'end',
      nameGap: 12 + marksPx,
      nameTextStyle: { ...axisStyle.nameTextStyle, align: 'left', padding: [0, 0, 0, -54] },
      min: 0,
      // ECharts looks at the lines only: a whisker would leave the picture.
      ...niceScale(Math.max(0, ...input.lines.flatMap(highestOf))),
      axisLabel: { ...axisStyle.axisLabel, formatter: tickLabel },
    },
    series: input.lines.flatMap((line) => [
      lineSeries(input.x, line, !hasLegend),
      whiskers(input.x, line),
    ]),
  };
  const { title, subtitle } = input;
  return { title, subtitle, heightPx: heightPx + topPx - headPx.legend, option };
}

function highestOf(line: Line): number[] {
  return line.points.map((point) => Math.max(point.y, point.interval?.high ?? 0));
}

function lineSeries(axis: ScaleAxis, line: Line, isLabelled: boolean): Record<string, unknown> {
  const color = line.style.color.light;
  return {
    type: 'line',
    name: line.label,
    data: line.points.map((point) => [positionOf(axis, point.x), point.y]),
    symbol: line.style.symbol,
    showSymbol: line.points.length <= symbolsMax,
    symbolSize: 8,
    clip: false,
    itemStyle: { color },
    lineStyle: { color, width: 2.2, type: line.style.dash },
    endLabel: {
      show: isLabelled,
      formatter: '{a}',
      color,
      fontSize: fontSizePx,
      fontWeight: 600,
      textBorderWidth: 0,
      distance: 10,
      width: labelPxMax,
      overflow: 'truncate',
    },
    labelLayout: { moveOverlap: 'shiftY' },
    markLine: marksOf(axis, line),
    silent: true,
  };
}

function marksOf(
  axis: ScaleAxis,
  { marks = [], style }: Line,
): Record<string, unknown> | undefined {
  if (marks.length === 0) return undefined;
  const color = style.color.light;
  return {
    symbol: 'none',
    silent: true,
    animation: false,
    lineStyle: { color, width: 1, type: 'solid', opacity: 0.6 },
    label: { color, fontSize: fontSizePx, position: 'end', distance: 2 },
    data: marks.map(({ x, text }) => ({ xAxis: positionOf(axis, x), label: { formatter: text } })),
  };
}

const capPx = 5;

/** The interval of each point, from low to high, with caps. */
function whiskers(axis: ScaleAxis, line: Line): Record<string, unknown> {
  const data = line.points.flatMap(({ x, interval }) =>
    interval === undefined ? [] : [[positionOf(axis, x), interval.low, interval.high]],
  );
  const renderItem: CustomSeriesRenderItem = (_params, api) => {
    const [x = 0, low = 0] = api.coord([api.value(0), api.value(1)]);
    const [, high = 0] = api.coord([api.value(0), api.value(2)]);
    const segment = (x1: number, y1: number, x2: number, y2: number) => ({
      type: 'line' as const,
      shape: { x1, y1, x2, y2 },
      style: { stroke: line.style.color.light, lineWidth: 1.5 },
    });
    return {
      type: 'group',
      children: [
        segment(x, low, x, high),
        segment(x - capPx, low, x + capPx, low),
        segment(x - capPx, high, x + capPx, high),
      ],
    };
  };
  return { type: 'custom', data, renderItem, clip: false, silent: true, z: 3 };
}
