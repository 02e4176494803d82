import type { NodeRuntime } from '../../fabric/fabric.ts';
import type { JobEnd, JobSite } from '../../fabric/job.ts';
import type { ClusterMap } from '../../memory/cluster.ts';
import { assembleCluster } from '../../systems/assemble.ts';
import type { Site, StoreClient, StoreShape, System } from '../../systems/system.ts';
import { loadSystem } from '../engine/prepare.ts';
import type { ParameterValue } from '../result.ts';

/** A store, fully decided: plain data, so that a worker can open its part of it. */
export interface StoreSetup {
  readonly system: string;
  readonly settings: Readonly<Record<string, ParameterValue>>;
  readonly shape: StoreShape;
}

export interface OpenedSetup {
  readonly system: System;
  readonly config: unknown;
  readonly shape: StoreShape;
  readonly cluster: ClusterMap;
}

export async function openSetup({
  system: name,
  settings,
  shape,
}: StoreSetup): Promise<OpenedSetup> {
  const system = await loadSystem(name);
  const config = system.configure(settings, shape);
  return { system, config, shape, cluster: assembleCluster(system, shape, config) };
}

function siteOf({ cluster, shape }: OpenedSetup, runtime: NodeRuntime): Site {
  return { context: runtime.context, cluster, shape };
}

/** Starts the programs of the server that `runtime` is, one a core. */
export function startServer(opened: OpenedSetup, runtime: NodeRuntime): void {
  const node = opened.cluster.node(runtime.context.node);
  const index = opened.cluster.withRole(node.role).indexOf(node);
  const site = siteOf(opened, runtime);
  const server = opened.system.openServer(site, opened.config, node.role, index);
  for (const [thread, program] of server.programs.entries()) {
    runtime.start(program, { daemon: true, label: `${node.name} ${thread}`, thread });
  }
}

/** Opens the compute node that `runtime` is; gives as many clients as it may have operations in flight. */
export function openClients(opened: OpenedSetup, runtime: NodeRuntime): StoreClient[] {
  const node = opened.system.openNode(siteOf(opened, runtime), opened.config);
  for (const program of node.background) {
    runtime.start(program, { daemon: true, background: true, label: 'background' });
  }
  return Array.from({ length: opened.shape.outstanding }, () => node.openClient());
}

/** What a worker does that is a server of a store. */
export async function serverJob(site: JobSite): Promise<JobEnd> {
  startServer(await openSetup(site.data as StoreSetup), site.runtime);
  return () => undefined;
}
