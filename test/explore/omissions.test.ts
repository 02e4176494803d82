import { describe, expect, test } from 'vitest';
import { MergeCheck } from '../../sim/explore/index.ts';
import type { Scenario } from '../../src/lab/check/scenario.ts';
import { searchAll } from '../../src/lab/check/search.ts';
import { stageOf } from '../../src/lab/check/stage.ts';
import { system as central } from '../../src/systems/central/index.ts';
import { system as clover } from '../../src/systems/clover/index.ts';
import { direct } from '../../src/systems/direct/index.ts';
import type { System } from '../../src/systems/system.ts';
import { answersOf } from '../support/answers.ts';
import { Fields, type Verdict, walked, without } from '../support/omissions.ts';
import { scenario as twinScenario } from '../support/twin-scenarios.ts';
import { declaredBy } from './declared.ts';

/** `MergeCheck`, tried on systems that say too little of what they remember. */
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

const crash = { faults: [{ kind: 'crash', count: 1 }], computeNodes: 3, earlyTimers: 0 } as const;
const scopes = {
  central: [scenario('put/get', crash)],
  clover: [scenario('put/get', { timing: 'bounded', earlyTimers: 1 })],
};
const systems = { central: central as System, clover: clover as System };
const names = ['central', 'clover'] as const;

interface Seen {
  readonly states: number;
  readonly ends: readonly string[];
}

function seenIn(system: System, chosen: Scenario): Seen {
  const stage = stageOf(chosen, system);
  const ends = new Set<string>();
  const { exhaustive } = searchAll(stage, 2e4, hooks, {
    onEnd(session) {
      const { a, b } = stage.memory.digest;
      ends.add(`${answersOf(session)} ${a} ${b}`);
    },
  });
  return { states: exhaustive?.states ?? 0, ends: [...ends].sort() };
}

function isNoticed(system: System, chosen: Scenario): boolean {
  const stage = stageOf(chosen, system);
  const mergeCheck = new MergeCheck();
  try {
    for (let pass = 0; pass < 2; pass++) {
      searchAll(stage, 2e4, hooks, { mergeCheck, onEnd: () => undefined });
      mergeCheck.nextPass();
    }
  } catch (error) {
    if (error instanceof Error && error.message.includes('came to the same state')) return true;
    throw error;
  }
  return false;
}

function verdictOf(system: System, chosen: Scenario, whole: Seen): Verdict {
  if (isNoticed(system, chosen)) return 'noticed';
  const seen = seenIn(system, chosen);
  if (seen.ends.join() !== whole.ends.join()) return 'ends differ, and nobody notices';
  return seen.states === whole.states ? 'follows' : 'merges';
}

/** Of all scopes the first that shows more than `follows`. */
function verdictIn(name: (typeof names)[number], omitted: string): Verdict {
  const system = without(systems[name], omitted);
  for (const [i, chosen] of scopes[name].entries()) {
    const verdict = verdictOf(system, chosen, wholeOf(name, i));
    if (verdict !== 'follows') return verdict;
  }
  return 'follows';
}

const wholes = new Map<string, Seen>();

function wholeOf(name: (typeof names)[number], i: number): Seen {
  const known = wholes.get(`${name} ${i}`) ?? seenIn(systems[name], scopes[name][i] as Scenario);
  wholes.set(`${name} ${i}`, known);
  return known;
}

function fieldsOf(system: System, chosen: readonly Scenario[]): string[] {
  const fields = new Fields();
  for (const each of chosen) seenIn(walked(system, fields), each);
  return fields.names.sort();
}

describe('what systems say that they remember', () => {
  test.each(names)('%s: is what the table says', (name) => {
    expect(fieldsOf(systems[name], scopes[name])).toEqual(Object.keys(declaredBy[name]).sort());
  });

  test('direct: nothing, so all that ever happened on a node counts', () => {
    const chosen = scenario('put/get', { settings: {}, earlyTimers: 0 });
    expect(fieldsOf(direct as System, [chosen])).toEqual([]);
  });

  test.each(names)(
    '%s: one field is left out',
    (name) => {
      const seen: Record<string, Verdict> = {};
      for (const field of Object.keys(declaredBy[name])) seen[field] = verdictIn(name, field);
      const expected = Object.entries(declaredBy[name]).map(([field, { verdict }]) => [
        field,
        verdict,
      ]);
      expect(seen).toEqual(Object.fromEntries(expected));
    },
    300_000,
  );
});

describe('more than a field left out', () => {
  test.each(['node retire RetireQueue', 'node retire', 'node'])(
    'clover, %s: is noticed',
    (part) => {
      expect(verdictIn('clover', part)).toBe('noticed');
    },
  );

  test('clover, everything: comes to fewer ends, and is noticed', () => {
    const nothing = without(without(systems.clover, 'node'), 'server');
    const anyTime = { timing: 'bounded', earlyTimers: Number.POSITIVE_INFINITY } as const;
    const chosen = scenario('put get/put get', anyTime);
    const [all, some] = [seenIn(systems.clover, chosen), seenIn(nothing, chosen)];
    expect(some.ends.length).toBeLessThan(all.ends.length);
    expect(isNoticed(nothing, chosen)).toBe(true);
  }, 60_000);

  test('central, all of the server: has an effect, and comes to the same ends', () => {
    expect(verdictIn('central', 'server')).toBe('merges');
  });
});
