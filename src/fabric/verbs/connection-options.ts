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
