import type { ExperimentResult, LatencyResult, OperationResult, RunResult } from '../result.ts';
import { orderedKinds } from '../statistics/summary.ts';
import { valueLabel } from './names.ts';

/**
 * The text that YCSB prints, so that scripts written for it read farside's results as well. YCSB
 * knows one run; each of ours begins with a `[RUN]` section in the same grammar, which says which
 * it is:
 *
 *     [RUN], System, clover
 *     [OVERALL], RunTime(ms), 30.9
 *     [READ], Operations, 190000
 *     [READ], AverageLatency(us), 2.98
 *
 * Where YCSB truncates to whole microseconds, ours keep nanoseconds: a one-sided read takes two.
 * The latencies are those of all operations of a kind; failed ones are counted in sections of
 * their own.
 */
export function ycsbText(result: ExperimentResult): string {
  return result.runs.map((run) => `${runLines(run).join('\n')}\n`).join('\n');
}

const sectionNames: Readonly<Record<string, string>> = {
  readmodifywrite: 'READ-MODIFY-WRITE',
};

function runLines(run: RunResult): string[] {
  const lines = [
    line('RUN', 'System', run.system),
    line('RUN', 'Fabric', run.fabric),
    line('RUN', 'Workload', run.workload),
    line('RUN', 'Seed', run.seed),
    ...Object.entries(run.point).map(([path, value]) => line('RUN', path, valueLabel(value))),
    line('OVERALL', 'RunTime(ms)', run.durationNs / 1e6),
    line('OVERALL', 'Throughput(ops/sec)', run.throughputOpsPerS),
  ];
  for (const kind of orderedKinds(Object.keys(run.perOperation))) {
    const section = sectionNames[kind] ?? oneLine(kind).toUpperCase();
    const operation = run.perOperation[kind]!;
    const bad = operation.failed + operation.notFound + operation.corrupt;
    lines.push(
      ...latencyLines(section, operation.count - bad, operation.latencyNs),
      ...returnLines(section, operation, bad),
    );
    if (bad > 0) lines.push(line(`${section}-FAILED`, 'Operations', bad));
    const intended = operation.intendedLatencyNs;
    if (intended !== undefined) {
      lines.push(...latencyLines(`Intended-${section}`, operation.count - bad, intended));
    }
  }
  return lines;
}

function latencyLines(section: string, operations: number, latency: LatencyResult): string[] {
  const us = (ns: number): number => ns / 1000;
  return [
    line(section, 'Operations', operations),
    line(section, 'AverageLatency(us)', us(latency.mean)),
    line(section, 'MinLatency(us)', us(latency.min)),
    line(section, 'MaxLatency(us)', us(latency.max)),
    line(section, '50thPercentileLatency(us)', us(latency.p50)),
    line(section, '95thPercentileLatency(us)', us(latency.p95)),
    line(section, '99thPercentileLatency(us)', us(latency.p99)),
  ];
}

/** In the words of YCSB's Status: a value that is not its key's is an unexpected state. */
function returnLines(section: string, operation: OperationResult, bad: number): string[] {
  const returns: [string, number][] = [
    ['OK', operation.count - bad],
    ['NOT_FOUND', operation.notFound],
    ['ERROR', operation.failed],
    ['UNEXPECTED_STATE', operation.corrupt],
  ];
  return returns
    .filter(([status, count]) => status === 'OK' || count > 0)
    .map(([status, count]) => line(section, `Return=${status}`, count));
}

function line(section: string, metric: string, value: string | number): string {
  const text = typeof value === 'number' ? String(Math.round(value * 1e6) / 1e6) : oneLine(value);
  return `[${section}], ${oneLine(metric)}, ${text}`;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ');
}
