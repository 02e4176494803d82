import { RandomScheduler } from '../../../sim/explore/index.ts';
import { FarsideError } from '../../core/errors.ts';
import { randomStream } from '../../core/random.ts';
import { formatCount } from '../output/format.ts';
import { runSchedule } from './schedule.ts';
import type { Stage } from './stage.ts';

/** Random schedules that the size of a scope is judged by. */
const probes = 20;

/**
 * About how many states an exhaustive search would meet: each node's programs may be anywhere between
 * their steps, independently of the others', and a fault may come after each. Within a factor of a
 * hundred; tearing and retries make it more, locks make it less.
 */
export function statesExpected(stage: Stage): number {
  let sum = 0;
  for (let probe = 0; probe < probes; probe++) {
    const chooser = new RandomScheduler(randomStream(probe, 'probe'));
    const stepsOf = new Map<string, number>();
    const { choices } = runSchedule(stage, (world, possible) => chooser.choose(world, possible));
    for (const choice of choices) {
      const task = Math.floor(choice / (8 * 2 ** 26));
      const [node = ''] = stage.names.nameOf(task).split('/');
      stepsOf.set(node, (stepsOf.get(node) ?? 0) + 1);
    }
    let states = 1;
    for (const steps of stepsOf.values()) states *= steps + 1;
    const faults = stage.scenario.faults.reduce((total, { count }) => total + count, 0);
    sum += states * (choices.length + 1) ** faults;
  }
  return sum / probes;
}

/** FARSIDE_USAGE where a search could not end within `statesMax` states. */
export function refuseLargeScope(stage: Stage, statesMax: number): void {
  const expected = statesExpected(stage);
  if (expected <= statesMax * 100) return;
  throw new FarsideError(
    'FARSIDE_USAGE',
    tooLarge(stage, `about 10^${Math.round(Math.log10(expected))}`, statesMax),
  );
}

export function tooLarge({ scenario }: Stage, size: string, statesMax: number): string {
  const { clients, faults, earlyTimers } = scenario;
  const operations = Math.max(...clients.map(({ length }) => length));
  const cuts = [
    ...(clients.length > 2 ? [`--clients ${clients.length - 1}`] : []),
    ...(earlyTimers !== 0 ? ['--early-timers 0'] : []),
    ...(operations > 1 ? [`--operations ${operations - 1}`] : []),
    ...(faults.length > 0 ? ['--faults none'] : []),
    ...(scenario.replicas > 1 ? ['--replicas 1'] : []),
    '--scheduler random',
  ];
  return (
    `this scope has ${size} states, more than the ${formatCount(statesMax)} that exhaustive ` +
    `search takes (--states): cut it by ${cuts.slice(0, 3).join(', ')}`
  );
}
