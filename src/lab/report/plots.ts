import { pointName, seedsRun, uniqueNames } from '../output/names.ts';
import type { ExperimentResult } from '../result.ts';
import { type GroupSummary, summarize } from '../statistics/summary.ts';
import { faultPlots } from './fault-plots.ts';
import { latencyPlots } from './latency-plots.ts';
import { operationPlots } from './operation-plots.ts';
import { type Plot, plotContext } from './plot.ts';
import { resourcePlots } from './resource-plots.ts';
import { sweepPlots } from './sweep-plots.ts';

/** Points of a sweep that get pictures of their own; all points stand in the table. */
export const detailedPointsMax = 8;

/** Every picture of a result: first those across the sweep, then those of its points, in order. */
export function plotsOf(result: ExperimentResult): Plot[] {
  const groups = summarize(result);
  const context = plotContext(groups, seedsRun(result).length);
  const plots = [
    ...sweepPlots(result, groups, context),
    ...detailedPoints(groups).flatMap((members) => {
      const suffix = pointName('', members[0]!.point);
      return [
        ...faultPlots(result.runs, members[0]!.point, context, suffix),
        ...latencyPlots(members, context, suffix),
        ...operationPlots(members, suffix),
        ...resourcePlots(members, context, suffix),
      ];
    }),
  ];
  const names = uniqueNames(plots.map((plot) => plot.name));
  return plots.map((plot, index) => ({ ...plot, name: names[index]! }));
}

/** Groups by point: all of them, or as many as are shown, spread evenly with both ends. */
export function detailedPoints(groups: readonly GroupSummary[]): GroupSummary[][] {
  const points = new Map<string, GroupSummary[]>();
  for (const group of groups) {
    const key = JSON.stringify(Object.entries(group.point));
    points.set(key, [...(points.get(key) ?? []), group]);
  }
  const all = [...points.values()];
  if (all.length <= detailedPointsMax) return all;
  const step = (all.length - 1) / (detailedPointsMax - 1);
  return Array.from({ length: detailedPointsMax }, (_, index) => all[Math.round(index * step)]!);
}
