import { expect, test } from 'vitest';
import { system as central } from '../../src/systems/central/index.ts';
import { system as clover } from '../../src/systems/clover/index.ts';
import { direct } from '../../src/systems/direct/index.ts';
import type { System } from '../../src/systems/system.ts';
import { type Budgeted, scenario, searchFor } from '../support/twin-scenarios.ts';

const settings = { handlers: 2 };
const twoServers = { ...settings, metadataServers: 2 };

interface Found extends Budgeted {
  readonly system: System;
  readonly what: string;
  /** A rare state without which the schedules would show nothing. */
  readonly reaches?: string;
  /** What was counted before, in the same schedules. */
  readonly never?: string;
}

const lost = { kind: 'crash', count: 1, node: 'coordinator' } as const;
const lose = { kind: 'lose', count: 1 } as const;
const restarted = [{ kind: 'restart', count: 1 }] as const;
const cut = [{ kind: 'cut', count: 1 }] as const;
const bounded = { timing: 'bounded' } as const;
const flushed = { ...bounded, settings, replicas: 2, durability: 'flush' } as const;
const comings = 'put get delete insert get/insert put get get/get delete insert put';

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
  {
    what: 'a survivor that is told of a lost node later turns to the spare, too',
    system: direct as System,
    scenario: scenario('insert put/get put/put get', {
      ...{ replicas: 2, spares: 1 },
      faults: [
        { kind: 'lose', count: 1 },
        { kind: 'crash', count: 1 },
      ],
    }),
    schedules: 60,
  },
  {
    what: 'a copy on a memory node that starts anew is not left out where another is lost',
    system: direct as System,
    scenario: scenario('put get put/get put put', {
      ...{ replicas: 3, memoryNodes: 3, spares: 1, recoverers: 3 },
      faults: [{ kind: 'lose', count: 1 }, ...restarted],
    }),
    scheduler: 'pct',
    schedules: 600,
  },
  {
    what: 'two memory nodes that are lost at once are replaced one after the other',
    system: direct as System,
    scenario: scenario('put get put/get put/put get', {
      ...{ replicas: 3, memoryNodes: 3, spares: 2, recoverers: 3 },
      faults: [
        { kind: 'lose', count: 2 },
        { kind: 'crash', count: 1 },
      ],
    }),
    schedules: 60,
  },
  {
    what: 'an insert that meets a torn record lets a memory node be replaced',
    system: direct as System,
    scenario: scenario('insert get/put get/put', {
      ...{ replicas: 2, spares: 1, recoverers: 2 },
      faults: [
        { kind: 'lose', count: 1 },
        { kind: 'crash', count: 1 },
      ],
    }),
    schedules: 560,
  },
  {
    what: 'a run that is claimed while its node sweeps is carved by its claimer alone',
    system: direct as System,
    scenario: scenario('insert1 insert2/insert1 insert2/get', {
      ...{ keys: 3, replicas: 2, recoverers: 2 },
      faults: [{ kind: 'crash', count: 1 }],
    }),
    scheduler: 'pct',
    schedules: 70,
  },
  {
    what: 'a torn record in a free slot holds up nobody who has cached its earlier life',
    system: direct as System,
    scenario: scenario('put delete insert/get', { ...bounded, replicas: 2, faults: cut }),
    scheduler: 'pct',
    schedules: 850,
  },
  {
    what: 'locks and slots that a node lost by cuts are found though it writes no more',
    system: direct as System,
    scenario: scenario(comings, { ...bounded, replicas: 2, faults: [{ kind: 'cut', count: 2 }] }),
    scheduler: 'pct',
    schedules: 160,
  },
  {
    what: 'a chain that ends while a memory node is made whole is freed once',
    system: clover as System,
    scenario: scenario('delete/insert', { ...bounded, settings, faults: restarted }),
    scheduler: 'slow',
    schedules: 30,
  },
  {
    what: 'an opening that failed is undone in the tables that it was made in',
    system: clover as System,
    scenario: scenario('delete insert/insert put', { ...bounded, settings, faults: restarted }),
    scheduler: 'slow',
    schedules: 90,
  },
  {
    what: 'buffers of an insert that was refused stay with their node',
    system: clover as System,
    scenario: scenario(comings, { ...flushed, faults: restarted }),
    scheduler: 'slow',
    schedules: 20,
  },
  {
    what: 'a node with a verb in doubt does not hold up for ever what a lost memory node calls for',
    system: clover as System,
    scenario: scenario('put/get put', {
      ...{ ...bounded, settings, replicas: 2, spares: 1 },
      faults: [{ kind: 'lose', count: 1 }, ...cut],
    }),
    scheduler: 'slow',
    schedules: 60,
  },
  {
    what: 'a server that takes over hears of a compute node that was lost while nobody served',
    system: clover as System,
    scenario: scenario('put get put get/get put get put/put get get put', {
      ...{ ...bounded, settings, replicas: 2, spares: 1, standbys: 1 },
      faults: [
        { kind: 'lose', count: 1 },
        { kind: 'crash', count: 1 },
        { kind: 'crash', count: 1, node: 'ms0' },
      ],
    }),
    schedules: 40,
  },
  {
    what: 'a sweep does not wait for a chain that waits for a lost memory node',
    system: clover as System,
    scenario: scenario(comings, {
      ...{ ...bounded, settings, replicas: 2, memoryNodes: 3, spares: 1 },
      faults: [{ kind: 'lose', count: 1 }, { kind: 'crash', count: 1 }, ...cut],
    }),
    scheduler: 'slow',
    schedules: 90,
  },
  {
    what: 'a put that commits to a memory node which is lost meanwhile gets its copy anew',
    system: central as System,
    scenario: scenario('put put/get put', {
      ...{ settings, replicas: 2, spares: 1, standbys: 1 },
      faults: [{ kind: 'lose', count: 1 }],
    }),
    scheduler: 'pct',
    schedules: 140,
  },
  {
    what: 'a server that meets a second lost memory node has not rebuilt its share',
    system: clover as System,
    scenario: scenario('put get1/get put1', {
      ...{ ...bounded, settings: twoServers, seed: 2 },
      ...{ keys: 2, replicas: 3, memoryNodes: 3 },
      faults: [{ kind: 'lose', count: 2 }],
    }),
    scheduler: 'slow',
    schedules: 60,
  },
  {
    what: 'what is heard during a rebuild takes no address from a copy that was read',
    system: clover as System,
    scenario: scenario('put get1/get put1', {
      ...{ ...bounded, settings: twoServers, seed: 3 },
      ...{ keys: 2, replicas: 3, memoryNodes: 3 },
      faults: [{ kind: 'lose', count: 2 }],
    }),
    scheduler: 'pct',
    schedules: 60,
  },
  {
    what: 'a node that has been given up asks no lost server',
    system: clover as System,
    scenario: scenario('put get/put get', {
      ...{ ...bounded, settings, seed: 2, memoryNodes: 2, standbys: 1, durability: 'flush' },
      faults: [...restarted, { kind: 'crash', count: 1, node: 'ms0' }],
    }),
    scheduler: 'slow',
    schedules: 60,
  },
  {
    what: 'who waited for a rebuild that failed does it',
    system: clover as System,
    scenario: scenario('put get put/get put/put get', {
      ...{ ...bounded, settings, seed: 2, replicas: 2, memoryNodes: 3 },
      faults: [
        { kind: 'restart', count: 2 },
        { kind: 'crash', count: 1 },
      ],
    }),
    scheduler: 'pct',
    schedules: 60,
  },
  {
    what: 'a server that starts anew serves no call from before',
    system: clover as System,
    scenario: scenario('put put/get put', {
      ...{ ...bounded, settings, seed: 621, replicas: 2, memoryNodes: 3 },
      faults: [{ kind: 'crash', count: 1, node: 'ms0' }],
    }),
    schedules: 60,
  },
  {
    what: 'a sweep of which a verb is lost begins again',
    system: clover as System,
    scenario: scenario('put put/get put', {
      ...{ ...flushed, seed: 375 },
      faults: [
        { kind: 'cut', count: 1, node: 'ms0' },
        { kind: 'crash', count: 1 },
      ],
    }),
    scheduler: 'pct',
    schedules: 60,
  },
  {
    what: 'a successor clears the shortcut of an insert that it cannot know of',
    system: clover as System,
    scenario: scenario('put delete get/insert put/get delete', {
      ...{ ...bounded, seed: 367, replicas: 2, standbys: 2 },
      settings: { ...settings, retireBatch: 1, buffersPerRequest: 1, loadBalance: 'load' },
      faults: [{ kind: 'crash', count: 1, node: 'ms0' }],
    }),
    scheduler: 'slow',
    schedules: 60,
  },
  {
    what: 'a place that was meant for another bucket has no shortcuts of it',
    system: clover as System,
    scenario: scenario('put put/get put', {
      ...{ ...bounded, settings: twoServers, seed: 961 },
      ...{ replicas: 3, memoryNodes: 3, standbys: 2 },
      faults: [
        { kind: 'lose', count: 2 },
        { kind: 'crash', count: 1, node: 'ms0' },
      ],
    }),
    schedules: 60,
  },
  {
    what: 'an older record is kept until the newest one stands on as many memory nodes as it did',
    system: central as System,
    scenario: scenario('put put/get put', {
      ...{ settings, replicas: 2, spares: 1, standbys: 1 },
      faults: [{ kind: 'lose', count: 1 }, lost],
    }),
    scheduler: 'pct',
    schedules: 400,
    reaches: 'choicesRevised',
  },
  {
    what: 'a put that is written once more does not wait for buffers that it has left itself',
    system: central as System,
    scenario: scenario('put put/get put', {
      ...{ settings, replicas: 2, standbys: 1 },
      faults: [lose, lost],
    }),
    scheduler: 'pct',
    schedules: 100,
  },
  {
    what: 'a copy that could not be made since queue pairs broke is made later',
    system: central as System,
    scenario: scenario('put put/get put', {
      ...{ settings, replicas: 2, memoryNodes: 3, spares: 2, standbys: 2, durability: 'flush' },
      faults: [lose, { ...lost, kind: 'cut' }, lost],
    }),
    scheduler: 'pct',
    schedules: 120,
  },
  {
    what: 'a delete that waits for a verb in doubt leaves a store that adds up',
    system: central as System,
    scenario: scenario('delete get/put', {
      ...{ settings, replicas: 2 },
      faults: [{ ...lost, kind: 'cut' }],
    }),
    schedules: 40,
  },
  {
    what: 'a delete of a key ends though a WRITE of a record of it is in doubt',
    system: central as System,
    scenario: scenario('put put/delete get', {
      ...{ settings, replicas: 2 },
      faults: [{ ...lost, kind: 'cut' }],
    }),
    schedules: 60,
    reaches: 'buffersVoided',
    never: 'callsAbandoned',
  },
  {
    what: 'a buffer that was listed as void is used again, and its record counts',
    system: central as System,
    scenario: scenario('put insert put/delete put get', {
      ...{ settings, replicas: 2, standbys: 1, memoryNodes: 3, durability: 'flush' },
      faults: [{ ...lost, kind: 'cut', count: 2 }, ...restarted, lost],
    }),
    schedules: 400,
    reaches: 'buffersVoided',
  },
  {
    what: 'a spare that was lost before its turn came is not waited for',
    system: central as System,
    scenario: scenario('put get/put', {
      ...{ settings, replicas: 3, memoryNodes: 3, spares: 1, durability: 'flush' },
      faults: [{ ...lose, count: 2 }],
    }),
    schedules: 20,
  },
  {
    what: 'who takes over goes on where the newest term is lost with its memory node',
    system: central as System,
    scenario: scenario('put put/get put', {
      ...{ settings, replicas: 2, seed: 2 },
      faults: [lose, { ...lost, kind: 'restart' }, lost],
    }),
    scheduler: 'pct',
    schedules: 120,
  },
  {
    what: 'two copies that are made anew at once do not come to lie on one memory node',
    system: central as System,
    scenario: scenario('put put/get put', {
      ...{ settings, replicas: 3, memoryNodes: 3, spares: 2 },
      faults: [{ ...lose, count: 2 }],
    }),
    scheduler: 'pct',
    schedules: 100,
  },
  {
    what: 'no buffer is taken on a spare that is lost while it joins',
    system: central as System,
    scenario: scenario('put put/get put', {
      ...{ settings, replicas: 3, memoryNodes: 3, spares: 2 },
      faults: [{ ...lose, count: 2 }],
    }),
    schedules: 40,
  },
];

test.each(found)('$what', (one) => {
  const { failure, schedules, events } = searchFor(one.system, one);
  expect(failure?.judgement).toBeUndefined();
  if (one.reaches !== undefined) expect(events[one.reaches]).toBeGreaterThan(0);
  if (one.never !== undefined) expect(events[one.never]).toBe(0);
  expect(schedules).toBe(one.schedules);
});
