import path from 'node:path';
import { expect, test } from 'vitest';
import { runAll } from '../../src/lab/compare.ts';
import { smallSpec } from '../support/specs.ts';

const quick = smallSpec({ phases: { warmupOperations: 0, operations: 200 } });
/** Hours of virtual time: it ends because somebody ends it. */
const endless = smallSpec({ phases: { operations: 2 ** 40 } });

test('runs come back in the order of their specs, those of a pool and those of real fabrics', async () => {
  const specs = [
    { ...quick, system: 'central' },
    { ...quick, fabric: 'shared' as const },
    { ...quick, seed: 7 },
  ];
  const { runs, partial } = await runAll(specs, { threads: 2 });
  expect(partial).toBe(false);
  expect(runs.map(({ system, fabric, seed }) => `${system} ${fabric} ${seed}`)).toEqual([
    'central sim 1',
    'direct shared 1',
    'direct sim 7',
  ]);
});

test.each(['sim', 'shared'] as const)('an abort on %s keeps what has finished', async (fabric) => {
  const abort = new AbortController();
  const specs = [quick, { ...endless, fabric }];
  const { runs, partial } = await runAll(specs, {
    threads: 1,
    signal: abort.signal,
    onProgress(finished, [running]) {
      if (finished === 1 && running?.progress.phase === 'run') abort.abort();
    },
  });
  expect(partial).toBe(true);
  expect(runs.map(({ operations }) => operations)).toEqual([200]);
});

test('an abort before the first run runs nothing', async () => {
  const specs = [quick, { ...quick, fabric: 'shared' as const }];
  const { runs, partial } = await runAll(specs, { signal: AbortSignal.abort() });
  expect({ runs, partial }).toEqual({ runs: [], partial: true });
});

test.each(['sim', 'shared'] as const)('a run that fails on %s ends alone', async (fabric) => {
  const failing = { ...quick, fabric, settings: { redoo: true } };
  const specs = [quick, failing, { ...quick, seed: 7 }, { ...failing, seed: 8 }];
  const { runs, failures, partial } = await runAll(specs, { threads: 2 });
  expect(partial).toBe(false);
  expect(runs.map(({ seed }) => seed)).toEqual([1, 7]);
  const error = {
    code: 'FARSIDE_USAGE',
    message: expect.stringMatching(/^direct has no setting redoo; did you mean redo\?/),
  };
  expect(failures).toEqual([
    { index: 1, error: expect.objectContaining(error) },
    { index: 3, error: expect.objectContaining(error) },
  ]);
});

test('an abort tells what failed before from what never came to run', async () => {
  const abort = new AbortController();
  const outcome = await runAll([{ ...quick, settings: { redoo: true } }, endless, quick], {
    threads: 1,
    signal: abort.signal,
    onProgress(finished, [running]) {
      if (finished === 1 && running?.progress.phase === 'run') abort.abort();
    },
  });
  expect(outcome.partial).toBe(true);
  expect(outcome.runs).toEqual([]);
  expect(outcome.failures.map(({ index }) => index)).toEqual([0]);
});

test('an error in a worker of the shared fabric keeps its code', async () => {
  const system = path.resolve('dist/test/support/failing-system.js');
  const spec = {
    ...quick,
    fabric: 'shared' as const,
    system,
    workload: { ...quick.workload, file: 'c' },
  };
  const { failures } = await runAll([spec]);
  expect(failures[0]?.error).toMatchObject({
    code: 'FARSIDE_CORRUPT',
    message: 'the server found its table in disorder',
  });
});
