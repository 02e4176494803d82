import { describe, expect, test } from 'vitest';
import { sleep } from '../../../src/core/effect.ts';
import type { FarsideError } from '../../../src/core/errors.ts';
import { system as central } from '../../../src/systems/central/index.ts';
import type { System } from '../../../src/systems/system.ts';
import { type BenchOptions, benchKeys, CentralBench } from '../../support/central-bench.ts';
import { goOnBeside, startClients, startRace } from '../../support/central-scenario.ts';
import { isLinearizable } from '../../support/key-operations.ts';
import { centralTwins } from './twins.ts';

/** Sets things up so that something goes wrong at that verb of the coordinator. */
interface Scenario {
  readonly options?: BenchOptions;
  readonly start?: (bench: CentralBench) => void;
  readonly happens: (bench: CentralBench) => void;
  /** After the clients have ended. */
  readonly after?: (bench: CentralBench) => void;
}

function standbyTakesOver(bench: CentralBench): void {
  const fault = bench.lost(bench.coordinator);
  bench.sim.crashCompute(bench.coordinator);
  bench.later(5000, () => bench.takeOver(bench.standby(), fault));
}

const scenarios = {
  calm: { start: startRace, happens: () => {} },
  standby: { happens: standbyTakesOver },
  /** One copy, so that no other one covers for it. */
  cutOff: {
    options: { shape: { replicas: 1 } },
    start: startRace,
    happens: standbyTakesOver,
  },
  restart: { start: startRace, happens: (bench) => bench.restartCoordinator(5000) },
  restartWithLittle: { happens: (bench) => bench.restartCoordinator(5000, 'old') },
  slow: {
    start: startRace,
    happens: (bench) => bench.takeOver(bench.standby(), bench.lost(bench.coordinator)),
    after: goOnBeside,
  },
  /** A restart, some work, then a standby. */
  restartThenStandby: {
    happens: (bench) => bench.restartCoordinator(5000),
    after(bench) {
      bench.client(0, function* (client) {
        yield* sleep(2_000_000);
        for (const key of benchKeys) yield* client.delete(key);
        const fault = bench.lost(bench.coordinator);
        bench.sim.crashCompute(bench.coordinator);
        bench.takeOver(bench.standby(), fault);
      });
      bench.run();
    },
  },
  /** All power is lost when everything has been acknowledged. */
  blackout: {
    happens: () => {},
    after(bench) {
      for (const node of [0, 1, 2]) {
        bench.sim.crashMemory(node, 'old');
        bench.sim.restartMemory(node);
      }
      bench.restartCoordinator();
    },
  },
} satisfies Record<string, Scenario>;

/** What is wrong after that scenario; undefined: nothing. */
function violation(system: System, scenario: Scenario, trial: number): string | undefined {
  const bench = new CentralBench(system, { seed: trial, ...scenario.options });
  bench.atVerb(bench.coordinator, 1 + (trial % verbsOfRun), () => scenario.happens(bench));
  (scenario.start ?? startClients)(bench);
  try {
    bench.run();
    scenario.after?.(bench);
    const before = bench.errors.length;
    bench.settle(benchKeys);
    if (bench.errors.length > before) return 'data reliability';
  } catch (error) {
    const { code, message } = error as FarsideError;
    // A torn value, or a state that no correct coordinator reaches.
    return code === undefined ? `atomic write: ${message}` : `atomic write: ${code}`;
  }
  // A get that finds no copy of a record that is there is not an error of anybody else's.
  if (bench.errors.some((error) => error.includes('CORRUPT'))) return 'atomic write';
  const wrong = [...bench.histories.values()].some((history) => !isLinearizable(history));
  return wrong ? 'linearizable' : undefined;
}

/**
 * Need a fault between two WRITEs of one delete, or two faults in one put, or a verb that acts late, or a
 * call that takes longer than a standby takes to be asked: `farside check` hits them (test/explore), trials
 * do not.
 */
const shownByCheck = [
  'call served twice',
  'newest record gone first',
  'older records gone before the newest is safe',
  'void buffers not listed',
];
/** Which scenario shows which twin. */
const shownBy: Record<string, keyof typeof scenarios> = {
  'CAS without version': 'restart',
  'delete without waiting': 'standby',
  'no before it is true': 'standby',
  'inserts that do not take turns': 'standby',
  'read without lock or check': 'calm',
  'free before invalid': 'calm',
  'no flush of records': 'blackout',
  'flip without persist': 'restartWithLittle',
  'call served by two coordinators': 'restart',
  'take-over without fence': 'slow',
  'torn records trusted': 'cutOff',
  'unmapped records left': 'restartThenStandby',
};
/** About as many verbs and local accesses as the coordinator makes. */
const verbsOfRun = 100;
const trialsMax = 1500;

function firstViolation(system: System, scenario: Scenario): number {
  for (let trial = 1; trial <= trialsMax; trial++) {
    if (violation(system, scenario, trial) !== undefined) return trial;
  }
  return -1;
}

describe('a wrong variant is found by a schedule that the right one survives', () => {
  const shownHere = centralTwins.filter(({ name }) => !shownByCheck.includes(name));
  test.each(shownHere.map((twin) => [twin.name, twin] as const))('%s', (name, twin) => {
    const scenario: Scenario = scenarios[shownBy[name] as keyof typeof scenarios];
    const trial = firstViolation(twin.system, scenario);
    expect(trial, twin.because).toBeGreaterThan(0);
    expect(violation(central as System, scenario, trial)).toBeUndefined();
  });
});
