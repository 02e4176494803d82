import { describe, expect, test } from 'vitest';
import { MergeCheck } from '../../sim/explore/index.ts';
import { type Program, readWord, write, writeWord } from '../../src/core/effect.ts';
import type { Scenario } from '../../src/lab/check/scenario.ts';
import { type Findings, searchAll } from '../../src/lab/check/search.ts';
import type { Session } from '../../src/lab/check/session.ts';
import { stageOf } from '../../src/lab/check/stage.ts';
import { system as central } from '../../src/systems/central/index.ts';
import { system as clover } from '../../src/systems/clover/index.ts';
import type { System, SystemNode, SystemServer } from '../../src/systems/system.ts';
import { answersOf } from '../support/answers.ts';
import { toySystem } from '../support/toys.ts';
import { scenario as twinScenario } from '../support/twin-scenarios.ts';

/** States of nodes are told by what their systems say that they remember (`SystemNode.remembers`). */
const crash = [{ kind: 'crash', count: 1 }] as const;
const hooks = { progress: () => undefined, stopped: () => false };

function scenario(script: string, more: Partial<Scenario> = {}): Scenario {
  const small = {
    memoryNodes: 1,
    valueWords: 1,
    grain: 'turns',
    settings: { handlers: 1 },
  } as const;
  return twinScenario(script, { ...small, ...more });
}

type Told = SystemNode | SystemServer;

/** The same system, of which every node and server is changed after it was opened. */
function changed<C>(system: System<C>, change: (told: Told) => void): System {
  const after = <T extends Told>(told: T): T => {
    change(told);
    return told;
  };
  return {
    ...system,
    openNode: (site, config) => after(system.openNode(site, config as C)),
    openServer: (site, config, role, index) =>
      after(system.openServer(site, config as C, role, index)),
  } as System;
}

/** Says nothing, so that all that ever happened on a node counts. */
function silent<C>(system: System<C>): System {
  return changed(system, (told) => Object.assign(told, { remembers: undefined }));
}

/**
 * A node notes what its last get saw, shows nobody, and its next put WRITEs that beside the value. It says
 * that it remembers it, or (wrongly) that it remembers nothing.
 */
function noting(tells: boolean): System {
  const base = toySystem('noting', () => {
    throw new Error('opened below');
  });
  return {
    ...base,
    openNode({ cluster }): SystemNode {
      const { address } = cluster.region(0, 'entry');
      let noted = 0n;
      const put = function* (_key: unknown, value: Uint8Array): Program<boolean> {
        yield* write(address + 8, value);
        yield* writeWord(address + 64, noted);
        return true;
      };
      const get = function* (): Program<undefined> {
        noted = yield* readWord(address + 8);
      };
      const refuse = (): never => {
        throw new Error('a toy has no delete');
      };
      return {
        openClient: () => ({ get, put, insert: put, delete: refuse }),
        background: [],
        statistics: { events: {}, metadataBytes: 0 },
        remembers: () => ({ noted: tells ? noted : 0 }),
      };
    },
  };
}

interface Seen {
  readonly ends: ReadonlySet<string>;
  readonly found: Findings;
}

/** Everything that clients and memory can come to. */
function endsOf(system: System, chosen: Scenario): Seen {
  const stage = stageOf(chosen, system);
  const ends = new Set<string>();
  const onEnd = (session: Session): void => {
    const { a, b } = stage.memory.digest;
    ends.add(`${answersOf(session)} ${a} ${b}`);
  };
  return { found: searchAll(stage, 1e6, hooks, { onEnd }), ends };
}

const repaired = { faults: crash, computeNodes: 3 };
const anyTime = { earlyTimers: Number.POSITIVE_INFINITY };
const compared: readonly (readonly [string, System, Scenario])[] = [
  ['central, timers at any time', central as System, scenario('put/get', anyTime)],
  [
    'central, an early timer, and a standby to ask',
    central as System,
    scenario('put/get', { earlyTimers: 1, standbys: 1 }),
  ],
  [
    'central, a crash, timers at any time',
    central as System,
    scenario('put/get', { ...anyTime, ...repaired }),
  ],
  ['central, a crash', central as System, scenario('put/get', { earlyTimers: 0, ...repaired })],
  [
    'clover, one early timer',
    clover as System,
    scenario('put/get', { timing: 'bounded', earlyTimers: 1 }),
  ],
  [
    'clover, a crash',
    clover as System,
    scenario('put/get', { timing: 'bounded', earlyTimers: 0, ...repaired }),
  ],
];

describe('telling states by what nodes remember, instead of all that happened on them', () => {
  test.each(compared)('%s: comes to the same ends, by fewer states', (_, system, chosen) => {
    const [all, some] = [endsOf(silent(system), chosen), endsOf(system, chosen)];
    expect([...some.ends].sort()).toEqual([...all.ends].sort());
    for (const { found } of [all, some]) expect(found.exhaustive?.end).toBe('complete');
    const states = ({ found }: Seen): number => found.exhaustive?.states ?? 0;
    expect(states(some)).toBeLessThan(states(all));
  });
});

describe('a run that comes to a known state', () => {
  const check = (system: System, chosen: Scenario): MergeCheck => {
    const mergeCheck = new MergeCheck();
    const stage = stageOf(chosen, system);
    for (let pass = 0; pass < 2; pass++) {
      expect(searchAll(stage, 2e4, hooks, { mergeCheck }).failure).toBeUndefined();
      mergeCheck.nextPass();
    }
    return mergeCheck;
  };

  test.each(compared)('%s: goes on as the one before it did', (_, system, chosen) => {
    expect(check(system, chosen).compared).toBeGreaterThan(50);
  });

  test('does not where a node remembers what it does not tell, and that is found', () => {
    const chosen = scenario('get put/put', { settings: {} });
    const follow = (system: System): MergeCheck => {
      const mergeCheck = new MergeCheck();
      searchAll(stageOf(chosen, system), 2e4, hooks, { mergeCheck, onEnd: () => undefined });
      return mergeCheck;
    };
    expect(follow(noting(true)).compared).toBeGreaterThan(0);
    expect(() => follow(noting(false))).toThrow('came to the same state');
  });
});
