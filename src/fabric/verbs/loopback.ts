import { connectionDefaults } from './connection-options.ts';
import { chooseGid } from './gid.ts';
import { access, type Device, type Native, type Qp } from './native.ts';

export interface LoopbackOptions {
  readonly port?: number;
  readonly gidIndex?: number;
  /** Default: the port's active MTU. */
  readonly pathMtuBytes?: number;
  /** READs and atomics outstanding; default what the device has, at most 16. */
  readonly maxRdAtomic?: number;
  readonly timeout?: number;
  readonly retryCnt?: number;
}

/**
 * Connects two queue pairs of one process to each other, without a connection manager: for probes, tests,
 * and atomics of a node on its own memory, which have to go through the device like everyone else's.
 */
export function connectLoopback(
  native: Native,
  device: Device,
  a: Qp,
  b: Qp,
  options: LoopbackOptions = {},
): void {
  const { port = 1 } = options;
  const gid = chooseGid(native, device, port, options.gidIndex);
  const attributes = native.queryPort(device, port);
  const limits = native.queryDevice(device);
  const depth = options.maxRdAtomic ?? Math.min(16, limits.maxQpRdAtom, limits.maxQpInitRdAtom);
  const pathMtuBytes = options.pathMtuBytes ?? attributes.activeMtuBytes;
  for (const [own, peer] of [
    [a, b],
    [b, a],
  ] as const) {
    native.modifyQp(own, {
      state: 'init',
      pkeyIndex: 0,
      portNum: port,
      qpAccessFlags: access.remoteRead | access.remoteWrite | access.remoteAtomic,
    });
    native.modifyQp(own, {
      state: 'rtr',
      pathMtuBytes,
      destQpNum: native.queryQp(peer).qpNum,
      destGid: gid.gid,
      gidIndex: gid.index,
      destLid: attributes.lid,
      port,
      rqPsn: 0,
      maxDestRdAtomic: depth,
      minRnrTimer: 12,
    });
  }
  for (const own of [a, b]) {
    native.modifyQp(own, {
      state: 'rts',
      sqPsn: 0,
      timeout: options.timeout ?? connectionDefaults.timeout,
      retryCnt: options.retryCnt ?? connectionDefaults.retryCnt,
      rnrRetry: 7,
      maxRdAtomic: depth,
    });
  }
}
