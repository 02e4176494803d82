import { TaskNames, WorldMemory } from '../../../sim/explore/index.ts';
import { HistoryRecorder } from '../../check/history.ts';
import { FarsideError } from '../../core/errors.ts';
import { type Key, keyOf } from '../../core/key.ts';
import type { ClusterMap } from '../../memory/cluster.ts';
import { assembleCluster } from '../../systems/assemble.ts';
import type { StoreShape, System } from '../../systems/system.ts';
import { loadSystem } from '../engine/prepare.ts';
import { victimsOf } from './failures.ts';
import { type Scenario, shapeOf } from './scenario.ts';

/** What all schedules of one scenario share: made once, used for every one. */
export interface Stage {
  readonly scenario: Scenario;
  readonly system: System;
  readonly config: unknown;
  readonly shape: StoreShape;
  readonly cluster: ClusterMap;
  readonly memory: WorldMemory;
  readonly names: TaskNames;
  readonly keys: readonly Key[];
  /** Of the schedule under way; its memory serves all of them. */
  readonly recorder: HistoryRecorder;
  /** Histories that broke no promise: many schedules show clients the same. */
  readonly harmless: Set<string>;
}

/** FARSIDE_USAGE where the scenario asks for what the system does not have. */
export async function openStage(scenario: Scenario, names?: TaskNames): Promise<Stage> {
  const system = await loadSystem(scenario.system);
  const wanted = new Set(scenario.clients.flat().map(({ operation }) => operation));
  for (const operation of wanted) {
    if (system.operations.includes(operation)) continue;
    throw new FarsideError(
      'FARSIDE_USAGE',
      `${system.name} has no ${operation} (it has: ${system.operations.join(', ')})`,
    );
  }
  return stageOf(scenario, system, names);
}

/** FARSIDE_USAGE where a fault names a node that it cannot befall. */
export function stageOf(scenario: Scenario, system: System, names = new TaskNames()): Stage {
  const shape = shapeOf(scenario);
  const config = system.configure(scenario.settings, shape);
  const cluster = assembleCluster(system, shape, config);
  for (const { kind, node } of scenario.faults) {
    if (kind !== 'pause') victimsOf(cluster, kind, node);
  }
  return {
    scenario,
    system,
    config,
    shape,
    cluster,
    memory: new WorldMemory(cluster, scenario.durability),
    names,
    recorder: new HistoryRecorder(64),
    harmless: new Set(),
    keys: Array.from({ length: scenario.keys }, (_, i) => keyOf(`key${i}`)),
  };
}
