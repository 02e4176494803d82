import { type FabricOptions, openFabric } from '../fabric/index.ts';
import { Gathering } from './engine/gathering.ts';
import type { RunHooks } from './engine/hooks.ts';
import { prepare } from './engine/prepare.ts';
import { runReal } from './engine/run-real.ts';
import { runSim } from './engine/run-sim.ts';
import type { RunResult } from './result.ts';
import type { RunSpec } from './spec.ts';
import { inlineMore } from './tune.ts';

export { missingFor } from '../fabric/index.ts';

/**
 * One run from its description to its result: prepare (system, workload, cluster map), load, warm up,
 * measure. The same spec gives the same result in `sim`, and the same event hash. `gathering`: where
 * the nodes of several runs come from that are processes.
 */
export async function runOne(
  spec: RunSpec,
  hooks: RunHooks = {},
  gathering?: Gathering,
): Promise<RunResult> {
  inlineMore();
  const prepared = await prepare(spec);
  if (spec.fabric === 'sim') return await runSim(prepared, hooks);
  const { seed, durability } = spec;
  const joins = gathering ?? new Gathering([spec]);
  try {
    const fabric = openFabric(spec.fabric, prepared.cluster, {
      seed,
      durability,
      ...verbsOptionsOf(spec),
      rendezvous: await joins.rendezvousOf(spec),
    });
    return await runReal(prepared, fabric, hooks);
  } finally {
    if (gathering === undefined) joins.close();
  }
}

/** What only verbs is told. `fake`, for tests, stands for memory nodes on the device in this process. */
function verbsOptionsOf({
  cluster: { memory, queuePairs, flushBy, connections },
}: RunSpec): Pick<FabricOptions, 'memory' | 'queuePairs' | 'flushBy' | 'connections'> {
  return {
    ...(memory === undefined ? {} : { memory: memory === 'fake' ? memory : memory.split(',') }),
    ...(queuePairs === undefined ? {} : { queuePairs }),
    ...(flushBy === undefined ? {} : { flushBy }),
    ...(connections === undefined ? {} : { connections }),
  };
}
