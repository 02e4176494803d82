import { describe, expect, test } from 'vitest';
import { RandomScheduler } from '../../sim/explore/index.ts';
import { randomStream } from '../../src/core/random.ts';
import type { Scenario } from '../../src/lab/check/scenario.ts';
import { choiceTexts, replay, runSchedule } from '../../src/lab/check/schedule.ts';
import { type Findings, searchAll, searchByDice } from '../../src/lab/check/search.ts';
import { drawSchedule } from '../../src/lab/check/sequence.ts';
import { shrink } from '../../src/lab/check/shrink.ts';
import { stageOf } from '../../src/lab/check/stage.ts';
import { plainStyle } from '../../src/lab/explain/diagram.ts';
import type { System } from '../../src/systems/system.ts';
import { answersOf } from '../support/answers.ts';
import { system as withoutLocks } from '../support/broken-direct.ts';
import { crossed, lateFlush, locked, lookThenLock, tornReader } from '../support/toys.ts';
import { scenario as twinScenario } from '../support/twin-scenarios.ts';

const hooks = { progress: () => undefined, stopped: () => false };

/** As a twin's, over one memory node. */
function scenario(script: string, more: Partial<Scenario> = {}): Scenario {
  return twinScenario(script, { system: 'toy', memoryNodes: 1, ...more });
}

function byDice(
  system: System,
  chosen: Scenario,
  scheduler: 'random' | 'pct' = 'random',
): Findings {
  return searchByDice(stageOf(chosen, system), scheduler, 1, 0, 3000, hooks);
}

function all(system: System, chosen: Scenario): Findings {
  return searchAll(stageOf({ ...chosen, grain: 'waits' }, system), 1e6, hooks);
}

const restart = { durability: 'flush', faults: [{ kind: 'restart', count: 1 }] } as const;

const broken = [
  ['a reader without a checksum', tornReader, scenario('put/get'), 'safety', 'read committed'],
  ['a lock taken in two verbs', lookThenLock, scenario('put get/put get'), 'safety', undefined],
  [
    'an early answer',
    lateFlush,
    scenario('put get', { ...restart, valueWords: 1 }),
    'safety',
    undefined,
  ],
  ['locks in crossed orders', crossed, scenario('put/get'), 'liveness', 'progress'],
  ['Direct without locks', withoutLocks, scenario('put put/put get'), undefined, undefined],
] as const;

describe.each(broken)('%s', (_, system, chosen, kind, promise) => {
  const kindOf = (found: Findings): unknown => found.failure?.judgement;

  test.each(['random', 'pct'] as const)('is found by %s', (scheduler) => {
    const judgement = kindOf(byDice(system, chosen, scheduler));
    expect(judgement).toMatchObject(kind === undefined ? {} : { kind });
    if (promise !== undefined) expect(judgement).toMatchObject({ promise });
  });

  test('is found by exhaustive search', () => {
    expect(kindOf(all(system, chosen))).toMatchObject(kind === undefined ? {} : { kind });
  });

  test('becomes small, and the small schedule breaks the same promise each time', () => {
    const { failure } = byDice(system, chosen);
    if (failure === undefined) throw new Error('nothing was found');
    const small = shrink(system, chosen, failure);
    expect(small.choices.length).toBeLessThanOrEqual(failure.choices.length);
    const again = [1, 2].map(() => replay(stageOf(small.scenario, system), small.choices));
    expect(again[0]?.judgement).toEqual(small.judgement);
    expect(again[1]?.judgement).toEqual(again[0]?.judgement);
    expect(again[1]?.session.world.key()).toEqual(again[0]?.session.world.key());
    const stage = stageOf(small.scenario, system);
    const drawing = drawSchedule(stage, small.choices, small.judgement, 120, plainStyle);
    expect(drawing.filter((line) => line.includes('is broken'))).toHaveLength(1);
  });
});

describe('what is right', () => {
  const chosen = scenario('put get/put get');

  test('stays so under every schedule', () => {
    const found = all(locked, chosen);
    expect(found.failure).toBeUndefined();
    expect(found.exhaustive?.end).toBe('complete');
  });

  test('a client that crashes with the lock stops others, which nobody could repair', () => {
    const found = all(locked, { ...chosen, faults: [{ kind: 'crash', count: 1 }] });
    expect(found.failure).toBeUndefined();
    expect(found.unrepaired).toBeGreaterThan(0);
  });
});

/** What clients can be shown: the reductions must lose none of it. */
test('exhaustive search shows every history that thousands of random schedules show', () => {
  const chosen = scenario('put get/put get', { grain: 'waits' });
  for (const system of [locked, tornReader, lookThenLock]) {
    const stage = stageOf(chosen, system);
    const seen = new Set<string>();
    searchAll(stage, 1e6, hooks, { onEnd: (session) => seen.add(answersOf(session)) });
    for (let seed = 0; seed < 2000; seed++) {
      const dice = new RandomScheduler(randomStream(seed, 'schedule'));
      const { session } = runSchedule(stage, (world, choices) => dice.choose(world, choices));
      expect(seen, `${system.name}, seed ${seed}`).toContain(answersOf(session));
    }
  }
});

test('one seed gives one schedule', () => {
  const chosen = scenario('put get/put get/get put');
  const run = (): string[] => {
    const stage = stageOf(chosen, tornReader);
    const dice = new RandomScheduler(randomStream(7, 'schedule'));
    const { choices } = runSchedule(stage, (world, possible) => dice.choose(world, possible));
    return choiceTexts(stage, choices);
  };
  expect(run()).toEqual(run());
});
