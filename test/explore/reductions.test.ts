import { describe, expect, test } from 'vitest';
import { CommuteCheck, Footprint, KnownSteps } from '../../sim/explore/index.ts';
import type { Scenario } from '../../src/lab/check/scenario.ts';
import { type Findings, searchAll } from '../../src/lab/check/search.ts';
import type { Session } from '../../src/lab/check/session.ts';
import { stageOf } from '../../src/lab/check/stage.ts';
import { system as central } from '../../src/systems/central/index.ts';
import { system as clover } from '../../src/systems/clover/index.ts';
import { direct } from '../../src/systems/direct/index.ts';
import type { System } from '../../src/systems/system.ts';
import { answersOf } from '../support/answers.ts';
import { journalled, locked, lookThenLock, marked, tornReader } from '../support/toys.ts';
import { scenario as twinScenario } from '../support/twin-scenarios.ts';
import { centralTwins } from '../twins/central/twins.ts';
import { directTwins } from '../twins/direct/twins.ts';

/** What `farside check --scheduler exhaustive` makes of a script. */
const crash = [{ kind: 'crash', count: 1 }] as const;

function scenario(script: string, more: Partial<Scenario> = {}): Scenario {
  const small = { memoryNodes: 1, valueWords: 1, earlyTimers: 0, grain: 'turns' } as const;
  return twinScenario(script, { system: 'toy', ...small, ...more });
}

interface Seen {
  readonly ends: ReadonlySet<string>;
  readonly found: Findings;
}

/** Everything that clients and memory can come to. */
function endsOf(
  system: System,
  chosen: Scenario,
  reduced: boolean,
  sleeps = true,
  steps?: KnownSteps | false,
): Seen {
  const stage = stageOf(chosen, system);
  const ends = new Set<string>();
  const note = (session: Session): void => {
    const { a, b } = stage.memory.digest;
    ends.add(`${answersOf(session)} ${a} ${b}`);
  };
  const hooks = { progress: () => undefined, stopped: () => false };
  const options = { onEnd: note, reduced, sleeps, ...(steps === undefined ? {} : { steps }) };
  return { found: searchAll(stage, 1e6, hooks, options), ends };
}

const anyNumber = Number.POSITIVE_INFINITY;
const bare = { grain: 'waits' } as const;
/** Crashes with recoverers, so that fences are among what commutes. */
const few = { settings: { handlers: 1 } };
const repaired = { faults: crash, computeNodes: 3, ...few };
const cloverAtAnyTime = scenario('put/get', {
  ...repaired,
  timing: 'bounded',
  earlyTimers: anyNumber,
});
const compared: readonly (readonly [string, System, Scenario])[] = [
  ['a lock', locked, scenario('put get/put get')],
  ['a lock, with a crash', locked, scenario('put get/put get', { faults: crash })],
  ['a torn reader', tornReader, scenario('put put/get get', { valueWords: 2 })],
  ['a lock in two verbs, with a crash', lookThenLock, scenario('put get/put', { faults: crash })],
  ['journals', journalled, scenario('put get/put get')],
  ['journals, with a crash', journalled, scenario('put get/put get', { faults: crash })],
  ['marks', marked, scenario('put get/get put')],
  ['marks, with a crash', marked, scenario('put get/put get', { faults: crash })],
  [
    'direct, repaired',
    direct as System,
    scenario('put/get', { faults: crash, computeNodes: 3, ...bare }),
  ],
  ['central', central as System, scenario('put/put get', { settings: { handlers: 1 } })],
  // A crash of a client's node when the client has ended, and another one has not, is an end of its own.
  ['central, repaired', central as System, scenario('put get/put get', repaired)],
  ['clover, repaired', clover as System, scenario('put/get', { ...repaired, timing: 'bounded' })],
];

describe("leaving out moments of verbs that are nobody else's business", () => {
  test.each(compared)('%s: comes to the same ends', (_, system, chosen) => {
    const all = endsOf(system, chosen, false);
    const some = endsOf(system, chosen, true);
    expect([...some.ends].sort()).toEqual([...all.ends].sort());
    expect(some.found.exhaustive?.end).toBe('complete');
    expect(all.found.exhaustive?.end).toBe('complete');
    expect(some.found.exhaustive?.states).toBeLessThanOrEqual(all.found.exhaustive?.states ?? 0);
  });

  test('makes a search smaller where there are such verbs', () => {
    const [all, some] = [false, true].map((reduced) =>
      endsOf(central as System, scenario('put/get', repaired), reduced),
    );
    expect(some?.found.exhaustive?.cutByLonely).toBeGreaterThan(0);
    expect(some?.found.steps).toBeLessThan(0.9 * (all?.found.steps ?? 0));
  });

  test('is taken back where somebody comes by after all', () => {
    const { found } = endsOf(marked, scenario('put get/get put'), true);
    expect(found.exhaustive?.restarts).toBeGreaterThan(0);
  });
});

const fenced: readonly (readonly [string, System, Scenario])[] = [
  ['direct', direct as System, scenario('put/get', { ...repaired, settings: {} })],
  ['central', central as System, scenario('put/get', repaired)],
  ['clover', clover as System, scenario('get/get', { ...repaired, timing: 'bounded' })],
  ['clover, timers at any time', clover as System, cloverAtAnyTime],
  [
    'central, timers at any time',
    central as System,
    scenario('put/get', { ...repaired, earlyTimers: anyNumber }),
  ],
  [
    'central, a timer early, and a standby to ask',
    central as System,
    scenario('put/get', { ...few, standbys: 1, earlyTimers: 1 }),
  ],
];

describe('trying one order only of what commutes', () => {
  test.each(fenced)('%s: comes to the same ends', (_, system, chosen) => {
    const [every, one] = [endsOf(system, chosen, true, false), endsOf(system, chosen, true)];
    expect([...one.ends].sort()).toEqual([...every.ends].sort());
    expect(one.found.steps).toBeLessThan(every.found.steps);
    expect(one.found.exhaustive?.end).toBe('complete');
    expect(one.found.failure).toBeUndefined();
    expect(every.found.exhaustive?.cutBySleep).toBe(0);
  });
});

describe('steps that are taken to commute', () => {
  const hooks = { progress: () => undefined, stopped: () => false };
  const compare = (system: System, chosen: Scenario): ReturnType<CommuteCheck['compare']> => {
    const commuteCheck = new CommuteCheck();
    searchAll(stageOf(chosen, system), 8000, hooks, { sleeps: false, commuteCheck });
    return commuteCheck.compare(chosen.earlyTimers !== undefined);
  };
  const scopes: readonly (readonly [string, System, Scenario])[] = [
    ['direct', direct as System, scenario('put get/put get', { ...repaired, settings: {} })],
    ['central', central as System, scenario('put get/put get', { ...repaired, earlyTimers: 1 })],
    [
      'clover',
      clover as System,
      scenario('put get/put get', { ...repaired, timing: 'bounded', earlyTimers: 1 }),
    ],
  ];

  test.each(scopes)('%s: lead to one state in either order', (_, system, chosen) => {
    const { same, different } = compare(system, chosen);
    expect(different).toBe(0);
    expect(same).toBeGreaterThan(100);
  });

  // Its answer lands, and the server learns that, while the next call of the same or another client comes.
  test('do not, where one tells a program how its verb ended, and the other lets it go on', () => {
    const [answer, call] = [new Footprint(), new Footprint()];
    answer.concerns(1);
    answer.arrived = 4;
    call.concerns(2);
    call.resumed = 2;
    expect(answer.commutesWith(call)).toBe(true);
    call.concerns(1);
    expect(answer.commutesWith(call)).toBe(false);
  });

  test('do not, where one falls asleep for the bound of a verb, and the other posts one', () => {
    const [asleep, posts] = [new Footprint(), new Footprint()];
    asleep.rests = true;
    posts.posted = true;
    expect(asleep.commutesWith(posts)).toBe(false);
    expect(posts.commutesWith(posts)).toBe(true);
  });

  test('do, where a message comes to a node whose programs go on without looking for any', () => {
    const message = new Footprint();
    message.concerns(1);
    message.arrived = 2;
    const step = (more: Partial<Footprint>): Footprint => {
      const footprint = new Footprint();
      footprint.concerns(2);
      return Object.assign(footprint, { resumed: 2, ...more });
    };
    expect(message.commutesWith(step({}))).toBe(true);
    expect(step({}).commutesWith(message)).toBe(true);
    // They take what has come, say in what they send how much has come, or wake together with others.
    for (const bit of ['took', 'sent', 'changed', 'arrived'] as const) {
      expect(message.commutesWith(step({ [bit]: 2 }))).toBe(false);
      expect(step({ [bit]: 2 }).commutesWith(message)).toBe(false);
    }
    message.changed = 2;
    expect(message.commutesWith(step({}))).toBe(false);
  });

  test('do, where both fence one incarnation, but not where one lets a verb of it act', () => {
    const [one, other, act] = [1, 2, 3].map((root) => {
      const footprint = new Footprint();
      footprint.concerns(root);
      return footprint;
    }) as [Footprint, Footprint, Footprint];
    one.fenced = other.fenced = act.actedFor = 4096;
    expect(one.commutesWith(other)).toBe(true);
    expect(one.commutesWith(act)).toBe(false);
    expect(act.commutesWith(other)).toBe(false);
  });

  test('of programs of one node do, where they change nothing that it has in common', () => {
    const steps = [1, 2].map((root) => {
      const footprint = new Footprint();
      footprint.concerns(root);
      footprint.resumed = 2;
      return footprint;
    }) as [Footprint, Footprint];
    const [one, other] = steps;
    expect(one.commutesWith(other)).toBe(true);
    one.sent = 2;
    expect(one.commutesWith(other)).toBe(true);
    other.sent = 2;
    expect(one.commutesWith(other)).toBe(false);
    other.sent = 0;
    other.changed = 2;
    expect(one.commutesWith(other)).toBe(false);
  });
});

const server = { kind: 'crash', count: 1, node: 'coordinator' } as const;
const foreseen: readonly (readonly [string, System, Scenario])[] = [
  ['a lock', locked, scenario('put get/put get', { faults: crash })],
  ['marks', marked, scenario('put get/get put')],
  ['direct', direct as System, scenario('put/get', { ...repaired, settings: {} })],
  [
    'direct, two copies, durably',
    direct as System,
    scenario('put/get', { replicas: 2, memoryNodes: 2, durability: 'flush' }),
  ],
  ['central', central as System, scenario('put get/put', { ...repaired, earlyTimers: anyNumber })],
  [
    'central, its coordinator lost',
    central as System,
    scenario('put/get', { ...few, faults: [server] }),
  ],
  ['central, durably', central as System, scenario('put/delete', { ...few, durability: 'flush' })],
  ['clover', clover as System, cloverAtAnyTime],
  [
    'clover, a timer early',
    clover as System,
    scenario('put/get', { timing: 'bounded', earlyTimers: 1 }),
  ],
];

describe('knowing where a step leads that was taken elsewhere', () => {
  test.each(foreseen)('%s: steps with the same around them do the same', (_, system, chosen) => {
    const steps = new KnownSteps(true);
    expect(endsOf(system, chosen, true, true, steps).found.exhaustive?.end).toBe('complete');
    expect(steps.repeated.alike).toBeGreaterThan(10);
    expect(steps.repeated.otherwise).toBe(0);
  });

  test.each(foreseen)('%s: the search is the same as without', (_, system, chosen) => {
    const [known, unknown] = [
      endsOf(system, chosen, true),
      endsOf(system, chosen, true, true, false),
    ];
    expect([...known.ends].sort()).toEqual([...unknown.ends].sort());
    expect(known.found.exhaustive).toEqual(unknown.found.exhaustive);
  });
});

describe('twins that a search of all schedules finds', () => {
  const hooks = { progress: () => undefined, stopped: () => false };
  const find = (system: unknown, chosen: Scenario, reduced: boolean): unknown =>
    searchAll(stageOf(chosen, system as System), 1e5, hooks, { reduced }).failure?.judgement;
  const cases = [
    ['no-checksum', directTwins, scenario('put/get get'), { promise: 'read committed' }],
    ['unlock-first', directTwins, scenario('put get/put get'), { kind: 'liveness' }],
    ['free before invalid', centralTwins, scenario('put put get/put get', few), { kind: 'safety' }],
    [
      'call served twice',
      centralTwins,
      scenario('put/put get', { ...few, standbys: 1, earlyTimers: 2 }),
      { promise: 'linearizable' },
    ],
  ] as const;

  test.each(cases)('%s, with the reduction as without it', (name, twins, chosen, judged) => {
    const twin = twins.find((one) => one.name === name)?.system;
    for (const reduced of [true, false]) {
      expect(find(twin, chosen, reduced)).toMatchObject(judged);
    }
  });
});

describe('every schedule of a small scope, with one crash anywhere', () => {
  const scopes: readonly (readonly [string, System, Scenario])[] = [
    ['direct', direct as System, scenario('put/get', { ...repaired, settings: {} })],
    [
      'central',
      central as System,
      scenario('put get/put get', { ...repaired, earlyTimers: anyNumber }),
    ],
    ['clover', clover as System, cloverAtAnyTime],
  ];

  test.each(scopes)('%s keeps what it promises', (_, system, chosen) => {
    const hooks = { progress: () => undefined, stopped: () => false };
    const { exhaustive, failure } = searchAll(stageOf(chosen, system), 1e6, hooks);
    expect(failure).toBeUndefined();
    expect(exhaustive?.end).toBe('complete');
  });
});
