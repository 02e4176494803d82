import { expect, test } from 'vitest';
import type { Scenario } from '../../src/lab/check/scenario.ts';
import { system as clover } from '../../src/systems/clover/index.ts';
import type { System } from '../../src/systems/system.ts';
import { type Budgeted, scenario, searchFor } from '../support/twin-scenarios.ts';

const crash = { kind: 'crash', count: 1 } as const;
const lose = { kind: 'lose', count: 1 } as const;
const cut = { kind: 'cut', count: 1 } as const;
const two = 'put get/get put';
const three = 'put put/get put/put get';
const byTime = { timing: 'bounded', settings: { handlers: 2 } } as const;
const byConsent = {
  timing: 'asynchronous',
  settings: { handlers: 2, reuse: 'epochs', roundNs: 1000 },
} as const;

/** Each of these has once ended with a violation, or with clients that waited for ever. */
const once: readonly (readonly [string, Partial<Scenario>, string])[] = [
  ['a compute node crashes', { ...byTime, faults: [crash] }, three],
  [
    'a memory node is lost, with a spare',
    { ...byTime, faults: [lose], replicas: 2, spares: 1 },
    two,
  ],
  ['a memory node is lost, without a spare', { ...byTime, faults: [lose], replicas: 2 }, two],
  [
    'any two of three memory nodes are lost, without a spare',
    { ...byTime, faults: [{ ...lose, count: 2 }], replicas: 3, memoryNodes: 3 },
    two,
  ],
  [
    'a memory node restarts',
    { ...byTime, faults: [{ kind: 'restart', count: 1 }], durability: 'flush' },
    two,
  ],
  [
    'the metadata server and a memory node are lost',
    { ...byTime, faults: [{ ...crash, node: 'ms0' }, lose], replicas: 2, standbys: 1 },
    two,
  ],
  [
    'a compute node crashes while keys come and go',
    { ...byTime, faults: [crash] },
    'put get delete insert get/insert put get get/get delete insert put',
  ],
  ['verbs of a node that lives are left in doubt', { ...byTime, faults: [cut] }, two],
  [
    'the same with several copies, which its puts hold',
    { ...byTime, faults: [cut], replicas: 2 },
    two,
  ],
  [
    'the same, any verb late, while keys come and go',
    { ...byConsent, faults: [cut], replicas: 2 },
    'put get delete/insert put get',
  ],
  [
    'a memory node restarts, and verbs of a node that lives are left in doubt before or behind that',
    {
      ...byConsent,
      faults: [{ kind: 'restart', count: 1 }, cut],
      replicas: 2,
      durability: 'flush',
    },
    two,
  ],
  ['a compute node crashes, any verb late', { ...byConsent, faults: [crash] }, three],
  [
    'a compute and a memory node are lost, any verb late',
    { ...byConsent, faults: [crash, lose], replicas: 2 },
    two,
  ],
  [
    'a server that ends its take-over with as long a sleep as the one behind it',
    { ...byConsent, ...{ timing: 'bounded', standbys: 1 }, faults: [{ ...crash, node: 'ms0' }] },
    two,
  ],
  [
    'the same server, started anew',
    { ...byConsent, timing: 'bounded', faults: [{ kind: 'restart', count: 1, node: 'ms0' }] },
    two,
  ],
];

test.each(once)('%s: all promises kept, and nobody waits for ever', (_, how, script) => {
  for (const scheduler of ['random', 'slow'] as const) {
    const budgeted: Budgeted = { scenario: scenario(script, how), scheduler, schedules: 60 };
    const { failure, schedules } = searchFor(clover as System, budgeted);
    expect(failure?.judgement).toBeUndefined();
    expect(schedules).toBe(60);
  }
});

const readers = { settings: { handlers: 2, loadBalance: 'load' }, replicas: 2 } as const;

/** Found by one search, in as many schedules as are given here, half of them for room. */
const found: readonly (readonly [string, Budgeted])[] = [
  [
    'a WRITE of a shortcut in doubt lands when the insert has been given up, and deceives nobody',
    {
      scenario: scenario('put get delete insert/insert put get/delete get insert put', {
        settings: { handlers: 2, reuse: 'epochs' },
        ...{ replicas: 3, memoryNodes: 3, faults: [{ ...cut, node: 'ms0' }] },
      }),
      scheduler: 'pct',
      schedules: 200,
    },
  ],
  [
    'readers of any copy see a put of unknown outcome when the primary copy does',
    {
      scenario: scenario('put get1 delete insert1/insert put1 get/delete1 get insert put', {
        ...{ timing: 'bounded', durability: 'flush', keys: 2, memoryNodes: 3, seed: 628 },
        ...{ ...readers, settings: { ...readers.settings, metadataServers: 2 } },
        faults: [{ ...cut, count: 2 }],
      }),
      scheduler: 'pct',
      schedules: 260,
    },
  ],
];

test.each(found)('%s', (_, budgeted) => {
  const { failure, schedules } = searchFor(clover as System, budgeted);
  expect(failure?.judgement).toBeUndefined();
  expect(schedules).toBe(budgeted.schedules);
});
