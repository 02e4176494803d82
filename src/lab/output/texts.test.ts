import { HistogramLogReader, listTags } from 'hdr-histogram-js';
import { describe, expect, test } from 'vitest';
import { sampleResult } from '../../../test/support/results.ts';
import { csvText } from './csv.ts';
import { hlogNames, hlogText } from './hlog.ts';
import { ycsbText } from './ycsb.ts';

const result = sampleResult({ computeNodes: [1, 8], seeds: [1, 2], openLoop: true });
const [run] = result.runs;

describe('YCSB text', () => {
  const text = ycsbText(result);
  const blocks = text.split('\n\n').map((block) => block.trimEnd().split('\n'));

  test('has one block for each run, every line in the grammar of YCSB', () => {
    expect(blocks).toHaveLength(result.runs.length);
    for (const line of blocks.flat()) expect(line).toMatch(/^\[[A-Za-z-]+\], [^,]+, .+$/);
  });

  test('has the metrics that scripts look for, in microseconds', () => {
    const values = new Map(
      blocks[0]!.map((line) => {
        const [section, metric, value] = line.split(', ');
        return [`${section} ${metric}`, value];
      }),
    );
    const read = run!.perOperation.read!;
    expect(Number(values.get('[OVERALL] RunTime(ms)'))).toBeCloseTo(run!.durationNs / 1e6, 5);
    expect(Number(values.get('[OVERALL] Throughput(ops/sec)'))).toBeCloseTo(
      run!.throughputOpsPerS,
      3,
    );
    expect(values.get('[READ] Operations')).toBe('190000');
    expect(Number(values.get('[READ] AverageLatency(us)'))).toBeCloseTo(
      read.latencyNs.mean / 1000,
      5,
    );
    expect(Number(values.get('[READ] MinLatency(us)'))).toBe(read.latencyNs.min / 1000);
    expect(Number(values.get('[READ] MaxLatency(us)'))).toBe(read.latencyNs.max / 1000);
    expect(Number(values.get('[READ] 95thPercentileLatency(us)'))).toBe(read.latencyNs.p95 / 1000);
    expect(Number(values.get('[READ] 99thPercentileLatency(us)'))).toBe(read.latencyNs.p99 / 1000);
    expect(values.get('[READ] Return=OK')).toBe('190000');
    expect(Number(values.get('[Intended-UPDATE] 99thPercentileLatency(us)'))).toBe(
      run!.perOperation.update!.intendedLatencyNs!.p99 / 1000,
    );
    expect(values.get('[RUN] cluster.computeNodes')).toBe('1');
  });

  test('counts what did not end well apart', () => {
    const read = { ...run!.perOperation.read!, failed: 3, notFound: 5, corrupt: 2 };
    const failing = { ...run!, perOperation: { readmodifywrite: read } };
    const lines = ycsbText({ ...result, runs: [failing] }).split('\n');
    expect(lines).toContain('[READ-MODIFY-WRITE], Return=OK, 189990');
    expect(lines).toContain('[READ-MODIFY-WRITE], Return=NOT_FOUND, 5');
    expect(lines).toContain('[READ-MODIFY-WRITE], Return=ERROR, 3');
    expect(lines).toContain('[READ-MODIFY-WRITE], Return=UNEXPECTED_STATE, 2');
    expect(lines).toContain('[READ-MODIFY-WRITE-FAILED], Operations, 10');
  });

  test('has no intended latencies in closed loop', () => {
    expect(ycsbText(sampleResult({ computeNodes: [1], seeds: [1] }))).not.toContain('Intended');
  });
});

describe('histogram logs', () => {
  test('are read back with every operation under its tag', () => {
    const text = hlogText(result, run!);
    expect(listTags(text)).toEqual(['read', 'intended-read', 'update', 'intended-update']);
    const reader = new HistogramLogReader(text, 32, false);
    for (const expected of [
      run!.perOperation.read!.latencyNs,
      run!.perOperation.read!.intendedLatencyNs!,
      run!.perOperation.update!.latencyNs,
      run!.perOperation.update!.intendedLatencyNs!,
    ]) {
      const histogram = reader.nextIntervalHistogram()!;
      expect(histogram.totalCount).toBe(expected.count);
      expect(histogram.getValueAtPercentile(99)).toBe(expected.p99);
      expect(histogram.startTimeStampMsec).toBe(Date.parse(result.startedAt));
    }
    expect(reader.nextIntervalHistogram()).toBeNull();
  });

  test('have a name of their own for each run', () => {
    const names = hlogNames(result);
    expect(new Set(names).size).toBe(result.runs.length);
    expect(names[0]).toBe('direct-computeNodes=1-seed1.hlog');
  });
});

describe('CSV', () => {
  test('has one row for each run and operation kind, with as many cells as the header', () => {
    const lines = csvText(result).trimEnd().split('\r\n');
    expect(lines).toHaveLength(1 + 2 * result.runs.length);
    const header = lines[0]!.split(',');
    expect(header).toContain('cluster.computeNodes');
    expect(header).toContain('coordinatorUsefulNs');
    for (const [index, row] of lines.slice(1).entries()) {
      const cells = row.replace(/"(?:[^"]|"")*"/g, 'quoted').split(',');
      expect(cells).toHaveLength(header.length);
      expect(cells[header.indexOf('operation')]).toBe(index % 2 === 0 ? 'read' : 'update');
    }
  });

  test('quotes what holds separators', () => {
    const odd = { ...run!, workload: 'a, "b"' };
    expect(csvText({ ...result, runs: [odd] })).toContain('"a, ""b"""');
  });
});
