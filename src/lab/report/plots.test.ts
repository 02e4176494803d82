import { describe, expect, test } from 'vitest';
import { sampleResult } from '../../../test/support/results.ts';
import type { ExperimentResult, FaultResult, RunResult } from '../result.ts';
import { standaloneSvg } from './picture.ts';
import { detailedPointsMax, plotsOf } from './plots.ts';
import { hasFont, requireFont, svgToPng } from './png.ts';
import { panelsMax } from './sweep-plots.ts';

const sweep = sampleResult({ computeNodes: [1, 8], samples: 200 });
const single = sampleResult({ computeNodes: [4], seeds: [1], samples: 200, openLoop: true });

function named(result: ExperimentResult, name: string) {
  const plot = plotsOf(result).find((candidate) => candidate.name === name);
  expect(plot, name).toBeDefined();
  return plot!;
}

function textOf(svg: string): string {
  return [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text]) => text).join('|');
}

/** The sweep's runs at values of further axes. */
function withAxes(path: string, values: readonly (string | number)[]): ExperimentResult {
  const runs: RunResult[] = values.flatMap((value) =>
    single.runs.map((run) => ({ ...run, point: { ...run.point, [path]: value } })),
  );
  return { ...single, axes: [{ path, values }], runs };
}

describe('the plots of a result', () => {
  test('of a sweep are those across it, and those of each point', () => {
    const names = plotsOf(sweep).map((plot) => plot.name);
    expect(names.slice(0, 3)).toEqual([
      'throughput-by-computeNodes',
      'p99-read-by-computeNodes',
      'p99-update-by-computeNodes',
    ]);
    for (const kind of [
      'latency-read',
      'latency-update',
      'round-trips',
      'bytes',
      'cpu',
      'memory',
    ]) {
      expect(names).toContain(`${kind}-computeNodes=8`);
    }
    expect(names).toContain('cost-computeNodes=1');
    expect(new Set(names).size).toBe(names.length);
  });

  test('without a sweep are bars, and in open loop have latencies from the intended start', () => {
    const names = plotsOf(single).map((plot) => plot.name);
    expect(names).toContain('throughput');
    expect(names).toContain('latency-intended-read');
  });

  test('say in words what they show', () => {
    const { description } = named(single, 'round-trips');
    expect(description).toContain('read, direct: mean 1.02; 98 % took 1, 2 % took 2');
    expect(named(sweep, 'throughput-by-computeNodes').description).toMatch(
      /throughput \(M operations\/s\)\. direct: 1\.\d\d \(.*\) at 1, /,
    );
  });

  test('name what is measured with its unit, and every system', () => {
    const texts = plotsOf(single).map((plot) => [plot.name, textOf(standaloneSvg(plot))]);
    for (const [name, text] of texts) {
      expect(text, name).toMatch(/\((?:M operations\/s|µs|%|bytes|MiB|KiB|thousand USD|µJ)|cores/);
      for (const system of ['direct', 'central', 'clover']) expect(text, name).toContain(system);
    }
  });

  test('are finite, drawn inside their frame, and the same every time', () => {
    for (const plot of plotsOf(sweep)) {
      const svg = standaloneSvg(plot);
      expect(svg, plot.name).not.toMatch(/NaN|Infinity|undefined/);
      expect(standaloneSvg(plot)).toBe(svg);
      expect(svg).not.toContain('<style');
    }
  });

  test('use bars where the values of an axis have no order', () => {
    const text = textOf(
      standaloneSvg(named(withAxes('workload.file', ['a', 'b']), 'throughput-by-workload')),
    );
    expect(text).toContain('workload a');
    expect(text).toContain('workload b');
  });

  test('use bars where a zero would have no place on a logarithmic axis', () => {
    const byCursors = (values: readonly number[]): string =>
      textOf(
        standaloneSvg(named(withAxes('clover.cursorsMax', values), 'throughput-by-cursorsMax')),
      );
    expect(byCursors([100, 10_000, 0])).toMatch(
      /cursors max 100\|.*cursors max 10000\|.*cursors max 0\|/,
    );
    expect(byCursors([0, 1, 2])).not.toContain('cursors max 0');
    expect(byCursors([1, 10, 100])).toContain('logarithmic');
  });

  test('leave out kinds that a point has not, and points that have not the kind', () => {
    const workloads = withAxes('workload.file', ['a', 'c']);
    const runs = workloads.runs.map((run) => {
      const { read } = run.perOperation;
      return run.point['workload.file'] === 'a' ? run : { ...run, perOperation: { read: read! } };
    });
    const text = textOf(standaloneSvg(named({ ...workloads, runs }, 'p99-update-by-workload')));
    expect(text).toContain('workload a');
    expect(text).not.toContain('workload c');
    const both = {
      ...workloads,
      axes: [...workloads.axes, { path: 'cluster.replicas', values: [1, 2] }],
      runs: runs.flatMap((run) =>
        [1, 2].map((replicas) => ({
          ...run,
          point: { ...run.point, 'cluster.replicas': replicas },
        })),
      ),
    };
    const names = plotsOf(both).map((plot) => plot.name);
    expect(names).toContain('p99-update-by-replicas-workload=a');
    expect(names).not.toContain('p99-update-by-replicas-workload=c');
    expect(names).toContain('p99-read-by-replicas-workload=c');
  });

  test('have no legend for what no bar shows', () => {
    const busy = textOf(standaloneSvg(named(single, 'cpu')));
    expect(busy).toContain('|polling|');
    const runs = single.runs.map((run) => {
      const cpu = { compute: { cores: 4, usefulNs: run.durationNs, pollingNs: 0 } };
      return { ...run, cpu };
    });
    const slept = textOf(standaloneSvg(named({ ...single, runs }, 'cpu')));
    expect(slept).not.toContain('|polling|');
    expect(slept).toContain('|idle|');
  });

  test('are limited in number where a sweep is large', () => {
    const many = withAxes(
      'workload.valueBytes',
      Array.from({ length: 40 }, (_, index) => 64 * (index + 1)),
    );
    const plots = plotsOf(many);
    const drawn = plots.filter((plot) => plot.name.startsWith('cpu-'));
    expect(drawn).toHaveLength(detailedPointsMax);
    expect(drawn.at(-1)!.name).toBe('cpu-valueBytes=2560');
    const both = {
      ...many,
      axes: [...many.axes, { path: 'cluster.replicas', values: [1, 2] }],
      runs: many.runs.flatMap((run) =>
        [1, 2].map((replicas) => ({
          ...run,
          point: { ...run.point, 'cluster.replicas': replicas },
        })),
      ),
    };
    const names = plotsOf(both).map((plot) => plot.name);
    const byReplicas = names.filter((name) => name.startsWith('throughput-by-replicas'));
    expect(byReplicas).toHaveLength(panelsMax);
    expect(byReplicas[0]).toBe('throughput-by-replicas-valueBytes=64');
  });

  test('survive a result without runs, an idle kind, and a single latency', () => {
    expect(plotsOf({ ...single, runs: [] })).toEqual([]);
    const [run] = single.runs;
    const { read } = run!.perOperation;
    const empty = { ...read!, count: 0, latencyNs: { ...read!.latencyNs, count: 0 } };
    const odd = {
      ...single,
      runs: [
        {
          ...run!,
          throughputOpsPerS: 0,
          perOperation: { read: { ...empty, intendedLatencyNs: undefined, roundTripCounts: [] } },
        },
      ],
    };
    for (const plot of plotsOf(odd)) expect(standaloneSvg(plot)).not.toMatch(/NaN|Infinity/);
  });

  test('escape what users named', () => {
    const evil = '<script>alert("&")</script>';
    const runs = single.runs.map((run) => ({ ...run, system: evil }));
    for (const plot of plotsOf({ ...single, runs })) {
      expect(standaloneSvg(plot)).not.toContain('<script');
    }
  });
});

describe('pictures as PNG', () => {
  test('show text', (context) => {
    if (!hasFont()) context.skip('no font is installed');
    const svg = standaloneSvg(named(single, 'throughput'));
    const withText = svgToPng(svg);
    const without = svgToPng(svg.replace(/<text[\s\S]*?<\/text>/g, ''));
    expect([...withText.subarray(1, 4)]).toEqual([...'PNG'].map((c) => c.charCodeAt(0)));
    expect(withText.length).toBeGreaterThan(without.length * 1.5);
  });

  test('are refused where there is no font to draw text with', () => {
    expect(hasFont(false)).toBe(false);
    if (hasFont()) expect(() => requireFont()).not.toThrow();
    else expect(() => requireFont()).toThrow(/install one/);
  });
});

describe('throughput over time', () => {
  const served = { fromNs: 500, intervalNs: 1000, operations: [2, 4, 0, 0, 3, 1] };
  const none = { operationsFailed: 0, operationsUnknown: 0, programsEnded: 0 };
  const fault = { text: 'crash cn1 at 2us', atNs: 2000 } as FaultResult;
  const faults = { ...none, faults: [fault, { ...fault, atNs: undefined }], served };
  const broken = { ...single, runs: single.runs.map((run) => ({ ...run, faults })) };

  test('is drawn where a plan made something fail, and nowhere else', () => {
    expect(plotsOf(single).some(({ name }) => name.startsWith('faults'))).toBe(false);
    const plot = named(broken, 'faults');
    // 4 in a microsecond are 4 M/s; the last interval ends somewhere within.
    expect(plot.description).toContain('from 0 to 4,000,000 operations/s');
    expect(plot.description).toContain(
      'crash cn1 at 2us: at 2.00 µs; crash cn1 at 2us: did not happen',
    );
  });

  test('has a mark for each fault that happened, and its sentence below the title', () => {
    const text = textOf(standaloneSvg(named(broken, 'faults')));
    expect(text).toContain('1: crash cn1 at 2us');
    expect(text.split('|')).toContain('1');
    expect(text).toContain('time since the clients began (µs)');
  });
});
