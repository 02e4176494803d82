import { align8 } from '../src/core/address.ts';
import { recordHead } from '../src/core/record.ts';
import { runOne } from '../src/lab/run.ts';
import type { RunSpec } from '../src/lab/spec.ts';
import {
  computeNodes,
  getLatencyUs,
  outstanding,
  type PaperSystem,
  putLatencyUs,
  sizesBytes,
  systems,
  throughputMops,
} from './paper-figures.ts';

/** One published number, and how to measure ours. */
export interface Cell {
  readonly figure: 'get latency, us' | 'put latency, us' | 'workload C throughput, Mops/s';
  readonly system: PaperSystem;
  /** Bytes of an entry, or compute nodes. */
  readonly column: number;
  readonly paper: number;
  measure(changes: Readonly<Record<string, number>>): Promise<number>;
}

/** `user00000042`: keys of one length, so that a buffer's fill does not depend on the key. */
const keyBytes = 12;
const records = 300;

/** Value bytes for an entry of `sizeBytes`: Clover's column is the whole buffer (pdpm.md §4.2). */
function valueBytes(system: PaperSystem, sizeBytes: number): number {
  const headBytes = system === 'clover' ? 8 + align8(recordHead.sizeBytes) + keyBytes : 0;
  return sizeBytes - headBytes;
}

interface Shape {
  readonly system: PaperSystem;
  readonly sizeBytes: number;
  readonly readShare: number;
  readonly computeNodes: number;
  readonly clients: number;
  readonly outstanding: number;
  readonly operations: number;
  readonly changes: Readonly<Record<string, number>>;
}

function specOf(shape: Shape): RunSpec {
  return {
    system: shape.system,
    settings: {},
    fabric: 'sim',
    profile: 'connectx4-100g',
    profileOverrides: shape.changes,
    durability: 'assumed',
    seed: 1,
    cluster: {
      computeNodes: shape.computeNodes,
      clients: shape.clients,
      outstanding: shape.outstanding,
      memoryNodes: 1,
      replicas: 1,
      medium: 'pm',
      memoryBytes: undefined,
    },
    workload: {
      file: 'c',
      format: 'ycsb',
      properties: {
        recordcount: String(records),
        readproportion: String(shape.readShare),
        updateproportion: String(1 - shape.readShare),
        requestdistribution: 'uniform',
        insertorder: 'ordered',
        zeropadding: '8',
        valuebytes: String(valueBytes(shape.system, shape.sizeBytes)),
      },
      skipBadLines: 0,
      dataIntegrity: false,
    },
    phases: {
      // Every compute node has opened every key before measuring starts: cursors are warm.
      warmupOperations: records * 10 * shape.computeNodes,
      operations: shape.operations,
      durationNs: undefined,
      targetOpsPerS: undefined,
      arrivals: 'poisson',
    },
    point: {},
  };
}

function latencyCell(
  figure: Cell['figure'],
  readShare: number,
  system: PaperSystem,
  sizeBytes: number,
  paper: number,
): Cell {
  return {
    figure,
    system,
    column: sizeBytes,
    paper,
    async measure(changes) {
      const one = { computeNodes: 1, clients: 1, outstanding: 1, operations: 500 };
      const result = await runOne(specOf({ system, sizeBytes, readShare, changes, ...one }));
      const operation = result.perOperation[readShare === 1 ? 'read' : 'update'];
      return (operation?.latencyNs.mean ?? Number.NaN) / 1000;
    },
  };
}

function throughputCell(system: PaperSystem, nodes: number, paper: number): Cell {
  return {
    figure: 'workload C throughput, Mops/s',
    system,
    column: nodes,
    paper,
    async measure(changes) {
      const shape = { computeNodes: nodes, clients: 8, outstanding: outstanding[system] };
      const result = await runOne(
        specOf({ system, sizeBytes: 1024, readShare: 1, operations: 20_000, changes, ...shape }),
      );
      return result.throughputOpsPerS / 1e6;
    },
  };
}

/** All 48 cells of spec tables 3.2, 3.3 and 3.4 for the three systems. */
export function paperCells(): Cell[] {
  return systems.flatMap((system) => [
    ...sizesBytes.map((size, i) =>
      latencyCell('get latency, us', 1, system, size, getLatencyUs[system][i] as number),
    ),
    ...sizesBytes.map((size, i) =>
      latencyCell('put latency, us', 0, system, size, putLatencyUs[system][i] as number),
    ),
    ...computeNodes.map((nodes, i) =>
      throughputCell(system, nodes, throughputMops[system][i] as number),
    ),
  ]);
}
