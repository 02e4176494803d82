import type { CustomSeriesRenderItem } from 'echarts';
import type { EChartsCoreOption } from 'echarts/core';
import { significant } from '../output/format.ts';
import type { Interval } from '../statistics/estimate.ts';
import { axisStyle, type Chart, fontSizePx, headPx } from './chart.ts';
import type { SystemStyle } from './palette.ts';

export interface LineChartInput {
  readonly title: string;
  readonly subtitle: string;
  readonly x: ScaleAxis;
  readonly yName: string;
  readonly lines: readonly Line[];
}

export interface Line {
  readonly label: string;
  readonly style: SystemStyle;
  readonly points: readonly LinePoint[];
}

export interface LinePoint {
  readonly x: number;
  readonly y: number;
  readonly interval: Interval | undefined;
}

/** Ticks stand at chosen values only, at their logarithm or at themselves. */
export interface ScaleAxis {
  readonly name: string;
  readonly ticks: readonly number[];
  readonly logarithmic: boolean;
  /** Where the axis begins and ends; by default at its ticks. */
  readonly bounds?: readonly [number, number];
}

const widthPx = 760;
const heightPx = 400;
const rightPx = 110;

/** ECharts would put the ticks of a logarithmic axis at powers of its base and nowhere else. */
export function positionOf(axis: ScaleAxis, value: number): number {
  return axis.logarithmic ? Math.log2(value) : value;
}

export function scaleOption(axis: ScaleAxis): Record<string, unknown> {
  const positions = axis.ticks.map((tick) => positionOf(axis, tick));
  const ends = axis.bounds?.map((value) => positionOf(axis, value)) ?? positions;
  const least = Math.min(...ends);
  const greatest = Math.max(...ends);
  // A little room, so that the first marks do not lie on the other axis.
  const room = axis.bounds === undefined ? (greatest - least) * 0.03 : 0;
  const labels = new Map(positions.map((position, index) => [position, axis.ticks[index]!]));
  return {
    ...axisStyle,
    type: 'value',
    name: axis.name,
    nameLocation: 'middle',
    nameGap: 30,
    min: least - room,
    max: greatest,
    splitLine: { show: false },
    axisTick: { ...axisStyle.axisTick, customValues: positions },
    axisLabel: {
      ...axisStyle.axisLabel,
      customValues: positions,
      hideOverlap: true,
      formatter: (position: number) => tickLabel(labels.get(position) ?? position),
    },
  };
}

/** 1, 2, 5, 10, 20 … between two positive ends; of more than ten, the powers of ten. */
export function logarithmicTicks(least: number, greatest: number): number[] {
  const ticks: number[] = [];
  const first = Math.floor(Math.log10(least));
  for (let power = first; 10 ** power <= greatest; power++) {
    for (const step of [1, 2, 5]) {
      // Not 10 ** -1 * 2, which is 0.2 and a bit.
      const tick = Number(`${step}e${power}`);
      if (tick >= least && tick <= greatest) ticks.push(tick);
    }
  }
  return ticks.length <= 10 ? ticks : ticks.filter((tick) => /^1/.test(tick.toExponential()));
}

/** Ticks as written: `1024` and `0.99`, without the zeros of three digits. */
export function tickLabel(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Number(significant(value)));
}

/** A line a system with a mark at every measured value, its interval as a whisker; from zero. */
export function lineChart(input: LineChartInput): Chart {
  const option: EChartsCoreOption = {
    grid: { left: 64, right: rightPx, top: headPx.legend, bottom: 52 },
    xAxis: scaleOption(input.x),
    yAxis: {
      ...axisStyle,
      type: 'value',
      name: input.yName,
      nameLocation: 'end',
      nameGap: 12,
      nameTextStyle: { ...axisStyle.nameTextStyle, align: 'left', padding: [0, 0, 0, -54] },
      min: 0,
      axisLabel: { ...axisStyle.axisLabel, formatter: tickLabel },
    },
    series: input.lines.flatMap((line) => [lineSeries(input.x, line), whiskers(input.x, line)]),
  };
  return { title: input.title, subtitle: input.subtitle, widthPx, heightPx, option };
}

function lineSeries(axis: ScaleAxis, line: Line): Record<string, unknown> {
  const color = line.style.color.light;
  return {
    type: 'line',
    name: line.label,
    data: line.points.map((point) => [positionOf(axis, point.x), point.y]),
    symbol: line.style.symbol,
    symbolSize: 8,
    clip: false,
    itemStyle: { color },
    lineStyle: { color, width: 2.2, type: line.style.dash },
    endLabel: {
      show: true,
      formatter: '{a}',
      color,
      fontSize: fontSizePx,
      fontWeight: 600,
      textBorderWidth: 0,
      distance: 10,
    },
    labelLayout: { moveOverlap: 'shiftY' },
    silent: true,
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
