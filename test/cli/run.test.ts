import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { ExperimentResult } from '../../src/lab/result.ts';
import { type Ended, runCli, startCli, temporaryFolder } from '../support/cli.ts';

// Each test starts processes of several threads, on a machine that may be busy with other tests.
vi.setConfig({ testTimeout: 240_000 });

/** Small enough for a second: two systems, one node, a handful of keys. */
const small = ['--keys', '200', '--operations', '500', '--warmup', '50', '--clients', '2'];

let root: ReturnType<typeof temporaryFolder>;
beforeAll(() => {
  root = temporaryFolder();
});
afterAll(() => root.remove());

function folderFor(name: string): string {
  const dir = path.join(root.dir, name);
  mkdirSync(dir);
  return dir;
}

function resultIn(dir: string): ExperimentResult {
  return JSON.parse(readFileSync(path.join(dir, 'results.json'), 'utf8')) as ExperimentResult;
}

async function farside(cwd: string, ...args: string[]): Promise<Ended> {
  return await runCli(cwd, args);
}

test('compare runs the file, prints a table and keeps the results', async () => {
  const cwd = folderFor('compare');
  writeFileSync(
    path.join(cwd, 'mine.yaml'),
    'systems: [direct, central]\ncluster: { computeNodes: [1, 2] }\n',
  );
  const { code, stdout, stderr } = await farside(cwd, 'compare', 'mine.yaml', ...small);
  expect(stderr).toBe(
    'farside: results are in farside-results/mine; look at farside-results/mine/report.html\n',
  );
  expect(code).toBe(0);
  expect(stdout).toMatch(/throughput/);
  const result = resultIn(path.join(cwd, 'farside-results/mine'));
  expect(result.partial).toBe(false);
  expect(result.axes).toEqual([{ path: 'cluster.computeNodes', values: [1, 2] }]);
  expect(result.runs.map(({ system, point }) => [system, point['cluster.computeNodes']])).toEqual([
    ['direct', 1],
    ['central', 1],
    ['direct', 2],
    ['central', 2],
  ]);
  expect(result.runs.every(({ operations }) => operations === 500)).toBe(true);
});

test('running twice loses nothing, and --force replaces', async () => {
  const cwd = folderFor('twice');
  const results = path.join(cwd, 'farside-results');
  mkdirSync(path.join(results, 'run-direct/plots'), { recursive: true });
  const args = ['run', 'direct', ...small, '--quiet'];
  expect(await farside(cwd, ...args)).toMatchObject({ code: 0, stderr: '' });
  expect(readdirSync(results).toSorted()).toEqual(['run-direct', 'run-direct-2']);
  expect(existsSync(path.join(results, 'run-direct/results.json'))).toBe(false);
  expect(await farside(cwd, ...args, '--force')).toMatchObject({ code: 0, stderr: '' });
  expect(readdirSync(results).toSorted()).toEqual(['run-direct', 'run-direct-2']);
  expect(existsSync(path.join(results, 'run-direct/results.json'))).toBe(true);
});

test('stdout is the result alone: it can be piped', async () => {
  const cwd = folderFor('formats');
  const json = await farside(cwd, 'run', 'direct', ...small, '--format', 'json', '--out', 'a');
  expect(JSON.parse(json.stdout)).toEqual(resultIn(path.join(cwd, 'a')));
});

test('a seed repeats itself, and values are what their keys say', async () => {
  const cwd = folderFor('checks');
  const flags = ['--check-determinism', '--data-integrity', '--seeds', '2', '--workload', 'a'];
  const args = ['run', 'central', ...small, ...flags, '--format', 'ycsb', '--out', 'out'];
  const { code, stdout, stderr } = await farside(cwd, ...args);
  expect(stdout).toMatch(/^\[OVERALL\], Throughput\(ops\/sec\), \d/m);
  expect(stderr).toBe(
    `farside: results are in out; look at ${path.join('out', 'report.html')}\n` +
      'farside: deterministic: 2 runs had the same event hash a second time\n',
  );
  expect(code).toBe(0);
  expect(resultIn(path.join(cwd, 'out')).runs.map(({ seed }) => seed)).toEqual([1, 2]);
});

test('a dry run lists the runs and leaves nothing', async () => {
  const cwd = folderFor('dry');
  const { code, stdout } = await farside(cwd, 'compare', '--dry-run', '--compute-nodes', '1,2');
  expect(code).toBe(0);
  expect(stdout.split('\n')).toContain('  clover, seed 1, compute nodes 2');
  expect(readdirSync(cwd)).toEqual([]);
});

/** Starts farside, interrupts it after a while, and waits for its end. */
async function interrupted(cwd: string, afterMs: number, args: string[]): Promise<Ended> {
  const { child, ended } = startCli(cwd, args);
  const timer = setTimeout(() => child.kill('SIGINT'), afterMs);
  return await ended.finally(() => clearTimeout(timer));
}

// How long a machine takes to get somewhere is unknown: an interrupt that came too early to show
// what is looked for is tried again, later.
const delaysMs = [1000, 2000, 4000, 8000, 16_000];

test('an interrupt keeps what is finished, marked as partial', async () => {
  // One short run, then one that would take hours.
  const sweep = ['--set', 'phases.operations=200,1G', '--keys', '200', '--warmup', '0'];
  for (const delayMs of delaysMs) {
    const cwd = folderFor(`interrupted-${delayMs}`);
    const args = ['run', 'direct', ...sweep, '--out', 'out'];
    const { code, stdout, stderr } = await interrupted(cwd, delayMs, args);
    const out = path.join(cwd, 'out');
    if (!existsSync(out)) continue;
    expect(code).toBe(130);
    expect(stderr).toMatch(/^farside: interrupted: writing what is finished/);
    expect(stdout).toMatch(/partial/);
    const result = resultIn(out);
    expect(result.partial).toBe(true);
    expect(result.runs.map(({ point }) => point['phases.operations'])).toEqual([200]);
    return;
  }
  expect.unreachable('no run finished before any of the interrupts');
});

test('an interrupt before anything has finished leaves nothing behind', async () => {
  for (const delayMs of delaysMs) {
    const cwd = folderFor(`early-${delayMs}`);
    const args = ['run', 'direct', '--operations', '1G', '--keys', '200', '--out', 'out'];
    const { code, stderr } = await interrupted(cwd, delayMs, args);
    expect(existsSync(path.join(cwd, 'out'))).toBe(false);
    // Killed before it listened.
    if (code === null) continue;
    expect(code).toBe(130);
    expect(stderr).toMatch(/no run has finished: nothing is written\n$/);
    return;
  }
  expect.unreachable('farside never came to listen to an interrupt');
});
