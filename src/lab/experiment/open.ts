import { freemem } from 'node:os';
import { FarsideError } from '../../core/errors.ts';
import type { ClusterMap } from '../../memory/cluster.ts';
import { assembleCluster } from '../../systems/assemble.ts';
import type { Workload } from '../../workload/workload.ts';
import { refuseUnserved, shapeOf } from '../engine/prepare.ts';
import { openProfile } from '../profiles.ts';
import type { RunSpec, WorkloadSpec } from '../spec.ts';
import { openWorkload } from '../workload-files.ts';
import type { Plan, PlannedRun } from './expand.ts';
import { decidePhases } from './phases.ts';
import { oneLine, type Setting, said, usageError } from './setting.ts';

/** More than this many lines say no more than the first ones. */
const problemsMax = 20;

/** Runs that can start: their specs are complete, with what their workloads ask for. */
export interface OpenedPlan {
  readonly specs: readonly RunSpec[];
  /** For the user's eyes: what the workloads' files say in vain. */
  readonly warnings: readonly string[];
}

/**
 * Completes the specs with what their workloads' files ask for, and finds everything that can be known
 * to fail before the first run starts: replicas without memory nodes, a profile that does not exist or
 * is incomplete, a workload that does not open or that a system cannot serve, regions too small for the
 * data. One bad run among many refuses the experiment, so that nobody waits an hour for it.
 */
export function openPlan(plan: Plan): OpenedPlan {
  const problems = new Set<string>();
  const warnings = new Set<string>();
  const opener = new Opener();
  const specs: RunSpec[] = [];
  for (const run of plan.runs) {
    if (problems.size >= problemsMax) break;
    const problem = checkCluster(run);
    if (problem !== undefined) {
      problems.add(problem);
      continue;
    }
    try {
      const { spec, workload } = opener.open(run);
      specs.push(spec);
      for (const warning of workload.warnings ?? []) warnings.add(warning);
    } catch (error) {
      if (!(error instanceof FarsideError) || error.code === 'FARSIDE_INTERNAL') throw error;
      problems.add(oneLine(error.message));
    }
  }
  if (problems.size > 0) throw usageError([...problems]);
  return { specs, warnings: [...warnings] };
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

/** Opens workloads and lays out clusters, each only once however many seeds and points share it. */
class Opener {
  readonly #workloads = new Map<string, Workload>();
  readonly #checked = new Set<string>();

  open(run: PlannedRun): { readonly spec: RunSpec; readonly workload: Workload } {
    const { chosen } = run;
    refuseFabric(run.spec);
    const workload = this.#workload(run.spec.workload);
    const spec = complete(run, workload);
    const identity = JSON.stringify({ ...spec, seed: 0, point: {}, phases: {} });
    if (this.#checked.has(identity)) return { spec, workload };
    this.#checked.add(identity);
    if (spec.fabric === 'sim') openProfile(spec.profile, spec.profileOverrides);
    refuseUnserved(chosen.system, workload);
    const shape = shapeOf(spec, workload);
    const config = chosen.system.configure(spec.settings, shape);
    refuseTooLarge(spec, assembleCluster(chosen.system, shape, config));
    return { spec, workload };
  }

  #workload(spec: WorkloadSpec): Workload {
    const identity = JSON.stringify(spec);
    const known = this.#workloads.get(identity);
    if (known !== undefined) return known;
    const opened = openWorkload(spec);
    this.#workloads.set(identity, opened);
    return opened;
  }
}

function refuseFabric({ fabric }: RunSpec): void {
  if (fabric !== 'verbs') return;
  throw new FarsideError(
    'FARSIDE_UNSUPPORTED',
    'the verbs fabric is not part of this version: use --fabric sim or --fabric shared',
  );
}

function complete({ spec, settings }: PlannedRun, workload: Workload): RunSpec {
  const isJudged = settings.get('workload.dataIntegrity')?.origin.source === 'default';
  const dataIntegrity = isJudged ? (workload.dataIntegrity ?? false) : spec.workload.dataIntegrity;
  return {
    ...spec,
    workload: { ...spec.workload, dataIntegrity },
    phases: decidePhases(settings, workload.asked),
  };
}

/** Shared memory is all there from the start; what a machine does not have would kill the process. */
function refuseTooLarge(spec: RunSpec, cluster: ClusterMap): void {
  if (spec.fabric !== 'shared') return;
  const neededBytes = cluster.nodes.reduce((sum, node) => sum + node.spaceBytes, 0);
  const freeBytes = freemem();
  if (neededBytes <= freeBytes) return;
  const mebibytes = (bytes: number) => `${Math.ceil(bytes / 2 ** 20)} MiB`;
  throw new FarsideError(
    'FARSIDE_CAPACITY',
    `${spec.system} on fabric shared needs ${mebibytes(neededBytes)} of memory and ` +
      `${mebibytes(freeBytes)} are free: lower --keys, --value-bytes or --replicas`,
  );
}
