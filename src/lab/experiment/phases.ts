import type { WorkloadWishes } from '../../workload/workload.ts';
import type { ParameterValue } from '../result.ts';
import type { PhaseSpec } from '../spec.ts';
import type { Setting } from './setting.ts';
import { isShippedWorkload } from './workload-spec.ts';

/** Measured operations where nothing else ends a run. */
const operationsDefault = 100_000;
/** Warm-up of a run that ends by time or with its trace. */
const uncountedWarmup = 10_000;

/**
 * How long a run lasts. What the user set comes first; then what the workload's file asks for,
 * except that an asked count gives way to a duration that the user set. The shipped files ask for
 * 1000 operations, meant for a first try, so they count as asking for nothing.
 */
export function decidePhases(
  settings: ReadonlyMap<string, Setting>,
  wishes: WorkloadWishes | undefined,
): PhaseSpec {
  const set = (name: string): ParameterValue | undefined =>
    settings.get(`phases.${name}`)?.values[0];
  const durationNs = (set('duration') as number | undefined) ?? wishes?.durationNs;
  const operations = (set('operations') as number | undefined) ?? countedBy(settings, wishes);
  const warmup = set('warmup') as number | undefined;
  return {
    warmupOperations:
      warmup ?? (operations === undefined ? uncountedWarmup : Math.ceil(operations / 10)),
    operations,
    durationNs,
    targetOpsPerS: (set('target') as number | undefined) ?? wishes?.targetOpsPerS,
    arrivals: set('arrivals') as PhaseSpec['arrivals'],
  };
}

function countedBy(
  settings: ReadonlyMap<string, Setting>,
  wishes: WorkloadWishes | undefined,
): number | undefined {
  if (settings.has('phases.duration')) return undefined;
  const isShipped = isShippedWorkload(String(settings.get('workload.file')?.values[0]));
  const asked = isShipped ? undefined : wishes?.operations;
  return asked ?? (wishes?.durationNs === undefined ? operationsDefault : undefined);
}
