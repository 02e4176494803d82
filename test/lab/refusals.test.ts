import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { runOne } from '../../src/lab/run.ts';
import { smallSpec } from '../support/specs.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'farside-refusals-'));
afterAll(() => rmSync(folder, { recursive: true }));

function moduleOf(name: string, text: string): string {
  const file = path.join(folder, `${name}.mjs`);
  writeFileSync(file, text);
  return file;
}

test.each(['direct', 'central', 'clover'])('%s refuses scans before the run', async (system) => {
  const spec = smallSpec({ system, workload: { file: 'e' } });
  await expect(runOne(spec)).rejects.toMatchObject({
    code: 'FARSIDE_UNSUPPORTED',
    message: expect.stringMatching(
      new RegExp(`^${system} cannot serve workloade, which needs scan`),
    ),
  });
});

describe('a module that is no system is told what it misses', () => {
  test.each([
    ['nothing', 'export const other = 1;', /an object with name, summary, .*openServer$/],
    ['null', 'export const system = null;', /an object with name, summary/],
    [
      'no-functions',
      "export const system = { name: 'x', summary: 'x', roundTrips: 'x', operations: [], " +
        'promises: [], parameters: [] };',
      /an object with configure, layout, openNode, openServer$/,
    ],
    ['unloadable', 'export const system = {', /does not load: /],
  ])('%s', async (name, text, says) => {
    const spec = smallSpec({ system: moduleOf(name, text) });
    await expect(runOne(spec)).rejects.toMatchObject({
      code: 'FARSIDE_INPUT',
      message: expect.stringMatching(says),
    });
  });

  test('a path where nothing is', async () => {
    const spec = smallSpec({ system: path.join(folder, 'none.js') });
    await expect(runOne(spec)).rejects.toThrow(/there is no such file$/);
  });
});
