import type { Address } from '../core/address.ts';

/**
 * What has been lost, or changed on purpose, as whoever watches the cluster tells the survivors. Nobody
 * detects failures inside a system: on `sim` the fault plan says it, on real fabrics the lab does, which
 * sees a worker or a process end. A fault may be told to several survivors at once, to a survivor twice,
 * and of a node that is only slow: recovery must be right in all three cases (it fences first).
 */
export type Fault =
  /** A compute node's incarnation is dead or cut off: its locks, buffers and half-done writes remain. */
  | { readonly kind: 'computeLost'; readonly node: number; readonly incarnation: number }
  /**
   * The same for a coordinator or metadata server; a standby or a restarted one takes over.
   * `successor`: the node that serves from now on (it may be the same one); absent while there is none.
   */
  | {
      readonly kind: 'serverLost';
      readonly node: number;
      readonly incarnation: number;
      readonly successor?: number;
    }
  /** The memory node is there again with what its media kept; queue pairs to it are new. */
  | { readonly kind: 'memoryRestarted'; readonly node: number }
  /** It will not come back. `spare`: the memory node that takes its place, where there is one. */
  | { readonly kind: 'memoryLost'; readonly node: number; readonly spare: number | undefined }
  /** On purpose, while clients run: what lies on `node` moves to `to`, then `node` is free. */
  | { readonly kind: 'memoryMoved'; readonly node: number; readonly to: number };

/** What a recovery did. Times and verbs are counted by whoever runs it, as for any program. */
export interface RecoveryReport {
  readonly locksBroken: number;
  /** Entries rolled forward or back, and copies brought level. */
  readonly entriesRepaired: number;
  readonly buffersReclaimed: number;
  /** Payload that recovery itself wrote to memory nodes. */
  readonly bytesMoved: number;
}

export const nothingRecovered: RecoveryReport = {
  locksBroken: 0,
  entriesRepaired: 0,
  buffersReclaimed: 0,
  bytesMoved: 0,
};

export function sumOfReports(a: RecoveryReport, b: RecoveryReport): RecoveryReport {
  return {
    locksBroken: a.locksBroken + b.locksBroken,
    entriesRepaired: a.entriesRepaired + b.entriesRepaired,
    buffersReclaimed: a.buffersReclaimed + b.buffersReclaimed,
    bytesMoved: a.bytesMoved + b.bytesMoved,
  };
}

/**
 * Who takes a place that `spare` was named for: that one; or, where it is lost itself, which a node may hear
 * of first, and have done with, whoever takes its place. `lost`: memory nodes that are, each with the spare
 * that was named for it.
 */
export function livingSpare(
  spare: number | undefined,
  lost: ReadonlyMap<number, number | undefined>,
): number | undefined {
  let living = spare;
  while (living !== undefined && lost.has(living)) living = lost.get(living);
  return living;
}

/** What is stored, seen from outside while no verb is in flight. */
export interface MemoryImage {
  /** Fills `into` with the bytes at `address`; both 8-byte aligned. */
  read(address: Address, into: Uint8Array): void;
  /** False for a memory node that is lost. */
  isUp(node: number): boolean;
}

/** The verdict on a store at rest: every entry, and where every byte of the pools is accounted for. */
export interface Audit {
  readonly entries: readonly AuditEntry[];
  /** Buffers or slots: in an entry (each copy counted), in some free list, and in neither. */
  readonly reachable: number;
  readonly free: number;
  /** Addresses that are in neither (leaked), and those that are in two places (freed twice). */
  readonly leaked: readonly Address[];
  readonly doubled: readonly Address[];
  /** One sentence for each thing that must never be: copies that differ, a checksum that fails … */
  readonly violations: readonly string[];
}

export interface AuditEntry {
  readonly key: string;
  readonly version: number;
  readonly value: Uint8Array;
}
