import { significant } from '../output/format.ts';
import { axisStyle, textWidthPx } from './chart.ts';

/** Ticks stand at chosen values only, at their logarithm or at themselves. */
export interface ScaleAxis {
  readonly name: string;
  readonly ticks: readonly number[];
  readonly logarithmic: boolean;
  /** Where the axis begins and ends; by default at its ticks. */
  readonly bounds?: readonly [number, number];
}

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

const labelGapPx = 6;

/**
 * 1, 2, 5, 10, 20 … between two positive ends; where there is no room on `lengthPx` for all their labels,
 * the powers of ten. ECharts would leave out labels, and ticks with them, where they come too close: in the
 * end all of the last decade.
 */
export function logarithmicTicks(least: number, greatest: number, lengthPx: number): number[] {
  const ticks: number[] = [];
  const first = Math.floor(Math.log10(least));
  for (let power = first; 10 ** power <= greatest; power++) {
    for (const step of [1, 2, 5]) {
      // Not 10 ** -1 * 2, which is 0.2 and a bit.
      const tick = Number(`${step}e${power}`);
      if (tick >= least && tick <= greatest) ticks.push(tick);
    }
  }
  const pxPerDecade = lengthPx / Math.log10(greatest / least);
  const fits = ticks.every((tick, i) => {
    const next = ticks[i + 1];
    if (next === undefined) return true;
    const labelsPx = (textWidthPx(tickLabel(tick)) + textWidthPx(tickLabel(next))) / 2;
    return Math.log10(next / tick) * pxPerDecade >= labelsPx + labelGapPx;
  });
  return fits ? ticks : ticks.filter((tick) => /^1/.test(tick.toExponential()));
}

/** Ticks as written: `1024` and `0.99`, without the zeros of three digits. */
export function tickLabel(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Number(significant(value)));
}

/**
 * The end of an axis that begins at zero and holds `greatest`, and a round distance between its
 * ticks, of which there are five or a few less.
 */
export function niceScale(greatest: number): { readonly max: number; readonly interval: number } {
  if (greatest <= 0) return { max: 1, interval: 1 };
  const power = 10 ** Math.floor(Math.log10(greatest / 5));
  const step = [1, 2, 2.5, 5, 10].find((candidate) => candidate * power * 5 >= greatest) ?? 10;
  const interval = step * power;
  // Rounding of the division must not add an empty fifth to an axis that ends at a tick.
  const steps = Math.ceil(greatest / interval - 1e-9);
  return { max: steps * interval, interval };
}
