import { existsSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { FarsideError } from '../../core/errors.ts';
import { didYouMean } from '../../core/nearest.ts';
import type { ClusterMap } from '../../memory/cluster.ts';
import { assembleCluster } from '../../systems/assemble.ts';
import { builtInSystems } from '../../systems/index.ts';
import type { StoreShape, System } from '../../systems/system.ts';
import type { Workload } from '../../workload/workload.ts';
import { needs } from '../driver/perform.ts';
import type { RunSpec } from '../spec.ts';
import { openWorkload } from '../workload-files.ts';

/** Everything of a run that is decided before its first event; every worker computes the same. */
export interface Prepared {
  readonly spec: RunSpec;
  readonly system: System;
  readonly config: unknown;
  readonly workload: Workload;
  readonly shape: StoreShape;
  readonly cluster: ClusterMap;
}

/** A built-in system by name, or a user's by path: a module that exports `system`. */
export async function loadSystem(nameOrPath: string): Promise<System> {
  const builtIn = builtInSystems.get(nameOrPath);
  if (builtIn !== undefined) return builtIn;
  if (!/[./\\]/.test(nameOrPath)) {
    throw new FarsideError(
      'FARSIDE_USAGE',
      `there is no system ${nameOrPath}${didYouMean(nameOrPath, builtInSystems.keys())} ` +
        `(there are: ${[...builtInSystems.keys()].join(', ')}; or the path of a module)`,
    );
  }
  const file = path.resolve(nameOrPath);
  if (!existsSync(file)) {
    throw new FarsideError('FARSIDE_USAGE', `system ${nameOrPath}: there is no such file`);
  }
  const loaded = (await import(pathToFileURL(file).href).catch((error: unknown) => {
    const why = isNoModule(error)
      ? `: expected a JavaScript module (.js, .mjs), or what TypeScript was compiled to`
      : ` does not load: ${String(error)}`;
    throw new FarsideError('FARSIDE_INPUT', `system ${nameOrPath}${why}`);
  })) as { system?: unknown };
  const missing = missingMembers(loaded.system);
  if (missing.length > 0) {
    throw new FarsideError(
      'FARSIDE_INPUT',
      `system ${nameOrPath}: expected a module that exports \`system\`, an object with ` +
        missing.join(', '),
    );
  }
  return loaded.system as System;
}

/** A folder, or a file of another kind. */
function isNoModule(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | undefined)?.code ?? '';
  return ['ERR_UNKNOWN_FILE_EXTENSION', 'ERR_UNSUPPORTED_DIR_IMPORT'].includes(code);
}

/** What a module's `system` must bring: a mistake is told here, and not when a run is half done. */
const members: Readonly<Record<string, (value: unknown) => boolean>> = {
  name: isString,
  summary: isString,
  roundTrips: isString,
  operations: Array.isArray,
  promises: Array.isArray,
  parameters: Array.isArray,
  configure: isFunction,
  layout: isFunction,
  openNode: isFunction,
  openServer: isFunction,
};

function missingMembers(system: unknown): string[] {
  const has = (typeof system === 'object' ? (system ?? {}) : {}) as Record<string, unknown>;
  return Object.entries(members).flatMap(([name, fits]) => (fits(has[name]) ? [] : [name]));
}

function isString(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}

function isFunction(value: unknown): boolean {
  return typeof value === 'function';
}

export async function prepare(spec: RunSpec): Promise<Prepared> {
  const system = await loadSystem(spec.system);
  const workload = openWorkload(spec.workload);
  refuseUnserved(system, workload);
  const untimed = untimedReplay(spec, workload);
  if (untimed !== undefined) throw new FarsideError('FARSIDE_USAGE', untimed);
  const shape = shapeOf(spec, workload);
  const config = system.configure(spec.settings, shape);
  const cluster = assembleCluster(system, shape, config);
  return { spec, system, config, workload, shape, cluster };
}

export function shapeOf(spec: RunSpec, workload: Workload): StoreShape {
  const { cluster } = spec;
  return {
    memoryNodes: cluster.memoryNodes,
    spares: cluster.spares ?? 0,
    standbys: cluster.standbys ?? 0,
    computeNodes: cluster.computeNodes,
    clientsPerNode: cluster.clients,
    outstanding: cluster.outstanding,
    replicas: cluster.replicas,
    keysMax: workload.keysMax,
    keyBytesMax: workload.keyBytesMax,
    valueBytesMax: workload.valueBytesMax,
    valueBytesMean: workload.valueBytesMean,
    medium: cluster.medium,
    memoryBytes: cluster.memoryBytes,
  };
}

/** What is wrong with a replay as recorded of what has no times: all would begin at once. */
export function untimedReplay({ phases }: RunSpec, workload: Workload): string | undefined {
  if (phases.arrivals !== 'as-recorded' || workload.hasTimes === true) return undefined;
  return `${workload.name} has no times; use poisson or constant`;
}

/** FARSIDE_UNSUPPORTED where a workload brings operations that the system does not have. */
export function refuseUnserved(system: System, workload: Workload): void {
  const asked = workload.kinds.map((kind) => ({ who: kind as string, needs: needs[kind] }));
  if (workload.recordCount > 0) asked.push({ who: 'its load phase', needs: needs.insert });
  for (const { who, needs } of asked) {
    const missing = needs.filter((operation) => !system.operations.includes(operation));
    if (missing.length === 0) continue;
    throw new FarsideError(
      'FARSIDE_UNSUPPORTED',
      `${system.name} cannot serve ${workload.name}, which needs ${missing.join(', ')}` +
        `${who === missing[0] ? '' : ` for ${who}`}: it has only ${system.operations.join(', ')}`,
    );
  }
}
