import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sampleResult } from '../../../test/support/results.ts';
import { parseResult } from './schema.ts';
import { checkOutput, writeResults } from './write.ts';

let root = '';
beforeAll(() => {
  root = mkdtempSync(path.join(tmpdir(), 'farside-write-'));
});
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

const result = sampleResult({ computeNodes: [8], seeds: [1] });

describe('writing results', () => {
  test('writes every format, and names what it wrote', async () => {
    const dir = path.join(root, 'all');
    const names = await writeResults(result, { dir, force: false });
    expect(names).toEqual(
      expect.arrayContaining([
        'results.json',
        'results.csv',
        'ycsb.txt',
        'report.html',
        'hlog/clover-seed1.hlog',
      ]),
    );
    const text = readFileSync(path.join(dir, 'results.json'), 'utf8');
    expect(parseResult(text, 'results.json').runs).toHaveLength(3);
    for (const name of names) expect(readFileSync(path.join(dir, name)).length).toBeGreaterThan(0);
  });

  test('writes only the formats asked for', async () => {
    const dir = path.join(root, 'some');
    expect(await writeResults(result, { dir, force: false, formats: ['ycsb'] })).toEqual([
      'ycsb.txt',
    ]);
  });

  test('writes the plots as files', async () => {
    const dir = path.join(root, 'plots');
    const options = { dir, force: false, formats: [], plots: 'svg' as const };
    await checkOutput(options);
    const names = await writeResults(result, options);
    expect(names).toContain('plots/throughput.svg');
    expect(readFileSync(path.join(dir, 'plots/throughput.svg'), 'utf8')).toContain('<desc>');
    await expect(checkOutput(options)).rejects.toMatchObject({ code: 'FARSIDE_OUTPUT' });
  });
});
