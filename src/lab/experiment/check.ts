import { FarsideError } from '../../core/errors.ts';
import { assembleCluster } from '../../systems/assemble.ts';
import type { Workload } from '../../workload/workload.ts';
import { refuseUnserved, shapeOf } from '../engine/prepare.ts';
import { openProfile } from '../profiles.ts';
import type { WorkloadSpec } from '../spec.ts';
import { openWorkload } from '../workload-files.ts';
import type { Plan, PlannedRun } from './expand.ts';
import { oneLine, type Setting, said, usageError } from './setting.ts';

/** More than this many lines say no more than the first ones. */
const problemsMax = 20;

/**
 * Everything that can be known to fail before the first run starts: replicas without memory nodes, a
 * profile that does not exist or is incomplete, a workload that does not open or that a system cannot
 * serve, regions too small for the data. One bad run among many refuses the experiment, so that nobody
 * waits an hour for it.
 */
export function checkPlan(plan: Plan): void {
  const problems = new Set<string>();
  const workloads = new Map<string, Workload>();
  const seen = new Set<string>();
  for (const run of plan.runs) {
    const identity = JSON.stringify({ ...run.spec, seed: 0, point: {}, phases: {} });
    if (seen.has(identity)) continue;
    seen.add(identity);
    const problem = checkCluster(run) ?? checkOpening(run, workloads);
    if (problem !== undefined) problems.add(problem);
    if (problems.size >= problemsMax) break;
  }
  if (problems.size > 0) throw usageError([...problems]);
}

function checkCluster({ spec, settings }: PlannedRun): string | undefined {
  const { replicas, memoryNodes } = spec.cluster;
  if (replicas <= memoryNodes) return undefined;
  const setting = settings.get('cluster.replicas') as Setting;
  const nodes = settings.get('cluster.memoryNodes') as Setting;
  // The message begins with what the user wrote, whichever of the two that was.
  const written = setting.origin.source === 'default' ? nodes : setting;
  return (
    `${said(written)}: ${replicas} replicas need ${replicas} memory nodes and there are ` +
    `${memoryNodes}; raise memory nodes or lower replicas`
  );
}

function checkOpening(run: PlannedRun, workloads: Map<string, Workload>): string | undefined {
  try {
    open(run, workloads);
    return undefined;
  } catch (error) {
    if (!(error instanceof FarsideError) || error.code === 'FARSIDE_INTERNAL') throw error;
    return oneLine(error.message);
  }
}

function open({ spec, chosen }: PlannedRun, workloads: Map<string, Workload>): void {
  if (spec.fabric === 'verbs') {
    throw new FarsideError(
      'FARSIDE_UNSUPPORTED',
      'the verbs fabric is not part of this version: use --fabric sim or --fabric shared',
    );
  }
  if (spec.fabric === 'sim') openProfile(spec.profile, spec.profileOverrides);
  const workload = cached(workloads, spec.workload);
  refuseUnserved(chosen.system, workload);
  const shape = shapeOf(spec, workload);
  assembleCluster(chosen.system, shape, chosen.system.configure(spec.settings, shape));
}

function cached(workloads: Map<string, Workload>, spec: WorkloadSpec): Workload {
  const identity = JSON.stringify(spec);
  const known = workloads.get(identity);
  if (known !== undefined) return known;
  const opened = openWorkload(spec);
  workloads.set(identity, opened);
  return opened;
}
