import type { CheckResult } from './check.ts';
import { operationsText, type Scenario } from './scenario.ts';
import type { Findings } from './search.ts';

/** Counters of the world, as people call what they count; those of systems go by their own names. */
const names: Readonly<Record<string, string>> = {
  casLost: 'CAS lost',
  tornVerbs: 'verbs torn',
  writesSwallowed: 'WRITE lost to an atomic',
  landedAfterCrash: 'verbs landed after a crash',
  landedInPart: 'WRITE landed in part after a crash',
  cutByFence: 'verbs cut off by a fence',
  wordsReverted: 'unflushed words lost',
  spins: 'programs that spun',
  recoveryRaced: 'recovery raced with clients',
};

export function describeScenario(scenario: Scenario): string[] {
  const { clients, faults, settings } = scenario;
  const plural = (count: number, noun: string): string =>
    `${count} ${noun}${count === 1 ? '' : 's'}`;
  const set = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
  return [
    `clients: ${clients.map(operationsText).join(' / ')}, on ${plural(scenario.computeNodes, 'compute node')}`,
    `${plural(scenario.memoryNodes, 'memory node')}, ${plural(scenario.replicas, 'copy').replace('copys', 'copies')}, ` +
      `durability ${scenario.durability}, timing ${scenario.timing}, ` +
      `values of ${scenario.valueWords * 8} B`,
    `faults: ${faults.length === 0 ? 'none' : faults.map(({ kind, count, node }) => `${kind}${node === undefined ? '' : ` of ${node}`} up to ${count}`).join(', ')}` +
      `${scenario.recovery ? '' : ', nobody repairs'}; seed ${scenario.seed}${set.length === 0 ? '' : `; ${set.join(', ')}`}`,
  ];
}

export function describeSearch({ plan, findings, seconds, threads, partial }: CheckResult): string {
  const { exhaustive, schedules } = findings;
  const n = (count: number): string => count.toLocaleString('en-US', { maximumFractionDigits: 0 });
  const took = `in ${seconds.toFixed(1)} s`;
  if (exhaustive === undefined) {
    const rate = n((schedules / seconds) * 60);
    const cut = partial ? ', interrupted' : '';
    const cores = `${threads} core${threads === 1 ? '' : 's'}`;
    return `${n(schedules)} ${plan.scheduler} schedules ${took} on ${cores}${cut}: ${rate} a minute`;
  }
  const { states, cutByState, cutBySleep, schedulesSaved, end, longestSchedule } = exhaustive;
  const all = end === 'complete' ? 'all of them' : `not all: ${end}`;
  return (
    `${n(schedules)} schedules of up to ${longestSchedule} steps ${took} (${all}), ` +
    `${n(states)} states; not run again: ${n(cutByState)} branches into known states, which stand ` +
    `for ${n(schedulesSaved)} schedules, and ${n(cutBySleep)} that commute with one that was run`
  );
}

/** What was reached, how often; and what never was. */
export function coverage({ events }: Findings): { reached: string[]; gaps: string[] } {
  const known = Object.entries(events).map(([name, count]) => ({
    name: names[name] ?? name,
    count,
  }));
  return {
    reached: known
      .filter(({ count }) => count > 0)
      .sort((a, b) => b.count - a.count)
      .map(({ name, count }) => `${name} ${count.toLocaleString('en-US')}`),
    gaps: known.filter(({ count }) => count === 0).map(({ name }) => name),
  };
}
