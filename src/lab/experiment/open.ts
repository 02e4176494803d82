import { freemem } from 'node:os';
import { FarsideError } from '../../core/errors.ts';
import { missingFor } from '../../fabric/index.ts';
import type { ClusterMap } from '../../memory/cluster.ts';
import { assembleCluster, refuseStandbys, tooFewMemoryNodes } from '../../systems/assemble.ts';
import type { Workload } from '../../workload/workload.ts';
import { YcsbWorkload } from '../../workload/ycsb.ts';
import { refuseUnserved, shapeOf } from '../engine/prepare.ts';
import { unfit } from '../faults/check.ts';
import type { PlannedFault } from '../faults/plan.ts';
import { lossesWithoutSpare, unfitTogether } from '../faults/together.ts';
import { openProfile } from '../profiles.ts';
import type { ClusterSpec, PhaseSpec, RunSpec, WorkloadSpec } from '../spec.ts';
import { openWorkload } from '../workload-files.ts';
import type { Plan, PlannedRun } from './expand.ts';
import { refuseIdle } from './idle.ts';
import { decidePhases } from './phases.ts';
import { type Origin, oneLine, type Setting, said, shown, usageError } from './setting.ts';
import { isShippedWorkload } from './workload-spec.ts';

/** Runs that can start: their specs are complete, with what their workloads ask for. */
export interface OpenedPlan {
  readonly specs: readonly RunSpec[];
  /** For the user's eyes: what the workloads' files say in vain. */
  readonly warnings: readonly string[];
  /** Of the longest value of any run. */
  readonly valueBytesMax: number;
}

/**
 * Completes the specs with what their workloads' files ask for, and finds everything that can be
 * known to fail before the first run starts: replicas without memory nodes, a profile that does not
 * exist or is incomplete, a workload that does not open or that a system cannot serve, regions too
 * small for the data. One bad run among many refuses the experiment, so that nobody waits an hour
 * for it.
 */
export function openPlan(plan: Plan): OpenedPlan {
  const problems = new Map<string, string[]>();
  const warnings = new Set<string>();
  const opener = new Opener();
  const specs: RunSpec[] = [];
  let valueBytesMax = 0;
  for (const run of plan.runs) {
    try {
      refuseReplicas(run);
      const { spec, workload } = opener.open(run);
      specs.push(spec);
      valueBytesMax = Math.max(valueBytesMax, workload.valueBytesMax);
      for (const warning of workload.warnings ?? []) warnings.add(warning);
      for (const warning of standstills(run, spec)) warnings.add(warning);
    } catch (error) {
      if (!(error instanceof FarsideError) || error.code === 'FARSIDE_INTERNAL') throw error;
      // The points of a sweep mostly fail alike: one line for each system and each kind of failure.
      const kind = `${run.chosen.label} ${error.code}`;
      if (!problems.has(kind)) problems.set(kind, linesOf(error));
    }
  }
  if (problems.size > 0) throw usageError([...new Set([...problems.values()].flat())]);
  return { specs, warnings: [...warnings], valueBytesMax };
}

/** Losses that a system does not get over without a spare: such a run may take very long. */
function standstills({ chosen, faults }: PlannedRun, spec: RunSpec): string[] {
  const { withoutSpare } = chosen.system;
  if (withoutSpare === undefined) return [];
  const plan = faults.map(({ fault }) => fault);
  return lossesWithoutSpare(plan, spec.cluster.spares ?? 0).map(
    ({ text }) =>
      `"${text}": no spare takes its place; in ${chosen.label}, ${withoutSpare}: add a spare with --spares`,
  );
}

/** A usage error is a list already; the message of any other is made one line. */
function linesOf(error: FarsideError): string[] {
  return error.code === 'FARSIDE_USAGE' ? error.message.split('\n') : [oneLine(error.message)];
}

function refuseReplicas({ spec, settings }: PlannedRun): void {
  const { replicas, memoryNodes } = spec.cluster;
  if (replicas <= memoryNodes) return;
  const setting = settings.get('cluster.replicas') as Setting;
  const nodes = settings.get('cluster.memoryNodes') as Setting;
  // The message begins with what the user wrote, whichever of the two that was.
  const written = setting.origin.source === 'default' ? nodes : setting;
  throw usageError([`${said(written)}: ${tooFewMemoryNodes(replicas, memoryNodes)}`]);
}

interface Opened {
  readonly spec: RunSpec;
  readonly workload: Workload;
}

/** Opens workloads and lays out clusters, each only once however many seeds and points share it. */
class Opener {
  readonly #workloads = new Map<string, Workload>();
  readonly #checked = new Set<string>();

  open(run: PlannedRun): Opened {
    const { chosen } = run;
    refuseFabric(run);
    const { spec, workload } = blaming(run, ['workload.file'], () => this.#complete(run));
    refuseIdle(run, spec, workload);
    // What is left to check does not depend on seeds and phases.
    const identity = JSON.stringify({ ...spec, seed: 0, point: {}, phases: {} });
    if (this.#checked.has(identity)) return { spec, workload };
    this.#checked.add(identity);
    if (spec.fabric === 'sim') openProfileOf(run);
    blaming(run, ['workload.file'], () => refuseUnserved(chosen.system, workload));
    const shape = shapeOf(spec, workload);
    const config = chosen.system.configure(spec.settings, shape);
    // First, since the message about standbys would otherwise be laid to the size of the data.
    blaming(run, ['cluster.standbys'], () => refuseStandbys(chosen.system, shape, config));
    const cluster = blaming(
      run,
      ['cluster.memoryBytes', 'workload.keys', 'workload.valueBytes'],
      () => {
        const assembled = assembleCluster(chosen.system, shape, config);
        refuseTooLarge(spec, assembled);
        return assembled;
      },
    );
    refuseFaults(run, spec, cluster);
    return { spec, workload };
  }

  /**
   * Fills in what the workload's file asks for. A YCSB workload that inserts in its run phase is
   * told how many operations that will be, warm-up included, so that it makes room for them.
   */
  #complete(run: PlannedRun): Opened {
    const { settings } = run;
    const asIs = this.#workload(run.spec.workload);
    const decided = decidePhases(settings, asIs.asked);
    const isSet = settings.get('workload.dataIntegrity')?.origin.source !== 'default';
    const asked = asIs.dataIntegrity ?? false;
    const dataIntegrity = isSet ? run.spec.workload.dataIntegrity : asked;
    const workload: WorkloadSpec = { ...run.spec.workload, dataIntegrity };
    const grows = asIs instanceof YcsbWorkload && asIs.kinds.includes('insert');
    if (!grows) return { spec: { ...run.spec, workload, phases: decided }, workload: asIs };
    const phases = boundedPhases(run, decided, asIs);
    const operationcount = String(phases.operations + phases.warmupOperations);
    const told = { ...workload, properties: { ...workload.properties, operationcount } };
    return { spec: { ...run.spec, workload: told, phases }, workload: this.#workload(told) };
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

/**
 * A store of a workload that inserts is made for a number of operations. Nobody knows how many a
 * duration has room for, so somebody must say at how many the run ends if time does not end it first:
 * the user, or the user's own file.
 */
function boundedPhases(
  { spec, settings }: PlannedRun,
  phases: PhaseSpec,
  { name, asked }: Workload,
): PhaseSpec & { readonly operations: number } {
  const isShipped = isShippedWorkload(spec.workload.file);
  const operations = phases.operations ?? (isShipped ? undefined : asked?.operations);
  if (operations !== undefined) return { ...phases, operations };
  const duration = settings.get('phases.duration');
  const byFlag = duration?.origin.source === 'flag' ? duration.origin.label : 'phases.duration';
  throw usageError([
    `${name} inserts as it runs, so its store is made for a number of operations: add ` +
      `--operations N to ${duration === undefined ? 'maxexecutiontime' : byFlag}, and ` +
      'whichever comes first ends the run',
  ]);
}

/**
 * Puts before an error where the first of `paths` that somebody set was written: the checks below
 * know the value, not its place. Each path is one that can be the cause.
 */
function blaming<T>(run: PlannedRun, paths: readonly string[], check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof FarsideError)) throw error;
    const culprits = paths.flatMap((path) => run.settings.get(path) ?? []);
    const label = culprits.find(({ origin }) => origin.source !== 'default')?.origin.label;
    if (label === undefined) throw error;
    throw new FarsideError(error.code, placed(label, error.message), { cause: error });
  }
}

/** `--workload t.csv` and `t.csv:9: …` are `--workload t.csv:9: …`: a name is not said twice. */
function placed(label: string, message: string): string {
  const name = label.slice(label.indexOf(' ') + 1);
  const said = message.replace(/^(?:workload|profile|system) /, '');
  return said.startsWith(`${name}:`) ? label + said.slice(name.length) : `${label}: ${message}`;
}

/** FARSIDE_USAGE has a line for each fault that cannot happen to this cluster. */
function refuseFaults(run: PlannedRun, spec: RunSpec, cluster: ClusterMap): void {
  const plan = run.faults.map(({ fault }) => fault);
  const problems = run.faults.flatMap(({ fault, origin }, i) => {
    const problem =
      unfit(fault, spec, run.chosen.system, cluster) ?? unfitTogether(plan, i, spec, cluster);
    return problem === undefined ? [] : [`${saidFault(fault, origin)}: ${problem}`];
  });
  if (problems.length > 0) throw usageError(problems);
}

function saidFault({ text }: PlannedFault, { source, label }: Origin): string {
  return source === 'file' ? `${label}: ${shown(text)}` : label;
}

function openProfileOf(run: PlannedRun): void {
  const { profile, profileOverrides } = run.spec;
  const overridden = Object.keys(profileOverrides).map((number) => `profile.${number}`);
  blaming(run, ['profile.name'], () => openProfile(profile, {}));
  blaming(run, overridden, () => openProfile(profile, profileOverrides));
}

function refuseFabric(run: PlannedRun): void {
  const { fabric, cluster } = run.spec;
  blaming(run, ['fabric'], () => {
    if (fabric === 'verbs') refuseMemory(cluster);
    const missing = missingFor(fabric);
    if (missing !== undefined) throw new FarsideError('FARSIDE_UNSUPPORTED', missing);
  });
}

/** Memory nodes over RDMA are started by hand, so somebody must say where they are. */
function refuseMemory({ memory, memoryNodes, spares = 0 }: ClusterSpec): void {
  const wanted = memoryNodes + spares;
  const given = memory?.split(',').length ?? 0;
  const refuse = (message: string): never => {
    throw new FarsideError('FARSIDE_UNSUPPORTED', message);
  };
  if (memory === 'fake' || given === wanted) return;
  const nodes = `${wanted} memory node${wanted === 1 ? '' : 's'}`;
  refuse(
    memory === undefined
      ? `it needs --memory with the addresses of ${nodes} (cluster.memoryNodes): start each with ` +
          'farside memory-node'
      : `--memory has ${given} address${given === 1 ? '' : 'es'} and there are ${nodes}: add ` +
          `--memory-nodes ${given}`,
  );
}

/**
 * Shared memory is all there from the start; what a machine does not have would kill the process.
 */
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
