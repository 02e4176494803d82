import { FarsideError } from '../core/errors.ts';
import type { RunHooks } from './engine/hooks.ts';
import { prepare } from './engine/prepare.ts';
import { runShared } from './engine/run-shared.ts';
import { runSim } from './engine/run-sim.ts';
import type { RunResult } from './result.ts';
import type { RunSpec } from './spec.ts';
import { inlineMore } from './tune.ts';

/**
 * One run from its description to its result: prepare (system, workload, cluster map), load, warm up,
 * measure. The same spec gives the same result in `sim`, and the same event hash.
 */
export async function runOne(spec: RunSpec, hooks: RunHooks = {}): Promise<RunResult> {
  inlineMore();
  const prepared = await prepare(spec);
  switch (spec.fabric) {
    case 'sim':
      return await runSim(prepared, hooks);
    case 'shared':
      return await runShared(prepared, hooks);
    case 'verbs':
      throw new FarsideError(
        'FARSIDE_UNSUPPORTED',
        'the verbs fabric is not part of this version: use --fabric sim or --fabric shared',
      );
  }
}
