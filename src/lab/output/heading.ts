import type { ExperimentResult, RunResult } from '../result.ts';
import { counted } from './format.ts';
import { seedList, seedsRun } from './names.ts';

/**
 * What stands above the numbers: what the experiment is for, its workload, its machine, and how often it
 * was run. A line says what holds for every row; what is swept has columns of its own.
 */
export function heading(result: ExperimentResult): string[] {
  const aim = result.description === undefined ? [] : [result.description];
  if (result.runs.length === 0) return [...aim, 'no run finished'];
  const cluster = clusterText(result);
  return [...aim, workloadText(result), ...(cluster === '' ? [] : [cluster]), machineText(result)];
}

/** `workloadb, YCSB: 95 % read, …`; of several workloads, or one at several sizes, their names. */
function workloadText(result: ExperimentResult): string {
  const names = distinct(result, (run) => run.workload);
  const summaries = distinct(result, (run) => run.workloadSummary ?? '');
  const [summary = ''] = summaries;
  if (names.length > 1 || summaries.length > 1 || summary === '') return names.join(' / ');
  return `${names[0]}, ${summary}`;
}

/** `4 compute nodes of 8 clients, 4 memory nodes, 2 copies, 1 spare`, without what differs between runs. */
function clusterText(result: ExperimentResult): string {
  const one = (name: string): number | undefined => {
    const values = distinct(result, ({ parameters }) => parameters[`cluster.${name}`]);
    return values.length === 1 && typeof values[0] === 'number' ? values[0] : undefined;
  };
  const said = (count: number | undefined, noun: string, plural = `${noun}s`): string[] =>
    count === undefined || count === 0 ? [] : [counted(count, noun, plural)];
  const [computeNodes] = said(one('computeNodes'), 'compute node');
  const [clients] = said(one('clients'), 'client');
  const outstanding = one('outstanding');
  return [
    ...(computeNodes === undefined ? [] : [computeNodes]),
    ...(clients === undefined ? [] : [`${clients} a compute node`]),
    ...(outstanding === undefined || outstanding === 1
      ? []
      : [`${outstanding} operations outstanding each`]),
    ...said(one('memoryNodes'), 'memory node'),
    ...said(one('replicas'), 'copy', 'copies').map((copies) => `${copies} of each entry`),
    ...said(one('spares'), 'spare'),
    ...said(one('standbys'), 'standby'),
  ].join(', ');
}

function machineText(result: ExperimentResult): string {
  const fabrics = distinct(result, (run) =>
    run.profile === undefined ? run.fabric : `${run.fabric} with ${run.profile}`,
  );
  const durability = distinct(result, durabilityText).join(' / ');
  const seeds = seedsRun(result);
  const repetitions =
    seeds.length === 1 ? `seed ${seeds[0]}` : `medians over seeds ${seedList(seeds)}`;
  return `fabric ${fabrics.join(' / ')}; durability ${durability}; ${repetitions}`;
}

/** `flush`, `flush by READ`, `assumed, not flush (why)`. */
function durabilityText({ durability, flushedBy, durabilityBecause }: RunResult): string {
  if (durabilityBecause !== undefined) return `${durability}, not flush (${durabilityBecause})`;
  return flushedBy === 'READ' ? `${durability} by READ` : durability;
}

function distinct<T>({ runs }: ExperimentResult, value: (run: RunResult) => T): T[] {
  return [...new Set(runs.map(value))];
}
