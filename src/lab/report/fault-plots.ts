import { formatCount, formatNs, prefixOf, timeUnitOf } from '../output/format.ts';
import { pointLabel, systemLabel } from '../output/names.ts';
import type { FaultsResult, ParameterValue, RunResult } from '../result.ts';
import { niceScale } from './axes.ts';
import { type Line, lineChart } from './lines.ts';
import { joined, type Plot, type PlotContext } from './plot.ts';

type Point = Readonly<Record<string, ParameterValue>>;
interface FaultyRun {
  readonly run: RunResult;
  readonly faults: FaultsResult;
}

/** Throughput over time of the runs in which something went wrong: of each system one, the first seed's. */
export function faultPlots(
  runs: readonly RunResult[],
  point: Point,
  context: PlotContext,
  suffix: string,
): Plot[] {
  const label = pointLabel(point);
  const firsts = new Map<string, FaultyRun>();
  for (const run of runs) {
    const { faults, system } = run;
    if (faults === undefined || faults.served.operations.length < 2) continue;
    if (pointLabel(run.point) !== label || firsts.has(system)) continue;
    firsts.set(system, { run, faults });
  }
  if (firsts.size === 0) return [];
  const shown = [...firsts.values()];
  const rates = shown.flatMap(({ faults }) => ratesOf(faults).map(({ perS }) => perS));
  const times = shown.flatMap(({ faults }) => ratesOf(faults).map(({ atNs }) => atNs));
  const unit = prefixOf(rates);
  const time = timeUnitOf(times);
  const scale = niceScale(Math.max(...times) / time.factor);
  const lines = shown.map(({ run, faults }): Line => {
    return {
      label: systemLabel(run.system),
      style: context.styles.get(run.system)!,
      points: ratesOf(faults).map(({ atNs, perS }) => {
        return { x: atNs / time.factor, y: perS / unit.factor, interval: undefined };
      }),
      marks: happened(faults).map(({ number, atNs }) => ({ x: atNs / time.factor, text: number })),
    };
  });
  const sentences = shown[0]!.faults.faults.map(({ text }, i) => `${i + 1}: ${text}`).join('; ');
  const title = 'Throughput while something fails';
  const chart = lineChart({
    title,
    subtitle: joined(label, `seed ${shown[0]!.run.seed}`, sentences),
    x: {
      name: `time since the clients began (${time.name})`,
      ticks: Array.from(
        { length: Math.round(scale.max / scale.interval) + 1 },
        (_, i) => i * scale.interval,
      ),
      logarithmic: false,
    },
    yName: `throughput (${unit.name === '' ? '' : `${unit.name} `}operations/s)`,
    lines,
    // Runs end at different times, each in the middle of the others' lines.
    hasLegend: true,
  });
  const description = `${title}. ${shown.map(describe).join(' ')}`;
  return [{ name: `faults${suffix}`, description, point, chart }];
}

/** In the middle of each interval; the last one ends somewhere within and is left out. */
function ratesOf({ served }: FaultsResult): { readonly atNs: number; readonly perS: number }[] {
  const { fromNs, intervalNs, operations } = served;
  return operations.slice(0, -1).map((count, i) => ({
    atNs: fromNs + (i + 0.5) * intervalNs,
    perS: (count / intervalNs) * 1e9,
  }));
}

function happened({ faults }: FaultsResult): { readonly number: string; readonly atNs: number }[] {
  return faults.flatMap(({ atNs }, i) =>
    atNs === undefined ? [] : [{ number: String(i + 1), atNs }],
  );
}

function describe({ run, faults }: FaultyRun): string {
  const rates = ratesOf(faults).map(({ perS }) => perS);
  const times = faults.faults.map(({ text, atNs }) => {
    return atNs === undefined ? `${text}: did not happen` : `${text}: at ${formatNs(atNs)}`;
  });
  return (
    `${systemLabel(run.system)}: from ${formatCount(Math.min(...rates))} to ` +
    `${formatCount(Math.max(...rates))} operations/s; ${times.join('; ')}.`
  );
}
