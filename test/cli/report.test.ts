import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { serializeResult } from '../../src/lab/output/schema.ts';
import { runCli, temporaryFolder } from '../support/cli.ts';
import { sampleResult } from '../support/results.ts';

vi.setConfig({ testTimeout: 240_000 });

let root: ReturnType<typeof temporaryFolder>;
const written = serializeResult(sampleResult({ samples: 200, seeds: [1, 2] }));
beforeAll(() => {
  root = temporaryFolder();
  mkdirSync(path.join(root.dir, 'old'));
  writeFileSync(path.join(root.dir, 'old/results.json'), written);
});
afterAll(() => root.remove());

test('a report shows the table of a folder and writes nothing', async () => {
  const { code, stdout, stderr } = await runCli(root.dir, ['report', 'old']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  for (const system of ['direct', 'central', 'clover']) expect(stdout).toContain(system);
  expect(readdirSync(path.join(root.dir, 'old'))).toEqual(['results.json']);
});

test('--format json gives back what was read', async () => {
  const { code, stdout } = await runCli(root.dir, [
    'report',
    'old/results.json',
    '--format',
    'json',
  ]);
  expect(code).toBe(0);
  expect(stdout).toBe(written);
});

test('--out writes the whole folder anew, plots included, and --force replaces it', async () => {
  const args = ['report', 'old', '--out', 'new', '--plots', 'svg'];
  expect(await runCli(root.dir, args)).toMatchObject({ code: 0 });
  const dir = path.join(root.dir, 'new');
  expect(readFileSync(path.join(dir, 'results.json'), 'utf8')).toBe(written);
  expect(readdirSync(dir)).toContain('report.html');
  expect(readdirSync(path.join(dir, 'plots')).length).toBeGreaterThan(3);
  const again = await runCli(root.dir, args);
  expect(again.stderr).toMatch(/^farside: new exists and is not empty: pass --force/);
  expect(again).toMatchObject({ code: 2, stdout: '' });
  expect(await runCli(root.dir, [...args, '--force'])).toMatchObject({ code: 0 });
});
