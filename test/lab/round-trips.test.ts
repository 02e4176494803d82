import { describe, expect, test } from 'vitest';
import { runOne } from '../../src/lab/run.ts';
import { smallSpec } from '../support/specs.ts';

/** Uncontended, caches warm: Table 1 of the paper, and what a second copy adds. */
const table = [
  { system: 'direct', replicas: 1, read: 1, update: 4 },
  { system: 'direct', replicas: 2, read: 1, update: 4 },
  { system: 'central', replicas: 1, read: 2, update: 2 },
  { system: 'central', replicas: 2, read: 2, update: 2 },
  { system: 'clover', replicas: 1, read: 1, update: 2 },
  { system: 'clover', replicas: 2, read: 1, update: 3 },
] as const;

const rows = table.flatMap((row) =>
  (['assumed', 'flush'] as const).map((durability) => ({ ...row, durability })),
);

// FLUSHes travel in the doorbell of what they make durable: more verbs, and no round trip more.
describe.each(rows)('$system, $replicas copies, $durability', (row) => {
  test(`a read is ${row.read} and an update ${row.update} round trips, every one`, async () => {
    const { system, durability, replicas } = row;
    const spec = smallSpec({ system, durability, cluster: { replicas } });
    const { perOperation } = await runOne(spec);
    for (const kind of ['read', 'update'] as const) {
      const { roundTrips, roundTripCounts, count, failed, notFound } = perOperation[kind]!;
      const expected = row[kind];
      expect({ kind, ...roundTrips }).toEqual({
        kind,
        mean: expected,
        min: expected,
        max: expected,
      });
      expect(roundTripCounts[expected]).toBe(count);
      expect({ failed, notFound }).toEqual({ failed: 0, notFound: 0 });
    }
  });
});

test.each(['direct', 'central', 'clover'])('%s flushes what it acknowledges', async (system) => {
  const verbs = async (durability: 'assumed' | 'flush'): Promise<number> => {
    const { perOperation } = await runOne(smallSpec({ system, durability }));
    return perOperation.update!.verbs;
  };
  expect(await verbs('flush')).toBeGreaterThan(await verbs('assumed'));
});

test('an operation that reads and writes back counts both', async () => {
  const { perOperation } = await runOne(smallSpec({ workload: { file: 'f' } }));
  expect(perOperation.readmodifywrite!.roundTrips).toEqual({ mean: 5, min: 5, max: 5 });
  expect(perOperation.readmodifywrite!.bytesIn).toBeGreaterThan(perOperation.read!.bytesIn);
});
