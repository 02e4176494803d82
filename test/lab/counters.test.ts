import { expect, test } from 'vitest';
import { runOne } from '../../src/lab/run.ts';
import { builtInSystems } from '../../src/systems/index.ts';
import { smallSpec } from '../support/specs.ts';

test.each([...builtInSystems.values()])('each counter of $name has its words', async (system) => {
  const { events } = await runOne(smallSpec({ system: system.name }));
  const counted = Object.keys(events).filter((name) => !name.endsWith('Ns'));
  expect(counted.sort()).toEqual(Object.keys(system.counters ?? {}).sort());
});
