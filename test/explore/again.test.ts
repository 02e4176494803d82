import { describe, expect, test } from 'vitest';
import { cas, faa, type Program, read, sleep, until, write } from '../../src/core/effect.ts';
import { choiceTexts, replay } from '../../src/lab/check/schedule.ts';
import { type Findings, searchAll, searchByDice } from '../../src/lab/check/search.ts';
import { shrink } from '../../src/lab/check/shrink.ts';
import { stageOf } from '../../src/lab/check/stage.ts';
import type { StoreClient, System } from '../../src/systems/system.ts';
import { toySystem } from '../support/toys.ts';
import { scenario } from '../support/twin-scenarios.ts';

const hooks = { progress: () => undefined, stopped: () => false };

/** What comes between a put's beginning and its end, and shows nobody anything. */
type Dawdle = (at: number) => Program<void>;

/** The put itself dawdles: alone on its node. */
function inClient(dawdle: Dawdle): System {
  return toySystem('dawdles', () => ({
    *get(at, into) {
      yield* read(at + 8, into);
      return into.length;
    },
    *put(at, value) {
      yield* dawdle(at);
      yield* write(at + 8, value);
    },
  }));
}

/** A background program of the node does, and the put polls until it is done. */
function inBackground(dawdle: Dawdle, tells: boolean): System {
  const toy = inClient(sleeps(0));
  return {
    ...toy,
    openNode(site, config) {
      const state = { wanted: 0, done: 0 };
      const at = site.cluster.region(0, 'entry').address;
      const serve = function* (): Program<void> {
        for (;;) {
          yield* until(() => state.wanted > state.done, 500);
          yield* dawdle(at);
          state.done++;
        }
      };
      const opened = toy.openNode(site, config);
      const openClient = (): StoreClient => {
        const client = opened.openClient();
        return {
          ...client,
          *put(key, value) {
            const mine = ++state.wanted;
            yield* until(() => state.done >= mine, 700);
            return yield* client.put(key, value);
          },
        };
      };
      return {
        ...opened,
        openClient,
        background: [serve()],
        ...(tells ? { remembers: () => ({ state: [state.wanted, state.done] }) } : {}),
      };
    },
  };
}

function sleeps(count: number): Dawdle {
  return function* () {
    for (let i = 0; i < count; i++) yield* sleep(1000);
  };
}

/** Nobody ever changes that word. */
function tries(count: number): Dawdle {
  return function* (at) {
    for (let i = 0; i < count && (yield* cas(at + 32, 1n, 2n)) !== 1n; i++) yield* sleep(1000);
  };
}

const dawdles: readonly [string, Dawdle][] = [
  ['three sleeps', sleeps(3)],
  ['five sleeps', sleeps(5)],
  ['twenty sleeps', sleeps(20)],
  ['a CAS tried five times', tries(5)],
  ['a CAS tried twenty times', tries(20)],
  [
    'twenty sleeps, a longer one, and twenty more',
    function* () {
      yield* sleeps(20)(0);
      yield* sleep(3000);
      yield* sleeps(20)(0);
    },
  ],
  [
    'three sleeps of growing lengths',
    function* () {
      for (const ns of [1000, 2000, 4000]) yield* sleep(ns);
    },
  ],
];

const chosen = scenario('put get/get put', { system: 'toy', memoryNodes: 1, valueWords: 1 });

function byDice(system: System): Findings {
  return searchByDice(stageOf(chosen, system), 'random', 1, 0, 100, hooks);
}

function all(system: System): Findings {
  return searchAll(stageOf({ ...chosen, grain: 'turns', earlyTimers: 0 }, system), 100_000, hooks);
}

const places: readonly [string, (dawdle: Dawdle) => System][] = [
  ['in the program of a client', inClient],
  ['in the background of a node', (dawdle) => inBackground(dawdle, false)],
  [
    'in the background of a node that tells what it remembers',
    (dawdle) => inBackground(dawdle, true),
  ],
];

describe.each(places)('%s', (_, build) => {
  test.each(dawdles)('%s: nobody is held up for ever', (_name, dawdle) => {
    expect(byDice(build(dawdle)).failure).toBeUndefined();
  });
});

// Of a node that tells nothing, all that ever happened on it is its state, so that a search may have no end.
describe.each(places.filter(([where]) => !where.endsWith('of a node')))(
  '%s, searched',
  (_, build) => {
    test.each(dawdles)('%s: nobody is held up for ever', (_name, dawdle) => {
      const { failure, exhaustive } = all(build(dawdle));
      expect(failure).toBeUndefined();
      expect(exhaustive?.end).toBe('complete');
      expect(exhaustive?.states).toBeLessThan(250);
    });
  },
);

describe('a put that polls for what never comes', () => {
  const waits = inClient(function* (at) {
    // Loading makes three, and has to end.
    if ((yield* faa(at + 40, 1n)) < 3n) return;
    yield* until(() => false, 300);
  });

  test.each([
    ['random schedules', byDice],
    ['a search of all', all],
  ])('is stuck, say %s', (_name, search) => {
    expect(search(waits).failure?.judgement).toMatchObject({
      kind: 'liveness',
      promise: 'progress',
    });
  });

  test('its schedule is short, and can be replayed', () => {
    const { failure } = all(waits);
    if (failure === undefined) throw new Error('nothing was found');
    const small = shrink(waits, chosen, failure);
    expect(small.choices.filter((text) => text === 'again')).toHaveLength(1);
    expect(small.choices.length).toBeLessThan(20);
    const stage = stageOf(small.scenario, waits);
    const again = replay(stage, small.choices);
    expect(again.judgement).toEqual(small.judgement);
    expect(choiceTexts(stage, again.choices)).toEqual(small.choices);
  });
});
