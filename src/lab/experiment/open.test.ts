import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
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
