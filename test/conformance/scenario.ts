import type { ExpectStatic } from 'vitest';
import type { Address } from '../../src/core/address.ts';
import type { NodeContext } from '../../src/core/context.ts';
import type { Counters } from '../../src/core/counters.ts';
import type { Program } from '../../src/core/effect.ts';
import type { ErrorCode } from '../../src/core/errors.ts';
import { ringShape } from '../../src/core/mailbox.ts';
import type { NodeRuntime } from '../../src/fabric/fabric.ts';
import type { JobSite } from '../../src/fabric/job.ts';
import { ClusterMap, type NodeSpec } from '../../src/memory/cluster.ts';

/**
 * One thing that every fabric must do alike. A scenario is data and programs; it knows nothing of
 * the fabric that carries it. What its programs return is checked where the test runs, which may be
 * another thread, so they return plain data.
 */
export interface Scenario {
  readonly name: string;
  /** Programs by compute node; `start` may open ports before it gives the program. */
  readonly programs: Readonly<Record<string, readonly StartProgram[]>>;
  /** Programs that run for ever, by compute node. */
  readonly daemons?: Readonly<Record<string, readonly StartProgram[]>>;
  /** Slots of each ring; default 4. */
  readonly slots?: number;
  /**
   * Checks what the programs returned, by node. `expect` is passed in, so that a worker that runs
   * the programs need not load the test runner.
   */
  readonly verify: (results: Results, expect: ExpectStatic) => void;
  /** Instead of results: the run must end with this error. */
  readonly fails?: { readonly code: ErrorCode; readonly message: RegExp };
}

export type StartProgram = (stage: Stage) => Program<unknown>;

/** What the programs of each node returned, in the order in which the scenario lists them. */
export type Results = Readonly<Record<string, readonly unknown[]>>;

/** Where a scenario's program runs. */
export interface Stage {
  readonly context: NodeContext;
  readonly runtime: NodeRuntime;
  readonly site: JobSite;
  readonly cluster: ClusterMap;
  /** An address in the `data` region of memory node 0 or 1. */
  at(offsetBytes: number, memoryNode?: 0 | 1): Address;
  /** The id of a compute node. */
  id(name: string): number;
}

export const dataBytes = 64 * 1024;
export const bodyBytesMax = 64;

/** Two memory nodes, and the compute nodes that the scenario names, each a peer of all others. */
export function clusterOf(scenario: Scenario): ClusterMap {
  const names = new Set([
    ...Object.keys(scenario.programs),
    ...Object.keys(scenario.daemons ?? {}),
  ]);
  const memory = [0, 1].map(
    (i): NodeSpec => ({
      name: `mn${i}`,
      role: 'memory',
      cores: 0,
      regions: [{ name: 'data', medium: 'pm', sizeBytes: dataBytes }],
      peers: [],
    }),
  );
  const compute = [...names].map(
    (name): NodeSpec => ({
      name,
      role: 'compute',
      cores: 2,
      regions: [{ name: 'own', medium: 'dram', sizeBytes: 4096 }],
      peers: [...names].filter((other) => other !== name),
    }),
  );
  return new ClusterMap([...memory, ...compute], ringShape(scenario.slots ?? 4, bodyBytesMax));
}

export interface Counted {
  readonly roundTrips: number;
  readonly verbs: number;
  readonly doorbells: number;
  readonly bytesOut: number;
  readonly bytesIn: number;
}

/** The counters as plain data. */
export function counted(counters: Counters): Counted {
  const { roundTrips, verbs, doorbells, bytesOut, bytesIn } = counters;
  return { roundTrips, verbs, doorbells, bytesOut, bytesIn };
}

/** `length` bytes that differ from those of any other seed. */
export function pattern(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + seed * 17 + (i >> 8)) & 0xff);
}
