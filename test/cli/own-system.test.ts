import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { ExperimentResult } from '../../src/lab/result.ts';
import { runCli, temporaryFolder } from '../support/cli.ts';
import {
  corruptingSystem,
  failingSystem,
  plainSystem,
  restlessSystem,
} from '../support/own-systems.ts';

vi.setConfig({ testTimeout: 240_000 });

let root: ReturnType<typeof temporaryFolder>;
beforeAll(() => {
  root = temporaryFolder();
});
afterAll(() => root.remove());

/** Runs a system that stands in `mine.mjs` on a workload of a second. */
async function runMine(name: string, text: string, ...flags: string[]) {
  return farside(name, text, ['run', './mine.mjs', ...flags]);
}

async function compareMine(name: string, text: string, ...flags: string[]) {
  return farside(name, text, [
    'compare',
    '--system',
    './mine.mjs',
    '--compute-nodes',
    '1',
    ...flags,
  ]);
}

/** A folder with the system in it. */
function write(name: string, text: string): string {
  const cwd = path.join(root.dir, name);
  mkdirSync(cwd);
  writeFileSync(path.join(cwd, 'mine.mjs'), text);
  return cwd;
}

async function farside(name: string, text: string, command: readonly string[]) {
  const cwd = write(name, text);
  const small = ['--keys', '200', '--operations', '500', '--warmup', '0', '--clients', '2'];
  const args = [...command, ...small, '--out', 'out', '--quiet'];
  const ended = await runCli(cwd, args);
  const results = (): ExperimentResult =>
    JSON.parse(readFileSync(path.join(cwd, 'out/results.json'), 'utf8')) as ExperimentResult;
  return { ...ended, results };
}

describe.concurrent("a user's own system", () => {
  test('runs like those that are shipped, with settings by the name of its file', async () => {
    const { code, stderr, results } = await runMine(
      'plain',
      plainSystem,
      '--set',
      'mine.redo=false',
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(results().runs).toHaveLength(1);
  });

  test('that gives other values than were put exits 1 with --data-integrity', async () => {
    const { code, stderr, results } = await runMine(
      'corrupting',
      corruptingSystem,
      '--data-integrity',
    );
    expect(stderr).toMatch(/^farside: promise broken: \d+ corrupt values: corrupting, seed 1\n$/);
    expect(code).toBe(1);
    expect(results().runs[0]?.perOperation.read?.corrupt).toBeGreaterThan(0);
  });

  test('that does not repeat itself exits 1 with --check-determinism', async () => {
    const { code, stderr } = await runMine('restless', restlessSystem, '--check-determinism');
    expect(stderr).toMatch(
      /^farside: not deterministic: restless, seed 1: event hash \S+, then \S+\n$/,
    );
    expect(code).toBe(1);
  });

  test('that fails is named, in one line, and nothing is written', async () => {
    const { code, stderr, stdout, results } = await runMine('failing', failingSystem);
    expect(stderr).toMatch(
      /^farside: failed: failing, seed 1: undefinedHelper is not .* \(FARSIDE_DEBUG=1 .*\)\n$/,
    );
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(results).toThrow(/ENOENT/);
  });

  test('that fails to be explained is named, too', async () => {
    const { code, stderr, stdout } = await runCli(write('explained', failingSystem), [
      'explain',
      './mine.mjs',
      'put',
    ]);
    expect(stderr).toMatch(/^farside: \.\/mine\.mjs: undefinedHelper is not defined \(FAR.*\)\n$/);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });

  test('that fails does not cost the runs of the others', async () => {
    const flags = ['--system', 'direct', '--seeds', '2'];
    const { code, stderr, stdout, results } = await compareMine('beside', failingSystem, ...flags);
    const line =
      'failed: failing, seed 1: undefinedHelper is not defined (and 1 more run of failing)';
    expect(stderr).toMatch(new RegExp(`^farside: ${literal(line)} \\(FARSIDE_DEBUG=1 .*\\)\n$`));
    expect(stdout).toContain(line);
    expect(code).toBe(2);
    const { runs, failures, partial } = results();
    expect(partial).toBe(false);
    expect(runs.map(({ system, seed }) => `${system} ${seed}`)).toEqual(['direct 1', 'direct 2']);
    const failed = { system: 'failing', fabric: 'sim', point: {} };
    const message = 'undefinedHelper is not defined';
    expect(failures).toEqual([
      { ...failed, seed: 1, message },
      { ...failed, seed: 2, message },
    ]);
  });
});

function literal(text: string): string {
  return text.replaceAll(/[()]/g, String.raw`\$&`);
}
