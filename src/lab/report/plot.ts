import type { ParameterValue } from '../result.ts';
import type { GroupSummary } from '../statistics/summary.ts';
import { systemsOf } from '../statistics/summary.ts';
import type { Chart } from './chart.ts';
import { type SystemStyle, systemStyles } from './palette.ts';

/** One picture of a result. */
export interface Plot {
  /** Names its file; unique among the plots of a result. */
  readonly name: string;
  /** What a reader who cannot see it is told: what it shows, and its numbers. */
  readonly description: string;
  /** The point of the sweep that it shows; undefined: the sweep itself, or there is none. */
  readonly point: Readonly<Record<string, ParameterValue>> | undefined;
  readonly chart: Chart;
}

/** What every plot of one result is made from. */
export interface PlotContext {
  readonly styles: ReadonlyMap<string, SystemStyle>;
  /** Said under each title: how often it was run, and what whiskers are. */
  readonly repetitions: string;
  /** The same of plots that show every operation of every run. */
  readonly pooled: string;
}

export function plotContext(groups: readonly GroupSummary[], seeds: number): PlotContext {
  return {
    styles: systemStyles(systemsOf(groups)),
    repetitions: seeds > 1 ? `medians of ${seeds} seeds, whiskers: 95 % intervals` : 'one seed',
    pooled: seeds > 1 ? `operations of all ${seeds} seeds together` : 'one seed',
  };
}

/** Parts of a subtitle, those that are empty left out. */
export function joined(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join(' · ');
}
