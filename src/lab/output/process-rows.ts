import type { ExperimentResult, RunResult } from '../result.ts';
import { nameOf, type SideTable } from './fault-rows.ts';
import { formatNs } from './format.ts';

/** Memory nodes that are processes of their own: how passive they were. */
export function memoryNodeTable(result: ExperimentResult): SideTable {
  return {
    title: 'memory nodes',
    heads: [
      'system',
      'seed',
      'node',
      'listens at',
      'CPU time\nover the run',
      'of which\nconnecting',
    ],
    textColumns: 4,
    rows: rowsOf(result, ({ memoryNodes = [] }) =>
      memoryNodes.map(({ node, at, cpuNs, connectingNs }) => [
        node,
        at,
        formatNs(cpuNs),
        formatNs(connectingNs),
      ]),
    ),
  };
}

/** Other nodes that are processes: where they were, and how far their clocks may be wrong. */
export function processTable(result: ExperimentResult): SideTable {
  return {
    title: 'processes',
    heads: ['system', 'seed', 'node', 'host', 'process', 'clock wrong\nby at most'],
    textColumns: 4,
    rows: rowsOf(result, ({ processes = [] }) =>
      processes.map(({ node, host, pid, clockErrorNs }) => [
        node,
        host,
        String(pid),
        clockErrorNs === 0 ? '0 (one clock)' : formatNs(clockErrorNs),
      ]),
    ),
  };
}

function rowsOf(result: ExperimentResult, rows: (run: RunResult) => string[][]): string[][] {
  return result.runs.flatMap((run) =>
    rows(run).map((row) => [nameOf(run), String(run.seed), ...row]),
  );
}
