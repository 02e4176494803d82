import { expect, test } from 'vitest';
import { system as central } from '../../src/systems/central/index.ts';
import { direct } from '../../src/systems/direct/index.ts';
import type { System } from '../../src/systems/system.ts';
import { type Budgeted, scenario, searchFor } from '../support/twin-scenarios.ts';

const settings = { handlers: 2 };

interface Found extends Budgeted {
  readonly system: System;
  readonly what: string;
}

const lost = { kind: 'crash', count: 1, node: 'coordinator' } as const;
const restarted = [{ kind: 'restart', count: 1 }] as const;

/** What the check has found once, in a system or in the world around it, stays found. */
const found: readonly Found[] = [
  {
    what: 'a call that the old start of a server refuses leaves no hole in its ring',
    system: central as System,
    scenario: scenario('insert insert/get put/get put', { settings, faults: [lost] }),
    schedules: 60,
  },
  {
    what: 'a get that looks again and again lets the watch of its memory node wake, too',
    system: central as System,
    scenario: scenario('insert insert/get put', {
      settings,
      durability: 'flush',
      faults: restarted,
    }),
    schedules: 60,
  },
  {
    what: 'a server goes on though the ring of a lost caller is full',
    system: central as System,
    scenario: scenario('insert insert put/get put insert/get put get', {
      settings,
      standbys: 1,
      faults: [{ kind: 'crash', count: 1 }, lost],
    }),
    schedules: 950,
  },
  {
    what: 'a standby is told of a memory node that was lost before',
    system: central as System,
    scenario: scenario('insert put/get put', {
      settings,
      ...{ standbys: 1, spares: 1, replicas: 2 },
      faults: [{ kind: 'lose', count: 1 }, lost],
    }),
    schedules: 100,
  },
  {
    what: 'a CAS that lands between the look and the fence makes nobody stand down',
    system: central as System,
    scenario: scenario('put/delete get get', {
      settings,
      ...{ memoryNodes: 1, standbys: 1 },
      faults: [{ kind: 'restart', count: 1, node: 'coordinator' }, lost],
    }),
    schedules: 60,
  },
  {
    what: 'a full ring gets its credits though others were being paid',
    system: central as System,
    scenario: scenario('put/get get', { settings, memoryNodes: 1, standbys: 1, faults: [lost] }),
    scheduler: 'pct',
    schedules: 60,
  },
  {
    what: 'who waits for a program of its node to end sees that it has',
    system: direct as System,
    scenario: scenario('insert insert/get put', {
      ...{ replicas: 2, spares: 1 },
      faults: [{ kind: 'lose', count: 1 }],
    }),
    schedules: 260,
  },
];

test.each(found)('$what', (one) => {
  const { failure, schedules } = searchFor(one.system, one);
  expect(failure?.judgement).toBeUndefined();
  expect(schedules).toBe(one.schedules);
});
