import { globalAddress, offsetOf } from '../../src/core/address.ts';
import type { JobEnd, JobSite } from '../../src/fabric/job.ts';
import type { Stage } from './scenario.ts';
import { scenarios } from './scenarios/index.ts';

/** Runs one node's part of the scenario whose name is the node's data. */
export function conformance(site: JobSite): JobEnd {
  const scenario = scenarios.find(({ name }) => name === site.data);
  if (scenario === undefined) throw new Error(`there is no scenario ${String(site.data)}`);
  const stage = stageOf(site);
  const { name } = site.cluster.node(stage.context.node);
  for (const start of scenario.daemons?.[name] ?? []) {
    site.runtime.start(start(stage), { daemon: true });
  }
  const results: unknown[] = [];
  for (const [index, start] of (scenario.programs[name] ?? []).entries()) {
    const program = start(stage);
    site.runtime.start(
      (function* () {
        results[index] = yield* program;
      })(),
    );
  }
  return () => results;
}

function stageOf(site: JobSite): Stage {
  const { runtime, cluster } = site;
  return {
    site,
    runtime,
    cluster,
    context: runtime.context,
    at: (offsetBytes, memoryNode = 0) =>
      globalAddress(memoryNode, offsetOf(cluster.region(memoryNode, 'data').address) + offsetBytes),
    id: (name) => cluster.byName(name).id,
  };
}
