import { describe, expect, test } from 'vitest';
import { system as central } from '../../src/systems/central/index.ts';
import { system as clover } from '../../src/systems/clover/index.ts';
import { direct } from '../../src/systems/direct/index.ts';
import type { System } from '../../src/systems/system.ts';
import { cloverShown } from '../support/clover-shown.ts';
import { type Shown, scenario, searchFor } from '../support/twin-scenarios.ts';
import { centralTwins } from '../twins/central/twins.ts';
import { cloverTwins } from '../twins/clover/twins.ts';
import { directTwins } from '../twins/direct/twins.ts';

interface Family {
  readonly system: System;
  readonly twins: readonly { readonly name: string; readonly system: unknown }[];
  readonly shown: Readonly<Record<string, Shown>>;
  /** Twins that no scenario of `farside check` has shown yet; each is found by its system's own test. */
  readonly gaps: readonly string[];
}

const handlers = 2;
const powerLost = { durability: 'flush', faults: [{ kind: 'restart', count: 1 }] } as const;
const mixed = 'put get/put get/get put';

const families: Readonly<Record<string, Family>> = {
  direct: {
    system: direct as System,
    twins: directTwins,
    shown: {
      'no-checksum': { scenario: scenario(mixed), schedules: 20, names: 'read committed' },
      'unlock-first': {
        scenario: scenario('delete insert1 get1/put get/insert put1 get', { keys: 2 }),
        schedules: 20,
        names: 'atomic write',
      },
      'copies-forgotten': {
        scenario: scenario('put put/put put/get get', { replicas: 2 }),
        schedules: 20,
        names: 'own invariants',
      },
      'redo-unflushed': {
        scenario: scenario('put get/put get', { ...powerLost, memoryNodes: 1 }),
        schedules: 20,
        // The slot's lock survives and its redo does not, so that nobody can ever settle it.
        names: 'progress',
      },
    },
    gaps: [
      'lock-any-life',
      'no-bucket-lock',
      'no-redo',
      'recovery-unfenced',
      'recovery-trusts-redo',
      'recovery-always-undoes',
      'recovery-takes-by-write',
    ],
  },
  central: {
    system: central as System,
    twins: centralTwins,
    shown: {
      'read without lock or check': {
        scenario: scenario(mixed, { settings: { handlers } }),
        schedules: 40,
        names: 'read committed',
      },
      'free before invalid': {
        scenario: scenario(mixed, { settings: { handlers } }),
        schedules: 40,
        names: 'read committed',
      },
      'call served twice': {
        scenario: scenario(mixed, { settings: { handlers } }),
        schedules: 40,
        names: 'linearizable',
      },
      'no flush of records': {
        scenario: scenario('put get/put get', { ...powerLost, settings: { handlers } }),
        schedules: 10,
        names: 'read committed',
      },
    },
    gaps: [
      'CAS without version',
      'delete without waiting',
      'no before it is true',
      'inserts that do not take turns',
      'flip without persist',
      'call served by two coordinators',
      'take-over without fence',
      'torn records trusted',
      'unmapped records left',
    ],
  },
  clover: {
    system: clover as System,
    twins: cloverTwins,
    shown: cloverShown,
    gaps: [],
  },
};

describe.each(Object.entries(families))('%s', (_, { system, twins, shown, gaps }) => {
  test.each(Object.entries(shown))(
    '%s is found in its budget, and names a promise',
    (name, how) => {
      const twin = twins.find((one) => one.name === name);
      const { failure } = searchFor(twin?.system as System, how);
      expect(failure?.judgement).toMatchObject({ promise: how.names });
    },
  );

  test('itself is clean in the same scenarios and budgets', () => {
    const budgets = new Map<string, Shown>();
    for (const how of Object.values(shown)) {
      const key = JSON.stringify(how.scenario);
      if ((budgets.get(key)?.schedules ?? 0) < how.schedules) budgets.set(key, how);
    }
    for (const how of budgets.values()) {
      const { failure, schedules } = searchFor(system, how);
      expect(failure).toBeUndefined();
      expect(schedules).toBe(how.schedules);
    }
  });

  test('every twin is either shown or named as a gap', () => {
    const listed = [...Object.keys(shown), ...gaps].sort();
    expect(listed).toEqual(twins.map(({ name }) => name).sort());
  });
});
