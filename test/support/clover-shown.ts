import { type Shown, scenario } from './twin-scenarios.ts';

const handlers = 2;
const bounded = { timing: 'bounded', settings: { handlers } } as const;
/** Reuse by consent, whose promises need no time: a verb may be late by any amount. */
const late = { timing: 'asynchronous', settings: { handlers, reuse: 'epochs' } } as const;
const crash = [{ kind: 'crash', count: 1 }] as const;
const powerLost = [{ kind: 'restart', count: 1 }] as const;
/** Few buffers, each used again as soon as may be. */
const scarce = { handlers, retireBatch: 1, buffersPerRequest: 4 };
/** One buffer at a time, on one node: the second put after the one that supersedes a buffer has it. */
const scarcest = {
  handlers: 1,
  retireBatch: 1,
  buffersPerRequest: 1,
  requestBuffers: 'when-empty',
} as const;
const together = { computeNodes: 1, memoryNodes: 1, valueWords: 4 } as const;
const reads = 'get get get get get get get get get get';
const sixReads = 'get get get get get get';
const mixed = 'put get/put get/get put';

/** How `farside check` shows what is wrong with each of Clover's twins. */
export const cloverShown: Readonly<Record<string, Shown>> = {
  'blind link': {
    scenario: scenario('put put get/put get get/get put get', {
      ...bounded,
      memoryNodes: 1,
      settings: scarce,
    }),
    schedules: 20,
    names: 'linearizable',
  },
  'acknowledge early': {
    scenario: scenario(mixed, bounded),
    schedules: 20,
    names: 'linearizable',
  },
  // The CAS goes to another memory node than the WRITE, which is caught between its words by a reader.
  'link before data': {
    scenario: scenario(`put put put/${reads}/${reads}`, { ...late, valueWords: 8 }),
    schedules: 400,
    names: 'read committed',
  },
  // A memory node is lost with the only copy that linked what readers have seen.
  'one header round': {
    scenario: scenario(`put put put/${sixReads}/${sixReads}`, {
      timing: 'bounded',
      settings: { handlers: 1 },
      replicas: 2,
      spares: 1,
      faults: [
        { kind: 'crash', count: 1, node: 'cn0' },
        { kind: 'lose', count: 1 },
      ],
    }),
    scheduler: 'pct',
    schedules: 1500,
    names: 'linearizable',
  },
  'no flush': {
    scenario: scenario('put get/put get', {
      ...bounded,
      durability: 'flush',
      faults: powerLost,
      // Those of seed 1 lose the chain itself first, and somebody looks for it for ever.
      seed: 2,
    }),
    schedules: 20,
    names: 'data reliability',
  },
  // A READ has its header and half of its value, and is late: the other half is of the buffer's next life.
  'no rest': {
    scenario: scenario(`put put put put put put/${reads}/${reads}`, {
      ...together,
      timing: 'bounded',
      settings: scarcest,
    }),
    scheduler: 'slow',
    schedules: 60,
    names: 'read committed',
  },
  'no consent': {
    scenario: scenario(`put put put put put put/${reads}/${reads}`, {
      ...together,
      timing: 'asynchronous',
      settings: { ...scarcest, reuse: 'epochs', roundNs: 1000 },
    }),
    scheduler: 'slow',
    schedules: 60,
    names: 'read committed',
  },
  // The dead writer's CAS is late: it links a buffer that recovery has taken back.
  'no fence': {
    scenario: scenario('put put/get get', { ...late, faults: [{ ...crash[0], node: 'cn0' }] }),
    scheduler: 'slow',
    schedules: 120,
    names: 'conservation of space',
  },
  // Round 2 of a put has reached a copy, and not the primary one.
  'any copy': {
    scenario: scenario(`put put put/${sixReads}/${sixReads}`, {
      ...late,
      replicas: 2,
      settings: { ...late.settings, loadBalance: 'load' },
    }),
    scheduler: 'pct',
    schedules: 40,
    names: 'linearizable',
  },
  // The header that a rebuild WROTE twice comes to stand a second time, behind it a version that readers look
  // for, and the next rebuild walks from there.
  'rebuild writes again': {
    scenario: scenario(`put put put put put put/${sixReads}`, {
      ...{ timing: 'asynchronous', replicas: 2, spares: 1, computeNodes: 3 },
      settings: { handlers: 1, reuse: 'epochs', roundNs: 1700 },
      faults: [
        { kind: 'lose', count: 1, node: 'mn0' },
        { kind: 'cut', count: 1, node: 'ms0', amid: 'writes' },
        { kind: 'restart', count: 1, node: 'mn1' },
      ],
      // About one schedule in four thousand shows it; of this seed, an early one.
      seed: 11,
    }),
    scheduler: 'slow',
    schedules: 120,
    names: 'progress',
  },
  'leases forgotten': {
    scenario: scenario('put put/put get/get put', { ...bounded, faults: crash }),
    schedules: 4,
    names: 'conservation of space',
  },
  'freed twice': {
    scenario: scenario(mixed, bounded),
    schedules: 40,
    names: 'conservation of space',
  },
};
