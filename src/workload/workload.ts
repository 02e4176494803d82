import type { Key } from '../core/key.ts';
import type { RandomStream } from '../core/random.ts';

/**
 * A workload says which operations come, in which order, on which keys, with how many bytes, and
 * when. It knows nothing of stores, fabrics or files: a trace hands it lines, a driver takes
 * operations.
 */
export interface Workload {
  readonly name: string;
  /** One line for reports: mix, distribution, records. */
  readonly summary: string;
  /** Kinds that may come, so that a system that cannot serve one is refused before the run. */
  readonly kinds: readonly OperationKind[];
  /** Entries that the load phase inserts; 0 for traces that bring their own. */
  readonly recordCount: number;
  /** Most entries that may exist at once, counting inserts of the run phase. */
  readonly keysMax: number;
  readonly keyBytesMax: number;
  readonly valueBytesMax: number;
  readonly valueBytesMean: number;
  /** Whether its own properties ask for values that can be judged. */
  readonly dataIntegrity?: boolean;
  /** What it asks of the run, for where the command line says nothing. */
  readonly asked?: WorkloadWishes;
  /** Lines for the user: properties without effect, clipped values, skipped lines. */
  readonly warnings?: readonly string[];
  /** Lines of a trace or key file that did not parse and were tolerated. */
  readonly skippedLines?: number;
  /** Whether its operations say when they begin (`atNs`), so that they can be replayed as recorded. */
  readonly hasTimes?: boolean;
  /**
   * Operations belong to processes by their keys, so that a count cannot be split evenly over them;
   * `run` then heeds `operationsMax`.
   */
  readonly parted?: boolean;
  /** The load phase's inserts that client `share.index` of `share.of` has to do. */
  load(share: Share, random: RandomStream): OperationSource;
  /**
   * The run phase of one client; ends by itself where the workload is finite, and where it is parted
   * behind the first `operationsMax` operations of all clients together.
   */
  run(share: Share, random: RandomStream, operationsMax?: number): OperationSource;
}

/** `operationcount`, `maxexecutiontime` and `target` of YCSB. */
export interface WorkloadWishes {
  /** Operations of all clients together. */
  readonly operations: number | undefined;
  readonly durationNs: number | undefined;
  /** Of all clients together; undefined: closed loop. */
  readonly targetOpsPerS: number | undefined;
}

export interface Share {
  readonly index: number;
  readonly of: number;
}

/** What YCSB calls read, update, insert, scan, readmodifywrite; and delete, from traces. */
export const operationKinds = [
  'read',
  'update',
  'insert',
  'scan',
  'readmodifywrite',
  'delete',
] as const;
export type OperationKind = (typeof operationKinds)[number];

/** One operation; the source refills the same object, so that drawing one allocates nothing. */
export interface Operation {
  kind: OperationKind;
  key: Key;
  /** For writes: the value's length in bytes. */
  valueBytes: number;
  /** Scans: entries wanted. */
  scanLength: number;
  /** Nanoseconds after the phase's start at which it should begin, where the source has times. */
  atNs: number;
}

export interface OperationSource {
  /** Refills `into`; false when there are no more. */
  next(into: Operation): boolean;
  /** Tells of the end of an operation that `next` gave: an insert is visible now (`latest`). */
  done?(operation: Operation): void;
}
