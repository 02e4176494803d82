import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { readHistory } from '../../src/check/formats/formats.ts';
import { historyPromises, judge } from '../../src/check/judge.ts';
import { parseFault } from '../../src/lab/faults/parse.ts';
import { runOne } from '../../src/lab/run.ts';
import { smallSpec } from '../support/specs.ts';

/**
 * A worker is killed at a random moment of YCSB-A on shared memory, and nothing is lost: what the
 * survivors read afterwards, and the whole history, that of the killed clients included, keep every
 * promise. `FARSIDE_KILLS=100` runs it as often as docs/faults.md says it was run.
 */
const kills = Number(process.env.FARSIDE_KILLS ?? 2);
const folder = mkdtempSync(path.join(tmpdir(), 'farside-kills-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Every node posts more verbs than these, long before it has done its part: each kill happens. */
const moments = ['random verb 1..200', 'random verb 200..2000'] as const;

async function survive(system: string, seed: number): Promise<void> {
  const historyFile = path.join(folder, `${system}-${seed}.edn`);
  const parsed = parseFault(`crash cn1 at ${moments[seed % moments.length]}`);
  if ('expected' in parsed) throw new Error(parsed.expected);
  const { perOperation, faults } = await runOne({
    ...smallSpec({
      system,
      seed,
      fabric: 'shared',
      cluster: { computeNodes: 3, clients: 2, memoryNodes: 3, replicas: 2 },
      workload: { dataIntegrity: true, properties: { recordcount: '100', valuebytes: '100' } },
      phases: { warmupOperations: 0, operations: 12_000 },
    }),
    faults: [parsed.value],
    historyFile,
  });
  for (const { corrupt, notFound } of Object.values(perOperation)) {
    expect({ corrupt, notFound }).toEqual({ corrupt: 0, notFound: 0 });
  }
  expect(faults?.programsEnded).toBe(0);
  expect(
    faults?.faults.map(({ atNs }) => atNs),
    `${system}, seed ${seed}`,
  ).not.toContain(undefined);
  const history = readHistory(readFileSync(historyFile, 'utf8'), historyFile);
  expect(history.length).toBeGreaterThan(2000);
  for (const promise of historyPromises) {
    expect([promise, judge(history, promise)], `${system}, seed ${seed}`).toEqual([
      promise,
      { status: 'holds' },
    ]);
  }
}

test.each(['central', 'direct', 'clover'])(
  '%s loses nothing',
  { timeout: 3_600_000 },
  async (system) => {
    for (let seed = 1; seed <= kills; seed++) await survive(system, seed);
  },
);
