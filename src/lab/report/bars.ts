import type { CustomSeriesRenderItem } from 'echarts';
import type { EChartsCoreOption } from 'echarts/core';
import type { Interval } from '../statistics/estimate.ts';
import { niceScale, tickLabel } from './axes.ts';
import {
  axisStyle,
  belowLegendPx,
  type Chart,
  fontFamily,
  fontSizePx,
  headPx,
  legendStyle,
  pictureWidthPx,
  textWidthPx,
} from './chart.ts';
import { type Color, ink } from './palette.ts';

/**
 * Horizontal bars: one row a system, under headings, with its number written at its end, so that no
 * reader has to measure a bar. One or two panels side by side share the rows.
 */
export interface BarChartInput {
  readonly title: string;
  readonly subtitle: string;
  readonly rows: readonly BarRow[];
  readonly panels: readonly BarPanel[];
  /** Names of segments in a line under the title; without it bars are named by their rows alone. */
  readonly legend: boolean;
}

/** A heading has no bar. */
export interface BarRow {
  readonly label: string;
  readonly isHeading: boolean;
}

export interface BarPanel {
  readonly xName: string;
  readonly segments: readonly Segment[];
  /** Stacked end to end, or one below the other. */
  readonly stacked: boolean;
  /** Written behind the bar of each row; `segment` is the last one where they are stacked. */
  readonly notes: readonly Note[];
  /** Where the axis ends; by default a little beyond the longest bar. */
  readonly max?: number;
}

export interface Segment {
  readonly name: string;
  /** One for all rows, or one a row. */
  readonly color: Color | readonly (Color | undefined)[];
  readonly values: readonly (number | undefined)[];
  /** Default: as the chart says. */
  readonly inLegend?: boolean;
}

export interface Note {
  readonly row: number;
  readonly segment: number;
  /** End of the bar, in the axis's unit. */
  readonly at: number;
  readonly text: string;
  readonly interval?: Interval | undefined;
}

const stackedBarPx = 15;
const sideBarPx = 12;
const rowPx = 24;
const rowOfTwoPx = 34;
const bottomPx = 48;
const noteRoomPx = 96;
const panelGapPx = 28;
const labelPxMax = 250;
const legendSymbolPx = 14;

export function barChart(input: BarChartInput): Chart {
  const side = input.panels.some((panel) => !panel.stacked && panel.segments.length > 1);
  const names = legendNames(input);
  const topPx = input.legend ? belowLegendPx(names, legendSymbolPx) : headPx.subtitle;
  const plotPx = input.rows.length * (side ? rowOfTwoPx : rowPx) + 8;
  const heightPx = topPx + plotPx + bottomPx;
  const labelsPx = input.rows.map((row) => textWidthPx(row.label, row.isHeading));
  const leftPx = Math.min(labelPxMax, Math.max(72, ...labelsPx) + 16);
  const panelPx =
    (pictureWidthPx - leftPx - panelGapPx * (input.panels.length - 1)) / input.panels.length;
  const option: EChartsCoreOption = {
    legend: {
      ...legendStyle(legendSymbolPx),
      show: input.legend,
      data: names.map((name) => ({ name, icon: 'roundRect' })),
      itemHeight: 10,
    },
    grid: input.panels.map((_, index) => ({
      left: leftPx + index * (panelPx + panelGapPx),
      width: panelPx - noteRoomPx,
      top: topPx,
      height: plotPx,
    })),
    xAxis: input.panels.map((panel, index) => xAxis(panel, index)),
    yAxis: input.panels.map((_, index) => yAxis(input.rows, index, leftPx)),
    series: input.panels.flatMap((panel, index) => panelSeries(panel, index, input.rows.length)),
  };
  return { title: input.title, subtitle: input.subtitle, heightPx, option };
}

/** The same name in two panels is one entry. */
function legendNames(input: BarChartInput): string[] {
  const segments = input.panels.flatMap((panel) => panel.segments);
  return [...new Set(segments.filter((s) => s.inLegend !== false).map(({ name }) => name))];
}

function xAxis(panel: BarPanel, index: number): Record<string, unknown> {
  const ends = panel.notes.map((note) => Math.max(note.at, note.interval?.high ?? 0));
  return {
    ...axisStyle,
    type: 'value',
    gridIndex: index,
    name: panel.xName,
    nameLocation: 'middle',
    nameGap: 28,
    min: 0,
    ...niceScale(panel.max ?? Math.max(0, ...ends)),
    // Numbers stand at the bars; lines would run through them.
    splitLine: { show: false },
    axisLabel: { ...axisStyle.axisLabel, formatter: tickLabel, hideOverlap: true },
  };
}

function yAxis(rows: readonly BarRow[], index: number, leftPx: number): Record<string, unknown> {
  return {
    ...axisStyle,
    type: 'category',
    gridIndex: index,
    inverse: true,
    data: rows.map(({ label, isHeading }) => ({
      value: index === 0 ? label : '',
      textStyle: isHeading
        ? { color: ink.light, fontWeight: 600, fontSize: fontSizePx }
        : { color: ink.light, fontSize: fontSizePx },
    })),
    axisLabel: {
      ...axisStyle.axisLabel,
      interval: 0,
      show: index === 0,
      width: leftPx - 14,
      overflow: 'truncate',
    },
    axisTick: { show: false },
    splitLine: { show: false },
  };
}

function panelSeries(panel: BarPanel, index: number, rows: number): Record<string, unknown>[] {
  const axes = { xAxisIndex: index, yAxisIndex: index, silent: true };
  const bars = panel.segments.map((segment) => ({
    ...axes,
    type: 'bar',
    name: segment.name,
    ...(panel.stacked ? { stack: `panel ${index}` } : {}),
    barMaxWidth: panel.stacked ? stackedBarPx : sideBarPx,
    barGap: '10%',
    itemStyle: { color: colorOf(segment, 0) },
    data: Array.from({ length: rows }, (_, row) => ({
      value: segment.values[row] ?? '-',
      itemStyle: { color: colorOf(segment, row) },
    })),
  }));
  return [...bars, { ...axes, ...notesSeries(panel) }];
}

function colorOf(segment: Segment, row: number): string {
  const { color } = segment;
  return 'name' in color ? color.light : (color[row] ?? ink).light;
}

/** Whiskers of intervals, and the numbers behind the bars. */
function notesSeries(panel: BarPanel): Record<string, unknown> {
  const lanes = panel.stacked ? 1 : panel.segments.length;
  // ECharts centres the bars of a row, a tenth of a bar apart.
  const lanePx = sideBarPx * 1.1;
  const renderItem: CustomSeriesRenderItem = (params, api) => {
    const note = panel.notes[params.dataIndex]!;
    const [end = 0, middle = 0] = api.coord([note.at, note.row]);
    const y = middle + (note.segment - (lanes - 1) / 2) * lanePx;
    const at = (value: number): number => api.coord([value, note.row])[0]!;
    const { interval } = note;
    const isSure = interval === undefined || interval.low === interval.high;
    const whisker = isSure ? [] : whiskerLines(at(interval.low), at(interval.high), y);
    const text = {
      type: 'text' as const,
      x: (isSure ? end : Math.max(end, at(interval.high))) + 6,
      y,
      style: {
        text: note.text,
        fill: ink.light,
        fontSize: fontSizePx,
        fontFamily,
        verticalAlign: 'middle' as const,
      },
    };
    return { type: 'group', children: [...whisker, text] };
  };
  return {
    type: 'custom',
    data: panel.notes.map((note) => [note.at, note.row]),
    renderItem,
    clip: false,
    z: 4,
  };
}

function whiskerLines(low: number, high: number, y: number) {
  const line = (x1: number, y1: number, x2: number, y2: number) => ({
    type: 'line' as const,
    shape: { x1, y1, x2, y2 },
    style: { stroke: ink.light, lineWidth: 1.3 },
  });
  return [line(low, y, high, y), line(low, y - 4, low, y + 4), line(high, y - 4, high, y + 4)];
}
