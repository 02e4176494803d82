import type { Address } from '../src/core/address.ts';
import type { VerbOp, VerbStatus } from '../src/core/effect.ts';

/** Who caused a traced event. */
export interface TraceOrigin {
  readonly node: number;
  /** Label of the program, and the root program whose queue pairs it uses. */
  readonly label: string;
  readonly root: number;
  readonly background: boolean;
  /** The operation it works for; 0: none. */
  readonly operation: number;
}

/** One verb, told when it has completed. Times are nanoseconds of virtual time. */
export interface VerbTrace extends TraceOrigin {
  readonly target: number;
  readonly op: VerbOp;
  readonly address: Address;
  readonly lengthBytes: number;
  /** When its doorbell rang, when it acted at the target, when its completion was polled. */
  readonly postNs: number;
  readonly actNs: number;
  readonly completeNs: number;
  readonly status: VerbStatus;
  /** Round trips of the operation before it was posted. */
  readonly depth: number;
  readonly awaited: boolean;
  /** Held at its queue pair until the READs, atomics and FLUSHes before it were done. */
  readonly fenced: boolean;
  /** What stood there when it acted, and what it read or left there; copies. */
  readonly before: Uint8Array | undefined;
  readonly after: Uint8Array | undefined;
}

/** A message taken from a port. */
export interface MessageTrace extends TraceOrigin {
  readonly from: number;
  readonly port: number;
  readonly reply: boolean;
  readonly bodyBytes: number;
  readonly receiveNs: number;
}

export interface LocalTrace extends TraceOrigin {
  readonly access: 'read' | 'write' | 'cas' | 'persist';
  readonly address: Address;
  readonly lengthBytes: number;
  readonly startNs: number;
  readonly endNs: number;
}

export interface ComputeTrace extends TraceOrigin {
  readonly work: string;
  readonly units: number;
  readonly startNs: number;
  readonly endNs: number;
}

/** Told of everything that programs do. Without one, a run pays one branch a verb. */
export interface TraceSink {
  verb(event: VerbTrace): void;
  message(event: MessageTrace): void;
  local(event: LocalTrace): void;
  compute(event: ComputeTrace): void;
}
