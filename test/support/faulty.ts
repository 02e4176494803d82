import { parseFault } from '../../src/lab/faults/parse.ts';
import type { PlannedFault } from '../../src/lab/faults/plan.ts';
import type { FaultsResult, RunResult } from '../../src/lab/result.ts';
import { runOne } from '../../src/lab/run.ts';
import { type SpecChanges, smallSpec } from './specs.ts';

const mirror = './dist/test/support/mirror-system.js';

export function planOf(sentences: readonly string[]): PlannedFault[] {
  return sentences.map((sentence) => {
    const parsed = parseFault(sentence);
    if ('expected' in parsed) throw new Error(parsed.expected);
    return parsed.value;
  });
}

export interface Faulty extends RunResult {
  readonly faults: FaultsResult;
}

/** A run of the mirror system on three compute and two memory nodes, with values that are judged. */
export async function run(
  sentences: readonly string[],
  changes: SpecChanges = {},
): Promise<Faulty> {
  const { cluster, workload, phases, ...rest } = changes;
  const spec = smallSpec({
    system: mirror,
    profile: 'connectx4-100g',
    faults: planOf(sentences),
    ...rest,
    cluster: { computeNodes: 3, clients: 2, memoryNodes: 2, replicas: 2, ...cluster },
    workload: {
      dataIntegrity: true,
      properties: { recordcount: '100', valuebytes: '200' },
      ...workload,
    },
    phases: { warmupOperations: 0, operations: 5000, ...phases },
  });
  return (await runOne(spec)) as Faulty;
}
