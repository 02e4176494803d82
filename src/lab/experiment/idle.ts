import type { FabricKind } from '../../core/context.ts';
import { KeyListWorkload } from '../../workload/key-list.ts';
import { TraceWorkload } from '../../workload/trace.ts';
import type { Workload } from '../../workload/workload.ts';
import { untimedReplay } from '../engine/prepare.ts';
import type { RunSpec } from '../spec.ts';
import type { PlannedRun } from './expand.ts';
import { parameterByPath } from './parameters.ts';
import { type Setting, said, usageError } from './setting.ts';
import { parameterOf } from './workload-spec.ts';

/**
 * Settings that can have no effect. What a user asked for in vain is an error, never silently
 * ignored; where a flag overrides the file that gave a setting its meaning (`--fabric shared` over
 * a file with a profile), the setting is dropped and a note says so.
 */

export interface Effects {
  readonly problems: readonly string[];
  readonly notes: readonly string[];
}

interface Rule {
  readonly path: string;
  /** Undefined where the setting has an effect; otherwise what makes it idle. */
  idleBecause(all: Settings): Idle | undefined;
}

interface Idle {
  readonly because: string;
  /** The setting that makes this one idle, where it is one. */
  readonly culprit?: Setting | undefined;
  readonly next: string;
}

/** All settings of an experiment by path, defaults included. */
export type Settings = ReadonlyMap<string, Setting>;

const rules: readonly Rule[] = [
  { path: 'profile.name', idleBecause: withoutSim },
  { path: 'cluster.memory', idleBecause: withoutVerbs },
  { path: 'cluster.processes', idleBecause: (all) => withoutVerbs(all) ?? besideListen(all) },
  { path: 'cluster.listen', idleBecause: withoutVerbs },
  { path: 'cluster.joinTimeout', idleBecause: withoutJoining },
  { path: 'cluster.queuePairs', idleBecause: withoutVerbs },
  { path: 'cluster.mtu', idleBecause: withoutVerbs },
  { path: 'cluster.gidIndex', idleBecause: withoutVerbs },
  { path: 'cluster.ackTimeout', idleBecause: withoutVerbs },
  { path: 'cluster.retries', idleBecause: withoutVerbs },
  { path: 'cluster.flushBy', idleBecause: (all) => withoutVerbs(all) ?? withoutFlush(all) },
  {
    path: 'phases.target',
    idleBecause: (all) => {
      const arrivals = all.get('phases.arrivals');
      if (arrivals?.values.some((value) => value !== 'as-recorded')) return undefined;
      return {
        because: 'with arrivals as recorded: the trace has the times',
        culprit: arrivals,
        next: 'leave one of the two out (-p tracespeed replays faster)',
      };
    },
  },
  {
    path: 'phases.arrivals',
    idleBecause: (all) => {
      const arrivals = all.get('phases.arrivals');
      if (all.has('phases.target') || arrivals?.values.includes('as-recorded')) return undefined;
      return {
        because: 'without a target rate: the loop is closed',
        next: 'add --target',
      };
    },
  },
];

function withoutSim(all: Settings): Idle | undefined {
  const fabric = all.get('fabric');
  if (fabric === undefined || fabric.values.includes('sim')) return undefined;
  const kinds = fabric.values as readonly FabricKind[];
  return {
    because: `with fabric ${kinds.join(' and ')}: only sim has a cost model`,
    culprit: fabric,
    next: 'leave it out',
  };
}

function besideListen(all: Settings): Idle | undefined {
  const listen = all.get('cluster.listen');
  if (listen === undefined || all.get('cluster.processes')?.values.includes(false))
    return undefined;
  return {
    because: 'where nodes join that others start',
    culprit: listen,
    next: 'leave out --processes or --listen',
  };
}

function withoutJoining(all: Settings): Idle | undefined {
  const joins = all.has('cluster.listen') || all.get('cluster.processes')?.values.includes(true);
  if (joins) return undefined;
  return { because: 'where nodes are threads', next: 'add --listen or --processes' };
}

function withoutVerbs(all: Settings): Idle | undefined {
  const fabric = all.get('fabric');
  if (fabric === undefined || fabric.values.includes('verbs')) return undefined;
  return {
    because: `with fabric ${fabric.values.join(' and ')}: it is for RDMA`,
    culprit: fabric,
    next: 'leave it out, or add --fabric verbs',
  };
}

function withoutFlush(all: Settings): Idle | undefined {
  const durability = all.get('durability');
  if (durability?.values.includes('flush')) return undefined;
  return {
    because: 'in durability assumed: nothing is flushed there',
    culprit: durability,
    next: 'leave it out, or add --durability flush',
  };
}

export function idleSettings(all: Settings): Effects {
  const problems: string[] = [];
  const notes: string[] = [];
  for (const setting of all.values()) {
    if (setting.origin.source === 'default') continue;
    const idle = ruleFor(setting.path)?.idleBecause(all);
    if (idle === undefined) continue;
    const what = `${said(setting)}: it has no effect ${idle.because}`;
    const isOverridden = setting.origin.source === 'file' && idle.culprit?.origin.source === 'flag';
    if (isOverridden) notes.push(what);
    else problems.push(`${what}; ${idle.next}`);
  }
  return { problems, notes };
}

function ruleFor(path: string): Rule | undefined {
  if (path.startsWith('profile.') && !parameterByPath.has(path)) return rules[0];
  return rules.find((rule) => rule.path === path);
}

/** The same, of what only the opened workload can tell. FARSIDE_USAGE has a line for each. */
export function refuseIdle(run: PlannedRun, spec: RunSpec, workload: Workload): void {
  const problems = idleProperties(run, workload);
  const isSet = (path: string): Setting | undefined => {
    const setting = run.settings.get(path);
    return setting?.origin.source === 'default' ? undefined : setting;
  };
  const skipping = isSet('workload.skipBadLines');
  const hasLines = workload instanceof TraceWorkload || workload instanceof KeyListWorkload;
  if (skipping !== undefined && !hasLines) {
    problems.push(
      `${said(skipping)}: it has no effect on ${workload.name}: only traces have lines`,
    );
  }
  const recorded = isSet('phases.arrivals');
  const untimed = untimedReplay(spec, workload);
  if (untimed !== undefined) {
    problems.push(`${recorded === undefined ? '' : `${said(recorded)}: `}${untimed}`);
  }
  if (problems.length > 0) throw usageError(problems);
}

/** How warnings begin that are about properties over those of a file. */
const setOnTop = '-p: ';

/** Properties that were set for this run, and that its workload does not know. */
function idleProperties(run: PlannedRun, workload: Workload): string[] {
  const ignored = (workload.warnings ?? []).filter((warning) => warning.startsWith(setOnTop));
  return ignored.map((warning) => {
    const message = warning.slice(setOnTop.length).replace(', ignored', '');
    const parameter = parameterOf(message.split(' ')[0] as string);
    const label = run.settings.get(parameter)?.origin.label;
    return label === undefined ? message : `${label}: ${message}`;
  });
}
