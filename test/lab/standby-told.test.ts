import { expect, test } from 'vitest';
import { parseFault } from '../../src/lab/faults/parse.ts';
import { runOne } from '../../src/lab/run.ts';
import { smallSpec } from '../support/specs.ts';

function planned(text: string) {
  const parsed = parseFault(text);
  if ('expected' in parsed) throw new Error(parsed.expected);
  return parsed.value;
}

// The loss is told at 1.5 ms, when no coordinator lives; the standby begins at 1.6 ms, and would wait
// for the memory node for ever.
test.each([
  ['central', 'coordinator', 1],
  ['clover', 'ms0', 1],
  ['clover', 'ms0', 0],
])(
  '%s: a standby for %s is told of a memory node lost while no server lived, %i spares',
  async (system, server, spares) => {
    const { faults, events } = await runOne({
      ...smallSpec({
        system,
        cluster: { computeNodes: 2, memoryNodes: 3, replicas: 2, spares, standbys: 1 },
        workload: { dataIntegrity: true },
        phases: { warmupOperations: 0, operations: 1500 },
      }),
      faults: [
        planned('lose mn1 at 500us'),
        planned(`crash ${server} at 600us, standby after 1ms`),
      ],
    });
    expect(faults?.faults.map(({ clientsNeverServed }) => clientsNeverServed)).toEqual([0, 0]);
    expect(faults?.programsEnded).toBe(0);
    if (system === 'clover') expect(events.redundancyDown).toBe(spares === 0 ? 1 : 0);
  },
);
