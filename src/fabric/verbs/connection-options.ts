import type { QpAttributes } from './native.ts';

/**
 * What can be set about a connection. The connection manager works the rest out; what is absent here stays
 * as it has it.
 */
export interface ConnectionOptions {
  /** 256, 512, 1024, 2048 or 4096; default what the path takes. */
  readonly pathMtuBytes?: number;
  /** How long a packet waits for its acknowledgement: 4.096 us times two to this power. Default 14, 67 ms. */
  readonly timeout?: number;
  /** Retransmissions before RETRY_EXC_ERR, 0 to 7. Default 6: rdma_rxe takes 7 for ever. */
  readonly retryCnt?: number;
  /** Where the receiver was not ready, 0 to 7; 7 is for ever. */
  readonly rnrRetry?: number;
  /** READs and atomics outstanding, each way. Default what the devices of both sides have. */
  readonly maxRdAtomic?: number;
  /** Bound on resolving and connecting together. Default 5000. */
  readonly connectTimeoutMs?: number;
}

/** What a run sets about the connections of all its nodes. */
export interface RunConnections
  extends Pick<ConnectionOptions, 'pathMtuBytes' | 'timeout' | 'retryCnt'> {
  /** A node listens at the address that is the GID of this index of its device. Default: `chooseGid`. */
  readonly gidIndex?: number;
}

/**
 * Seven retries would be the most that InfiniBand has, but rdma_rxe never counts a 7 down (rxe_comp.c): a
 * verb to a node that is gone, or that fenced us, would then end neither well nor badly.
 */
export const connectionDefaults = {
  timeout: 14,
  retryCnt: 6,
  connectTimeoutMs: 5000,
} as const;

/** To the connection manager, all that the device has (rdma_connect(3)). */
const deviceDepth = 255;

/** READs and atomics that this side asks for, each way. */
export function wantedDepth({ maxRdAtomic = deviceDepth }: ConnectionOptions): number {
  return maxRdAtomic;
}

/**
 * How long a verb may stay in flight, rounded up to a second: each transmission of a packet is waited for
 * twice the local acknowledgement timeout at most. By default 7 of 134 ms.
 */
export function verbBoundNs({
  timeout = connectionDefaults.timeout,
  retryCnt = connectionDefaults.retryCnt,
}: RunConnections): number {
  return Math.ceil(((retryCnt + 1) * 2 * 4096 * 2 ** timeout) / 1e9) * 1e9;
}

/** The attributes of a transition that the options overrule. */
export function overruled(options: ConnectionOptions): QpAttributes {
  const { pathMtuBytes, rnrRetry } = options;
  return {
    timeout: options.timeout ?? connectionDefaults.timeout,
    retryCnt: options.retryCnt ?? connectionDefaults.retryCnt,
    ...(pathMtuBytes === undefined ? {} : { pathMtuBytes }),
    ...(rnrRetry === undefined ? {} : { rnrRetry }),
  };
}
