import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { planOf } from '../../../test/support/faulty.ts';
import { loadSystem } from '../engine/prepare.ts';
import type { RunSpec } from '../spec.ts';
import { fromSet } from './assign.ts';
import { emptyDraft } from './draft.ts';
import { openPlan } from './open.ts';
import { planExperiment } from './plan.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'farside-open-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function fileOf(name: string, text: string): string {
  const file = path.join(folder, name);
  writeFileSync(file, text);
  return file;
}

/** The only run of Direct with these settings, as it would start. */
async function opened(...sets: readonly string[]): Promise<RunSpec> {
  const origin = { source: 'flag', label: 'direct' } as const;
  const flags = {
    ...emptyDraft(),
    settings: sets.map((text) => fromSet(text)),
    systems: [{ name: 'direct', origin }],
  };
  const { plan } = await planExperiment({ file: undefined, flags, name: 'test' }, loadSystem);
  return openPlan(plan).specs[0] as RunSpec;
}

describe('a workload that inserts', () => {
  const inserting =
    'recordcount=50\nreadproportion=0.9\nupdateproportion=0\ninsertproportion=0.1\n';

  test('is told how many operations will come, so that it makes room for them', async () => {
    const spec = await opened('workload.file=d', 'phases.operations=2000', 'phases.warmup=100');
    expect(spec.workload.properties.operationcount).toBe('2100');
  });

  test('with a duration ends at the count of its own file at the latest', async () => {
    const file = fileOf('bounded', `${inserting}operationcount=3000\n`);
    const { phases } = await opened(`workload.file=${file}`, 'phases.duration=1s');
    expect(phases).toMatchObject({ durationNs: 1e9, operations: 3000 });
  });

  test('with a duration and no count is refused', async () => {
    const file = fileOf('unbounded', inserting);
    await expect(opened(`workload.file=${file}`, 'phases.duration=1s')).rejects.toThrow(
      /inserts as it runs, so its store is made for a number of operations: add --operations N to/,
    );
  });
});

test('a workload that does not insert needs no count beside a duration', async () => {
  const { phases } = await opened('workload.file=b', 'phases.duration=1s');
  expect(phases).toMatchObject({ durationNs: 1e9, operations: undefined });
});

describe('a memory node that is lost without a spare', () => {
  async function warningsOf(system: string, spares: number, ...sentences: string[]) {
    const origin = { source: 'flag', label: system } as const;
    const flags = {
      ...emptyDraft(),
      settings: ['cluster.replicas=2', `cluster.spares=${spares}`].map((text) => fromSet(text)),
      systems: [{ name: system, origin }],
      faults: planOf(sentences).map((fault) => ({ fault, origin })),
    };
    const { plan } = await planExperiment({ file: undefined, flags, name: 'test' }, loadSystem);
    return openPlan(plan).warnings;
  }

  test('is a note where the system does not get over that, for each such loss', async () => {
    const lost = ['lose mn0 at 1ms', 'lose mn1 at 2ms'];
    expect(await warningsOf('direct', 1, ...lost)).toEqual([
      expect.stringMatching(
        /^"lose mn1 at 2ms": no spare takes its place; in direct, gets of .*: add/,
      ),
    ]);
    expect(await warningsOf('direct', 2, ...lost)).toEqual([]);
    expect(await warningsOf('central', 0, ...lost)).toEqual([]);
  });

  test('counts spares that others name', async () => {
    const lost = ['move mn0 to mn4 at 1ms', 'lose mn1 at 2ms'];
    expect(await warningsOf('direct', 1, ...lost)).toHaveLength(1);
    expect(await warningsOf('direct', 2, ...lost)).toEqual([]);
    expect(await warningsOf('direct', 1, 'lose mn1 at 2ms, spare mn4')).toEqual([]);
  });
});
