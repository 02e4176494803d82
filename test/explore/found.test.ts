import { test } from 'vitest';
import { system as clover } from '../../src/systems/clover/index.ts';
import { direct } from '../../src/systems/direct/index.ts';
import type { System } from '../../src/systems/system.ts';
import { expectMended, type Found } from '../support/found.ts';
import { scenario } from '../support/twin-scenarios.ts';

const settings = { handlers: 2 };
const twoServers = { ...settings, metadataServers: 2 };

const restarted = [{ kind: 'restart', count: 1 }] as const;
const cut = [{ kind: 'cut', count: 1 }] as const;
const crashed = [{ kind: 'crash', count: 1 }] as const;
const bounded = { timing: 'bounded' } as const;
const flushed = { ...bounded, settings, replicas: 2, durability: 'flush' } as const;
const comings = 'put get delete insert get/insert put get get/get delete insert put';

const found: readonly Found[] = [
  {
    what: 'a sweep that reads a slot in the middle of an insert does not free it',
    system: direct as System,
    scenario: scenario('delete delete insert/delete', {
      ...{ replicas: 3, memoryNodes: 3, spares: 1, keys: 2, recoverers: 2, seed: 317 },
      faults: restarted,
    }),
    scheduler: 'slow',
    schedules: 140,
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
    what: 'a recovery waits for verbs that its node has lost since, and finds what they took over',
    system: direct as System,
    scenario: scenario('put put insert delete/insert put delete', {
      ...{ ...bounded, memoryNodes: 1, spares: 2, recoverers: 2, seed: 437 },
      faults: [{ kind: 'cut', count: 2 }, ...crashed],
    }),
    scheduler: 'slow',
    schedules: 120,
  },
  {
    what: 'a run whose claim lands behind a recovery is found',
    system: direct as System,
    scenario: scenario('insert1 insert2 delete1/insert2 insert3 delete2/insert3 delete3 insert1', {
      ...{ ...bounded, keys: 4, memoryNodes: 1, recoverers: 2, seed: 12 },
      faults: [{ kind: 'cut', count: 2 }, ...crashed],
    }),
    schedules: 40,
  },
  {
    what: 'a repair goes by no redo that a power loss may take back',
    system: direct as System,
    scenario: scenario('delete insert/insert1 delete1', {
      ...{ ...bounded, durability: 'flush', replicas: 2, keys: 2, recoverers: 2, seed: 4 },
      faults: [{ kind: 'cut', count: 2 }, ...restarted],
    }),
    schedules: 40,
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
    what: 'a sweep does not begin between two attempts of a rebuild',
    system: clover as System,
    scenario: scenario('put get1 delete insert1/insert put1 get/delete1 get insert put', {
      ...{ timing: 'asynchronous', durability: 'flush', keys: 2, seed: 888 },
      ...{ memoryNodes: 3, replicas: 3 },
      settings: { ...settings, reuse: 'epochs', roundNs: 1700, loadBalance: 'load' },
      faults: [
        { kind: 'cut', count: 1, node: 'ms0', amid: 'writes' },
        { kind: 'crash', count: 1 },
        { kind: 'lose', count: 1 },
      ],
    }),
    schedules: 60,
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
    what: 'a link of several copies that a get has gone behind outlasts a loss of power',
    system: clover as System,
    scenario: scenario('put/get put get get', {
      ...{ ...flushed, settings: { handlers: 1 }, seed: 42 },
      faults: restarted,
    }),
    scheduler: 'pct',
    schedules: 200,
  },
];

test.each(found)('$what', expectMended);
