import type { NodeRuntime } from '../../fabric/fabric.ts';
import type { JobEnd, JobSite } from '../../fabric/job.ts';
import { assembleCluster } from '../../systems/assemble.ts';
import type { StoreClient, StoreShape } from '../../systems/system.ts';
import { type PreparedStore, siteOf } from '../engine/node-job.ts';
import { loadSystem } from '../engine/prepare.ts';
import { ServingNode } from '../engine/serving-node.ts';
import type { ParameterValue } from '../result.ts';

/** A store, fully decided: plain data, so that a worker can open its part of it. */
export interface StoreSetup {
  readonly system: string;
  readonly settings: Readonly<Record<string, ParameterValue>>;
  readonly shape: StoreShape;
}

export async function openSetup({
  system: name,
  settings,
  shape,
}: StoreSetup): Promise<PreparedStore> {
  const system = await loadSystem(name);
  const config = system.configure(settings, shape);
  return { system, config, shape, cluster: assembleCluster(system, shape, config) };
}

/**
 * Opens the compute node that `runtime` is; gives as many clients as it may have operations in
 * flight.
 */
export function openClients(opened: PreparedStore, runtime: NodeRuntime): StoreClient[] {
  const node = opened.system.openNode(siteOf(opened, runtime), opened.config);
  for (const program of node.background) {
    runtime.start(program, { daemon: true, background: true, label: 'background' });
  }
  return Array.from({ length: opened.shape.outstanding }, () => node.openClient());
}

/** What a worker does that is a server of a store. */
export async function serverJob(site: JobSite): Promise<JobEnd> {
  new ServingNode(await openSetup(site.data as StoreSetup), site.runtime);
  return () => undefined;
}
