import { test } from 'vitest';
import { system as central } from '../../src/systems/central/index.ts';
import type { System } from '../../src/systems/system.ts';
import { expectMended, type Found } from '../support/found.ts';
import { scenario } from '../support/twin-scenarios.ts';

const settings = { handlers: 2 };
const lost = { kind: 'crash', count: 1, node: 'coordinator' } as const;
const lose = { kind: 'lose', count: 1 } as const;
const restarted = [{ kind: 'restart', count: 1 }] as const;

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

test.each(found)('$what', expectMended);
