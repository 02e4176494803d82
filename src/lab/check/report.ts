import { counted, formatCount } from '../output/format.ts';
import type { CheckResult } from './check.ts';
import type { Judgement } from './judge.ts';
import { operationsText, type Scenario } from './scenario.ts';
import type { Findings } from './search.ts';

/** Counters of the world, as people call what they count; those of a system it names itself. */
const worldCounters: Readonly<Record<string, string>> = {
  casLost: 'CAS lost',
  tornVerbs: 'verbs torn',
  writesSwallowed: 'WRITE lost to an atomic',
  landedAfterCrash: 'verbs landed after a crash or cut',
  landedInPart: 'WRITE landed in part after a crash',
  cutByFence: 'verbs cut off by a fence',
  leftInDoubt: 'verbs left in doubt by a cut',
  wordsReverted: 'unflushed words lost',
  spins: 'programs that spun',
};

export function describeScenario(scenario: Scenario): string[] {
  const { clients, settings, computeNodes, memoryNodes, replicas } = scenario;
  const set = Object.entries(settings).map(([name, value]) => `; ${name}=${value}`);
  const repairs = scenario.recovery ? '' : ', nobody repairs';
  return [
    `clients: ${clients.map(operationsText).join(' / ')}; compute nodes: ${computeNodes}`,
    `memory nodes: ${memoryNodes}; copies: ${replicas}; durability ${scenario.durability}; ` +
      `timing ${scenario.timing}; values of ${scenario.valueWords * 8} B`,
    `faults: ${faultsText(scenario)}${repairs}; ${scopeText(scenario)}seed ${scenario.seed}${set.join('')}`,
  ];
}

/** What an exhaustive search is all of. */
function scopeText({ grain, earlyTimers }: Scenario): string {
  const timers =
    earlyTimers === undefined ? 'timers at any time; ' : `timers: up to ${earlyTimers} early; `;
  const programs = {
    effects: '',
    waits: 'programs of a node overtake where they wait; ',
    turns: 'programs of a node take turns; ',
  };
  return programs[grain] + (grain === 'effects' ? '' : timers);
}

export function describeVerdict(judgement: Judgement): string {
  if (judgement.kind === 'kept') return 'safety kept, liveness kept';
  return `${judgement.kind} broken: ${judgement.promise}: ${judgement.explanation}`;
}

/** The verdict of a search, which says where it was cut short that it is not one of the whole. */
export function describeResult({ findings, failure, partial }: CheckResult): string {
  if (failure !== undefined) return describeVerdict(failure.judgement);
  if (findings.schedules === 0) return 'no verdict: no schedule has come to its end';
  const isWhole = !partial && (findings.exhaustive?.end ?? 'complete') === 'complete';
  return `${describeVerdict({ kind: 'kept' })}${isWhole ? '' : ' so far'}`;
}

function faultsText({ faults, grain }: Scenario): string {
  const texts = faults.map(({ kind, count, node, amid }) => {
    // As Session offers them.
    const isNarrowed = (kind === 'crash' || kind === 'cut') && grain !== 'effects';
    const some = isNarrowed ? ' of a node with a client' : '';
    const whose = node === undefined ? some : ` of ${node}`;
    return `${kind}${whose}${amid === undefined ? '' : ' amid writes'} up to ${count}`;
  });
  return texts.join(', ') || 'none';
}

export function describeSearch({ plan, findings, seconds, threads, partial }: CheckResult): string {
  const { exhaustive, schedules } = findings;
  const n = formatCount;
  const took = `in ${seconds.toFixed(1)} s`;
  const on = counted(threads, 'thread');
  if (exhaustive === undefined) {
    const rate = n(Math.round((schedules / seconds) * 60));
    const cut = partial ? ', interrupted' : '';
    return `${n(schedules)} ${plan.scheduler} schedules ${took} on ${on}${cut}: ${rate} a minute`;
  }
  const { states, cutByState, cutBySleep, cutByLonely, schedulesSaved, end, longestSchedule } =
    exhaustive;
  const all = end === 'complete' ? 'all of them' : `not all: ${end}`;
  return (
    `${n(schedules)} schedules of up to ${longestSchedule} steps ${took} on ${on} (${all}), ` +
    `${n(states)} states; not run again: ${n(cutByState)} branches into known states, which stand ` +
    `for ${n(schedulesSaved)} schedules, ${n(cutBySleep)} that commute with one that was run, and ` +
    `${n(cutByLonely)} beside a verb that is nobody else's business; ${heldText(exhaustive)}`
  );
}

/** Whether the bound on early timers left anything out. */
function heldText({ heldTimers, end }: NonNullable<Findings['exhaustive']>): string {
  if (heldTimers === 0) {
    return `no timer was held back${end === 'complete' ? ': complete for timers at any time' : ''}`;
  }
  return `in ${formatCount(heldTimers)} states a timer was held back that could have been early`;
}

/** What was reached, how often; and what never was. */
export function coverage({ findings, counters }: CheckResult): {
  reached: string[];
  gaps: string[];
} {
  // A time that a system keeps among its counters is no state that a schedule reaches.
  const names: Readonly<Record<string, string>> = { ...counters, ...worldCounters };
  const known = Object.entries(findings.events)
    .filter(([name]) => !name.endsWith('Ns'))
    .map(([name, count]) => ({ name: names[name] ?? name, count }));
  return {
    reached: known
      .filter(({ count }) => count > 0)
      .sort((a, b) => b.count - a.count)
      .map(({ name, count }) => `${name} ${formatCount(count)}`),
    gaps: known.filter(({ count }) => count === 0).map(({ name }) => name),
  };
}
