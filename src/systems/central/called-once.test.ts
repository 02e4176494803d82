import { describe, expect, test } from 'vitest';
import { type BenchOptions, benchKeys, CentralBench } from '../../../test/support/central-bench.ts';
import { startClients } from '../../../test/support/central-scenario.ts';
import { isLinearizable } from '../../../test/support/key-operations.ts';
import { type Program, sleep } from '../../core/effect.ts';
import type { RecoveryReport } from '../recovery.ts';
import type { System } from '../system.ts';
import { assembleCentral, system } from './index.ts';
import { TakeOver } from './take-over.ts';

/** Calls take longer than it takes to lose patience: one handler, and clients that wait for 2 us. */
const impatient = { handlers: 1, callTimeoutUs: 2 };

function bench(options: BenchOptions, tried: unknown = system): CentralBench {
  return new CentralBench(tried as System, options);
}

/** An event of all compute nodes. */
function eventsOf({ nodes }: CentralBench, name: string): number {
  return nodes.reduce((sum, { statistics }) => sum + (statistics.events[name] as number), 0);
}

function expectLinearizable({ histories }: CentralBench): void {
  expect(histories.size).toBeGreaterThan(0);
  for (const history of histories.values()) expect(isLinearizable(history)).toBe(true);
}

describe('a coordinator without standbys', () => {
  test('is called once, however slow it is', () => {
    const [alone, backed] = [0, 1].map((standbys) => {
      const tried = bench({ settings: impatient, shape: { standbys } });
      startClients(tried);
      tried.run();
      expect(tried.errors).toEqual([]);
      expectLinearizable(tried);
      return eventsOf(tried, 'callsRepeated');
    });
    expect(alone).toBe(0);
    // The same clients with somebody else to ask: so they do lose patience.
    expect(backed).toBeGreaterThan(0);
  });

  test.each([1, 40, 80, 120])('is called again when it has started anew, at verb %i', (at) => {
    const tried = bench({ settings: { callTimeoutUs: 100 }, shape: { standbys: 0 } });
    tried.atVerb(tried.coordinator, at, () => tried.restartCoordinator());
    startClients(tried);
    tried.run();
    tried.settle(benchKeys);
    expect(eventsOf(tried, 'callsRepeated')).toBeGreaterThan(0);
    // Nobody waits until it would have given up: who was told nothing knows that it cannot know.
    expect(eventsOf(tried, 'callsAbandoned')).toBe(0);
    expectLinearizable(tried);
  });

  test.each([
    ['looks for a new start before it gives up', 100, 20_000],
    ['gives up by the first time-out', 100, 0],
  ])('that never comes back is given up: %s', (_, callTimeoutUs, giveUpUs) => {
    const tried = bench({ settings: { callTimeoutUs, giveUpUs }, shape: { standbys: 0 } });
    let waitedNs = 0;
    tried.sim.crashCompute(tried.coordinator);
    tried.client(0, function* (client) {
      const beginNs = tried.sim.nowNs;
      yield* client.get(benchKeys[0] as never);
      waitedNs = tried.sim.nowNs - beginNs;
    });
    tried.run();
    expect(tried.errors).toEqual(['get FARSIDE_TIMEOUT']);
    expect(eventsOf(tried, 'callsAbandoned')).toBe(1);
    expect(eventsOf(tried, 'callsRepeated')).toBe(0);
    expect(waitedNs).toBeGreaterThanOrEqual(Math.max(callTimeoutUs, giveUpUs) * 1000);
    expect(waitedNs).toBeLessThan(2 * Math.max(callTimeoutUs, giveUpUs) * 1000);
  });

  test('keeps what it was asked while it could not take over, for when it can', () => {
    let takeOvers = 0;
    /** Stands down at once, the first time. */
    class SecondTry extends TakeOver {
      override *run(): Program<RecoveryReport | undefined> {
        return takeOvers++ === 0 ? undefined : yield* super.run();
      }
    }
    const tried = bench({ shape: { standbys: 0 } }, assembleCentral({ TakeOver: SecondTry }));
    const fault = tried.lost(tried.coordinator);
    let isAnswered = false;
    tried.restartCoordinator(1000);
    tried.client(0, function* (client) {
      yield* sleep(200_000);
      yield* client.get(benchKeys[0] as never);
      isAnswered = true;
    });
    tried.later(1_000_000, () => tried.takeOver(tried.coordinator, fault));
    tried.run();
    expect([isAnswered, takeOvers, tried.errors]).toEqual([true, 2, []]);
    expect(eventsOf(tried, 'callsRepeated')).toBe(0);
  });
});
