import { describe, expect, test } from 'vitest';
import type { Durability } from '../../src/core/context.ts';
import type { FarsideError } from '../../src/core/errors.ts';
import { type FabricUnderTest, fabrics } from './fabrics.ts';
import { clusterOf, type Results, type Scenario } from './scenario.ts';
import { scenarios } from './scenarios/index.ts';

/**
 * What every fabric must do alike: one suite, unchanged against each of them. To add a scenario,
 * write it under `scenarios/`; to add a fabric, write its adapter in `fabrics.ts`.
 */
const module = new URL('./job.js', import.meta.url).href;

async function run(
  fabric: FabricUnderTest,
  scenario: Scenario,
  durability: Durability,
): Promise<Results> {
  const map = clusterOf(scenario);
  const cluster = fabric.open(map, { seed: 7, durability });
  const job = { module, name: 'conformance', dataOf: () => scenario.name };
  const results = await cluster.run(job);
  return Object.fromEntries(
    [...results].map(([node, values]) => [map.node(node).name, values as unknown[]]),
  );
}

async function errorOf(work: Promise<unknown>): Promise<FarsideError> {
  return work.then(
    () => expect.fail('the run should have ended with an error'),
    (error: FarsideError) => error,
  );
}

for (const fabric of fabrics) {
  for (const durability of fabric.durabilities) {
    const { absent } = fabric;
    const reason = absent === undefined ? '' : ` (${absent})`;
    describe.skipIf(absent !== undefined)(
      `${fabric.name}, durability ${durability}${reason}`,
      () => {
        test.each(scenarios)('$name', async (scenario) => {
          if (scenario.fails === undefined) {
            scenario.verify(await run(fabric, scenario, durability), expect);
            return;
          }
          const error = await errorOf(run(fabric, scenario, durability));
          expect([error.code, error.message]).toEqual([
            scenario.fails.code,
            expect.stringMatching(scenario.fails.message),
          ]);
        });
      },
    );
  }
}

describe.each(fabrics.filter(({ deterministic }) => deterministic))('$name', (fabric) => {
  test('equal seeds give equal results, run after run', async () => {
    for (const scenario of scenarios) {
      if (scenario.fails !== undefined) continue;
      const first = await run(fabric, scenario, 'assumed');
      expect(await run(fabric, scenario, 'assumed')).toEqual(first);
    }
  });
});
