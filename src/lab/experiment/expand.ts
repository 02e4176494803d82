import type { Durability, FabricKind } from '../../core/context.ts';
import type { RunConnections } from '../../fabric/index.ts';
import type { Medium } from '../../memory/cluster.ts';
import type { Axis, ParameterValue } from '../result.ts';
import type { ClusterSpec, RunSpec } from '../spec.ts';
import type { ChosenSystem } from './choose.ts';
import type { Draft, WrittenFault } from './draft.ts';
import { isSystemSetting, parameters } from './parameters.ts';
import { decidePhases } from './phases.ts';
import { seedCountMax, seedMax } from './seeds.ts';
import { defaultOrigin, listed, type Setting, usageError } from './setting.ts';
import { workloadSpec } from './workload-spec.ts';

/** More runs than this are a mistake in a list, not an experiment. */
export const runsMax = 10_000;

/** One run and the settings that made it, so that a check can say where a bad value was written. */
export interface PlannedRun {
  readonly spec: RunSpec;
  readonly chosen: ChosenSystem;
  readonly settings: ReadonlyMap<string, Setting>;
  readonly faults: readonly WrittenFault[];
}

export interface Plan {
  readonly axes: readonly Axis[];
  readonly seeds: readonly number[];
  readonly runs: readonly PlannedRun[];
}

/**
 * All combinations of axes, systems and seeds, in this order: the first axis varies slowest, and at
 * each point every system runs with every seed. An interrupted experiment so has whole points, each
 * with all systems compared. An axis that means nothing to a run (`clover.cursorsMax` to Direct)
 * does not multiply it, and is not in its point.
 */
export function expand(draft: Draft, systems: readonly ChosenSystem[]): Plan {
  const settings = withDefaults(draft.settings);
  const axes = settings.filter((setting) => setting.values.length > 1);
  const seeds = seedsOf(draft);
  refuseTooMany(axes, systems, seeds);
  const runs: PlannedRun[] = [];
  for (const indices of combinations(axes.map((axis) => axis.values.length))) {
    const at = new Map(axes.map((axis, i) => [axis.path, indices[i] as number]));
    const here = settings.map((setting): Setting => {
      const value = setting.values[at.get(setting.path) ?? 0] as ParameterValue;
      return { ...setting, values: [value] };
    });
    const byPath = new Map(here.map((setting) => [setting.path, setting]));
    for (const chosen of systems) {
      const meant = axes.filter((axis) =>
        concerns(axis.path, chosen, chosenValue(byPath, 'fabric')),
      );
      const isRepeat = axes.some((axis) => !meant.includes(axis) && at.get(axis.path) !== 0);
      if (isRepeat) continue;
      const point = Object.fromEntries(
        meant.map((axis) => [axis.path, chosenValue(byPath, axis.path) as ParameterValue]),
      );
      for (const seed of seeds) {
        const plain = specOf(byPath, chosen, seed, point);
        const { faults } = draft;
        const spec =
          faults.length === 0 ? plain : { ...plain, faults: faults.map(({ fault }) => fault) };
        runs.push({ spec, chosen, settings: byPath, faults });
      }
    }
  }
  return { axes: axes.map(({ path, values }) => ({ path, values })), seeds, runs };
}

/**
 * Everything that was set, then every default that was not, so that axes keep the written order.
 */
export function withDefaults(settings: readonly Setting[]): Setting[] {
  const isSet = new Set(settings.map((setting) => setting.path));
  const defaults = parameters.flatMap(({ path, default: value }): Setting[] =>
    isSet.has(path) || value === undefined
      ? []
      : [{ path, values: [value], origin: defaultOrigin }],
  );
  return [...settings, ...defaults];
}

function seedsOf(draft: Draft): number[] {
  const written = draft.seeds ?? [1];
  const { seedCount } = draft;
  if (seedCount !== undefined && written.length > 1) {
    throw usageError([
      `--seeds ${seedCount} counts from one seed, and there are ${written.length}: ` +
        'leave one of the two out',
    ]);
  }
  const first = written[0] as number;
  const seeds = Array.from({ length: seedCount ?? 0 }, (_, i) => first + i);
  const all = [...new Set(seedCount === undefined ? written : seeds)];
  if (all.length > seedCountMax || (all.at(-1) as number) > seedMax) {
    throw usageError([`expected at most ${seedCountMax} seeds, none above ${seedMax}`]);
  }
  return all;
}

function refuseTooMany(
  axes: readonly Setting[],
  systems: readonly ChosenSystem[],
  seeds: readonly number[],
): void {
  const points = axes.reduce((product, axis) => product * axis.values.length, 1);
  const total = points * systems.length * seeds.length;
  if (total <= runsMax) return;
  const factors = axes.map((axis) => `${axis.values.length} of ${axis.path}`);
  throw usageError([
    `${total} runs (${systems.length} systems x ${seeds.length} seeds x ${listed(factors)}): ` +
      `expected at most ${runsMax}; shorten a list`,
  ]);
}

/**
 * Index vectors in order, the last one varying fastest; one empty vector where there are no axes.
 */
function* combinations(lengths: readonly number[]): Generator<number[]> {
  const total = lengths.reduce((product, length) => product * length, 1);
  for (let i = 0; i < total; i++) {
    const indices: number[] = [];
    let rest = i;
    for (const length of lengths.toReversed()) {
      indices.unshift(rest % length);
      rest = Math.floor(rest / length);
    }
    yield indices;
  }
}

function concerns(path: string, chosen: ChosenSystem, fabric: ParameterValue | undefined): boolean {
  if (path.startsWith('profile.')) return fabric === 'sim';
  return !isSystemSetting(path) || path.startsWith(`${chosen.label}.`);
}

type ByPath = ReadonlyMap<string, Setting>;

export function chosenValue(settings: ByPath, path: string): ParameterValue | undefined {
  return settings.get(path)?.values[0];
}

function specOf(
  settings: ByPath,
  chosen: ChosenSystem,
  seed: number,
  point: Readonly<Record<string, ParameterValue>>,
): RunSpec {
  const fabric = chosenValue(settings, 'fabric') as FabricKind;
  return {
    system: chosen.name,
    settings: below(settings, `${chosen.label}.`),
    fabric,
    profile: chosenValue(settings, 'profile.name') as string,
    profileOverrides: fabric === 'sim' ? profileOverrides(settings) : {},
    durability: chosenValue(settings, 'durability') as Durability,
    seed,
    cluster: clusterSpec(settings),
    workload: workloadSpec(settings),
    phases: decidePhases(settings, undefined),
    point,
  };
}

/** All settings under a prefix, by the rest of their paths. */
function below(settings: ByPath, prefix: string): Record<string, ParameterValue> {
  const found: Record<string, ParameterValue> = {};
  for (const [path, setting] of settings) {
    if (path.startsWith(prefix)) {
      found[path.slice(prefix.length)] = setting.values[0] as ParameterValue;
    }
  }
  return found;
}

function profileOverrides(settings: ByPath): Record<string, number> {
  const { name: _, ...numbers } = below(settings, 'profile.');
  return numbers as Record<string, number>;
}

function connectionsOf(settings: ByPath): RunConnections {
  const given = (name: string) => chosenValue(settings, `cluster.${name}`);
  const [mtu, gidIndex] = [given('mtu'), given('gidIndex') as number | undefined];
  const [timeout, retryCnt] = [given('ackTimeout'), given('retries')] as (number | undefined)[];
  return {
    ...(mtu === undefined ? {} : { pathMtuBytes: Number(mtu) }),
    ...(gidIndex === undefined ? {} : { gidIndex }),
    ...(timeout === undefined ? {} : { timeout }),
    ...(retryCnt === undefined ? {} : { retryCnt }),
  };
}

const joinTimeoutNsDefault = 60e9;

function clusterSpec(settings: ByPath): ClusterSpec {
  const number = (name: string) => chosenValue(settings, `cluster.${name}`) as number;
  const memory = chosenValue(settings, 'cluster.memory') as string | undefined;
  const listen = chosenValue(settings, 'cluster.listen') as string | undefined;
  const processes = chosenValue(settings, 'cluster.processes') as boolean;
  const joinTimeoutNs = chosenValue(settings, 'cluster.joinTimeout') as number | undefined;
  const joins = processes || listen !== undefined;
  const queuePairs = chosenValue(settings, 'cluster.queuePairs') as number | undefined;
  const flushBy = chosenValue(settings, 'cluster.flushBy') as ClusterSpec['flushBy'];
  const connections = connectionsOf(settings);
  return {
    computeNodes: number('computeNodes'),
    clients: number('clients'),
    outstanding: number('outstanding'),
    memoryNodes: number('memoryNodes'),
    ...(memory === undefined ? {} : { memory }),
    ...(processes ? { processes } : {}),
    ...(listen === undefined ? {} : { listen }),
    ...(joins ? { joinTimeoutNs: joinTimeoutNs ?? joinTimeoutNsDefault } : {}),
    ...(queuePairs === undefined ? {} : { queuePairs }),
    ...(flushBy === undefined ? {} : { flushBy }),
    ...(Object.keys(connections).length === 0 ? {} : { connections }),
    spares: number('spares'),
    standbys: number('standbys'),
    replicas: number('replicas'),
    medium: chosenValue(settings, 'cluster.medium') as Medium,
    memoryBytes: chosenValue(settings, 'cluster.memoryBytes') as number | undefined,
  };
}
