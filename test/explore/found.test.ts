import { expect, test } from 'vitest';
import type { Scenario } from '../../src/lab/check/scenario.ts';
import { system as central } from '../../src/systems/central/index.ts';
import type { System } from '../../src/systems/system.ts';
import { scenario, searchFor } from '../support/twin-scenarios.ts';

const settings = { handlers: 2 };

/** What the check has found once, in a system or in the world around it, stays found. */
const found: readonly (readonly [string, System, Scenario, number])[] = [
  [
    'a call that is refused by the old start of a server leaves no hole in its ring',
    central as System,
    scenario('insert insert/get put/get put', {
      settings,
      faults: [{ kind: 'crash', count: 1, node: 'coordinator' }],
    }),
    60,
  ],
  [
    'a get that looks again and again lets the watch of its memory node wake, too',
    central as System,
    scenario('insert insert/get put', {
      settings,
      durability: 'flush',
      faults: [{ kind: 'restart', count: 1 }],
    }),
    60,
  ],
];

test.each(found)('%s', (_, system, chosen, schedules) => {
  const { failure, schedules: run } = searchFor(system, { scenario: chosen, schedules });
  expect(failure?.judgement).toBeUndefined();
  expect(run).toBe(schedules);
});
