import { HistogramLogWriter } from 'hdr-histogram-js';
import type { ExperimentResult, RunResult } from '../result.ts';
import { withHistogram } from '../statistics/latency.ts';
import { orderedKinds } from '../statistics/summary.ts';
import { fileName, pointName, uniqueNames } from './names.ts';

/** The interval's maximum stands in milliseconds, as other tools write it; histograms hold ns. */
const nsPerMs = 1e6;

/**
 * One run as an HdrHistogram log (version 1.3): one interval, the whole measured phase, for each
 * operation kind, tagged with it; `intended-<kind>` in open loop. Plotters and HistogramLogAnalyzer
 * read it.
 */
export function hlogText(result: ExperimentResult, run: RunResult): string {
  let text = '';
  const writer = new HistogramLogWriter((content) => {
    text += content;
  });
  const startMs = Date.parse(result.startedAt);
  writer.outputLogFormatVersion();
  writer.outputComment(
    `[farside ${result.farsideVersion}: ${oneLine(run.system)}, seed ${run.seed}]`,
  );
  writer.outputComment('[Values are nanoseconds]');
  // Not outputStartTime, which writes the date as the machine's locale has it.
  writer.outputComment(
    `[StartTime: ${(startMs / 1000).toFixed(3)} (seconds since epoch), ${result.startedAt}]`,
  );
  writer.outputLegend();
  for (const kind of orderedKinds(Object.keys(run.perOperation))) {
    const { latencyNs, intendedLatencyNs } = run.perOperation[kind]!;
    for (const [tag, latency] of [
      [kind, latencyNs],
      [`intended-${kind}`, intendedLatencyNs],
    ] as const) {
      if (latency === undefined) continue;
      withHistogram(latency, (histogram) => {
        // The format separates fields by commas and lines by line ends.
        histogram.tag = fileName(tag);
        writer.outputIntervalHistogram(histogram, 0, run.durationNs / 1e9, nsPerMs);
      });
    }
  }
  return text;
}

/** File names without folder, one for each run, in order. */
export function hlogNames(result: ExperimentResult): string[] {
  const names = result.runs.map((run) => `${pointName(run.system, run.point)}-seed${run.seed}`);
  return uniqueNames(names).map((name) => `${name}.hlog`);
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ');
}
