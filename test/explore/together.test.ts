import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { Footprint, KnownStates, together } from '../../sim/explore/index.ts';
import { type CheckResult, check } from '../../src/lab/check/check.ts';
import type { Scenario } from '../../src/lab/check/scenario.ts';
import { scenario as twinScenario } from '../support/twin-scenarios.ts';

/** Of a search that is longer than what one isolate does alone before others help. */
function scenario(script: string, more: Partial<Scenario> = {}): Scenario {
  const small = { memoryNodes: 1, valueWords: 1, earlyTimers: 0, grain: 'turns' } as const;
  return twinScenario(script, { ...small, ...more });
}

const crash = [{ kind: 'crash', count: 1 }] as const;
const repaired = { faults: crash, computeNodes: 3 };

function search(chosen: Scenario, threads: number) {
  const plan = { scenario: chosen, scheduler: 'exhaustive', schedules: 0, threads } as const;
  return check({ ...plan, statesMax: 1e6 });
}

describe('a search by several isolates', () => {
  const scopes = [
    ['direct', scenario('put get/put get', { system: 'direct' })],
    ['central', scenario('put/get', { system: 'central', ...repaired, settings: { handlers: 1 } })],
  ] as const;

  test.each(scopes)(
    '%s: comes to as many ends as one, by about as many states',
    async (_, chosen) => {
      const [alone, several] = [await search(chosen, 1), await search(chosen, 3)];
      for (const { findings, failure } of [alone, several]) {
        expect(failure).toBeUndefined();
        expect(findings.exhaustive?.end).toBe('complete');
      }
      // Which of several verbs of nobody else's business acts first is what an isolate has learnt so far.
      const ratio = (of: (result: CheckResult) => number): number => of(several) / of(alone);
      expect(ratio(({ findings }) => findings.schedules)).toBeCloseTo(1, 1);
      expect(ratio(({ findings }) => findings.exhaustive?.states ?? 0)).toBeCloseTo(1, 1);
    },
  );

  test('finds what is broken', async () => {
    const system = fileURLToPath(new URL('../support/broken-direct.js', import.meta.url));
    const chosen = scenario('put put get/put get/put get', { system, valueWords: 2 });
    const { failure } = await search(chosen, 2);
    expect(failure?.judgement.kind).not.toBe('kept');
    expect(failure).toBeDefined();
  });

  test('gives up where there are more states than it may enter', async () => {
    const chosen = scenario('put put/put put', { system: 'direct', ...repaired });
    const plan = { scenario: chosen, scheduler: 'exhaustive', schedules: 0, threads: 2 } as const;
    const { findings, failure } = await check({ ...plan, statesMax: 6000 });
    expect(failure).toBeUndefined();
    expect(findings.exhaustive?.end).toBe('gave up');
  });
});

describe('states that have been entered', () => {
  const asleep = (...choices: number[]): Map<number, null> =>
    new Map(choices.map((choice) => [choice, null]));

  test.each([
    ['of one isolate', () => new KnownStates()],
    ['that isolates share', () => new KnownStates(KnownStates.share(40_000))],
  ])('%s: each choice is for the first that comes with it awake', (_, open) => {
    const known = open();
    for (let i = 0; i < 30_000; i++) {
      expect(known.enter(i, ~i, [1, 2, 3], asleep(2, 3)).open).toEqual([1]);
    }
    expect(known.size).toBe(30_000);
    for (const i of [0, 1, 29_999]) {
      expect(known.enter(i, ~i, [1, 2, 3], asleep(1, 3))).toMatchObject({
        isNew: false,
        open: [2],
      });
      expect(known.enter(i, ~i, [1, 2, 3], asleep(3)).open).toEqual([]);
      expect(known.enter(i, ~i, [1, 2, 3], asleep()).open).toEqual([3]);
    }
    expect(known.size).toBe(30_000);
  });
});

describe('what isolates have learnt of who touches what', () => {
  const nothing = { words: [], senders: [], reliedOn: [], reliedOnPort: [], reliedOnSilence: [] };

  test('is wrong where one relied on a word that another one saw a second program write', () => {
    const one = { ...nothing, words: [[7, '0 a', false] as const], reliedOn: [7] };
    const same = { ...nothing, words: [[7, '0 a', true] as const] };
    const other = { ...nothing, words: [[7, '0 b', true] as const] };
    const reader = { ...nothing, words: [[7, '0 b', false] as const] };
    expect(together([one, same]).wasWrong).toBe(false);
    expect(together([one, reader]).wasWrong).toBe(false);
    expect(together([one, other])).toMatchObject({ wasWrong: true, words: [[7, '', true]] });
  });

  test('is wrong where somebody sent to a port that was silent, or had one sender', () => {
    const sent = { ...nothing, senders: [[9, '0 a'] as const] };
    const alsoSent = { ...nothing, senders: [[9, '0 b'] as const], reliedOnPort: [9] };
    expect(together([{ ...nothing, reliedOnSilence: [9] }, sent]).wasWrong).toBe(true);
    expect(together([sent, alsoSent]).wasWrong).toBe(true);
    expect(together([sent, { ...sent, reliedOnPort: [9] }]).wasWrong).toBe(false);
  });
});

test('a footprint goes to another isolate as it is', () => {
  const footprint = new Footprint();
  Object.assign(footprint, {
    resumed: 3,
    arrived: 4,
    changed: 1,
    rests: true,
    ended: true,
    actedFor: 4099,
    fenced: 8,
  });
  footprint.roots.push(5, 6);
  footprint.access(1, 10, 12, true);
  expect(Footprint.of(footprint.toNumbers())).toEqual(footprint);
});
