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
const crash = [{ kind: 'crash', count: 1 }] as const;
/** Of the coordinator: a standby takes over, or the same node, or first the one and then the other. */
const coordinatorLost = [{ kind: 'crash', count: 1, node: 'coordinator' }] as const;
const again = { settings: { handlers }, memoryNodes: 1, faults: coordinatorLost };
const standby = { ...again, standbys: 1 };
const againThenStandby = {
  ...standby,
  faults: [{ kind: 'restart', count: 1, node: 'coordinator' }, ...coordinatorLost],
} as const;
const twoCopies = { replicas: 2, faults: crash };
const cn0Lost = { replicas: 2, faults: [{ kind: 'crash', count: 1, node: 'cn0' }] } as const;
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
      'lock-any-life': {
        scenario: scenario('put get1/delete1 delete insert1 get1', { keys: 2, memoryNodes: 1 }),
        scheduler: 'pct',
        schedules: 20,
        // The slot has a record of the key that left it: who comes for the other one looks for ever.
        names: 'progress',
      },
      'no-bucket-lock': {
        scenario: scenario('delete insert/insert insert/delete1 delete2', {
          keys: 4,
          memoryNodes: 1,
        }),
        schedules: 40,
        names: 'own invariants',
      },
      'no-redo': {
        scenario: scenario('put get/put get', twoCopies),
        scheduler: 'pct',
        schedules: 150,
        names: 'own invariants',
      },
      'recovery-unfenced': {
        scenario: scenario('put get/put get', twoCopies),
        scheduler: 'pct',
        schedules: 150,
        names: 'own invariants',
      },
      'recovery-always-undoes': {
        scenario: scenario('put get/put get', twoCopies),
        scheduler: 'pct',
        schedules: 150,
        names: 'own invariants',
      },
      'recovery-trusts-redo': {
        scenario: scenario('put put put/get get', cn0Lost),
        schedules: 1000,
        names: 'read committed',
      },
      'recovery-takes-by-write': {
        scenario: scenario('put put/put put/get put', { ...cn0Lost, recoverers: 2 }),
        scheduler: 'pct',
        schedules: 600,
        names: 'own invariants',
      },
      'sweep-before-lost-verbs': {
        scenario: scenario('insert1 delete1 insert1/insert1 delete1 insert1', {
          ...{ timing: 'bounded', keys: 2, memoryNodes: 1, recoverers: 2 },
          // The survivor's sweep is cut off, and its recovery of the other node sweeps anew.
          faults: [
            { kind: 'cut', count: 1, node: 'cn0' },
            { kind: 'cut', count: 1, node: 'cn1' },
            { kind: 'crash', count: 1, node: 'cn1' },
          ],
          // About one schedule in some thousands shows it, whatever is aimed at; of this seed, an early one.
          seed: 4,
        }),
        scheduler: 'slow',
        schedules: 900,
        names: 'conservation of space',
      },
    },
    gaps: [],
  },
  central: {
    system: central as System,
    twins: centralTwins,
    shown: {
      'read without lock or check': {
        scenario: scenario(mixed, { settings: { handlers } }),
        schedules: 100,
        names: 'read committed',
      },
      'free before invalid': {
        scenario: scenario(mixed, { settings: { handlers } }),
        schedules: 40,
        names: 'read committed',
      },
      'call served twice': {
        // Who has a standby to ask comes back to who is still at it.
        scenario: scenario(mixed, { settings: { handlers }, standbys: 1 }),
        schedules: 40,
        names: 'linearizable',
      },
      'no flush of records': {
        scenario: scenario('put get/put get', { ...powerLost, settings: { handlers } }),
        schedules: 10,
        names: 'read committed',
      },
      'CAS without version': {
        scenario: scenario('put/put get get', standby),
        scheduler: 'pct',
        schedules: 40,
        names: 'own invariants',
      },
      'delete without waiting': {
        scenario: scenario('put/delete get get', standby),
        schedules: 40,
        names: 'linearizable',
      },
      'void buffers not listed': {
        scenario: scenario('put put/delete get', {
          ...{ settings: { handlers }, memoryNodes: 1 },
          faults: [{ kind: 'cut', count: 1, node: 'coordinator', amid: 'writes' }],
        }),
        scheduler: 'pct',
        schedules: 200,
        names: 'own invariants',
      },
      'newest record gone first': {
        scenario: scenario('put delete/get', standby),
        scheduler: 'pct',
        schedules: 100,
        names: 'data reliability',
      },
      'no before it is true': {
        scenario: scenario('put/delete get get', standby),
        schedules: 40,
        names: 'read committed',
      },
      'inserts that do not take turns': {
        scenario: scenario('delete insert/delete insert', standby),
        schedules: 200,
        names: 'linearizable',
      },
      'flip without persist': {
        scenario: scenario('put get/put get', { ...again, durability: 'flush' }),
        schedules: 60,
        names: 'data reliability',
      },
      'call served by two coordinators': {
        scenario: scenario('put/get put get get', again),
        scheduler: 'pct',
        schedules: 40,
        names: 'linearizable',
      },
      'take-over without fence': {
        scenario: scenario('put put put/put put put', standby),
        scheduler: 'pct',
        schedules: 2000,
        names: 'own invariants',
      },
      'torn records trusted': {
        scenario: scenario('put put put/put put put', { ...standby, valueWords: 8 }),
        scheduler: 'pct',
        schedules: 1600,
        names: 'own invariants',
      },
      'unmapped records left': {
        scenario: scenario('put/delete get get', againThenStandby),
        scheduler: 'pct',
        schedules: 200,
        names: 'own invariants',
      },
      'older records gone before the newest is safe': {
        scenario: scenario('put put/get', {
          ...{ settings: { handlers }, replicas: 2, spares: 1, standbys: 1 },
          faults: [{ kind: 'lose', count: 1 }, ...coordinatorLost],
        }),
        scheduler: 'pct',
        schedules: 400,
        names: 'data reliability',
      },
    },
    gaps: [],
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
      const key = JSON.stringify([how.scenario, how.scheduler]);
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
