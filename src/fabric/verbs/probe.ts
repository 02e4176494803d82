import { FarsideError } from '../../core/errors.ts';
import { connectLoopback, type LoopbackOptions } from './loopback.ts';
import {
  access,
  type Cq,
  type Device,
  isVerbsError,
  type Native,
  type Pd,
  type Qp,
  type QpOptions,
} from './native.ts';
import { describeStatus, ringOp, VerbRing } from './rings.ts';

export interface Capabilities {
  /** Bytes that a queue pair takes inline and that arrive as they were sent; 0 where it takes none. */
  readonly inlineBytes: number;
  /** Whether device, kernel and libibverbs together can post them. */
  readonly flush: boolean;
  readonly atomicWrite: boolean;
}

const inlineWishedBytes = 512;
const probeTurnsMax = 50_000_000;

/** Asks the device itself, with queue pairs that it closes again: what a table says is not what works. */
export function probeCapabilities(
  native: Native,
  device: Device,
  options: LoopbackOptions = {},
): Capabilities {
  const pd = native.allocPd(device);
  try {
    const { flushGlobal, atomicWrite } = native.queryDevice(device);
    return {
      inlineBytes: probeInline(native, device, pd, options),
      flush: flushGlobal && canCreate(native, device, pd, { flush: true }),
      atomicWrite: atomicWrite && canCreate(native, device, pd, { atomicWrite: true }),
    };
  } finally {
    native.close(pd);
  }
}

function canCreate(native: Native, device: Device, pd: Pd, options: QpOptions): boolean {
  const cq = native.createCq(device, 16);
  try {
    native.createQp(pd, cq, { maxSendWr: 4, ...options });
    return true;
  } catch (error) {
    if (isVerbsError(error)) return false;
    throw error;
  } finally {
    native.close(cq);
  }
}

/** The longest inline WRITE, of those that the queue pair claims to take, that arrives intact. */
function probeInline(native: Native, device: Device, pd: Pd, options: LoopbackOptions): number {
  const cq = native.createCq(device, 64);
  const farCq = native.createCq(device, 16);
  try {
    const near = native.createQp(pd, cq, { maxSendWr: 16, maxInlineData: inlineWishedBytes });
    const far = native.createQp(pd, farCq, { maxSendWr: 4 });
    connectLoopback(native, device, near, far, options);
    const granted = native.queryQp(near).maxInlineData;
    for (let bytes = granted - (granted % 8); bytes >= 8; bytes = (bytes >> 4) << 3) {
      if (arrivesInline(native, pd, near, cq, bytes)) return bytes;
    }
    return 0;
  } finally {
    native.close(cq);
    native.close(farCq);
  }
}

function arrivesInline(native: Native, pd: Pd, qp: Qp, cq: Cq, bytes: number): boolean {
  const ring = new VerbRing(native, pd, cq, 16);
  try {
    const memory = new Uint8Array(new SharedArrayBuffer(2 * inlineWishedBytes));
    const source = memory.subarray(0, bytes);
    for (let i = 0; i < bytes; i++) source[i] = 1 + (i % 251);
    const mr = native.regMr(pd, memory, access.localWrite | access.remoteWrite);
    ring.setLocal(0, mr);
    ring.setRemote(0, native.queryMr(mr));
    ring.addQp(qp, { inlineBytesMax: bytes });
    const slot = ring.take();
    ring.fill(slot, ringOp.write, 0, bytes, 0, inlineWishedBytes, 0, 0);
    ring.submit(slot);
    let completed = ring.postAndPoll();
    for (let turn = 0; completed === 0; turn++) {
      if (turn > probeTurnsMax) {
        throw new FarsideError('FARSIDE_TIMEOUT', 'an inline WRITE to this device never completed');
      }
      completed = ring.pollCq();
    }
    const status = ring.completedStatus(0);
    if (status !== 0) {
      throw new FarsideError(
        'FARSIDE_UNSUPPORTED',
        `an inline WRITE of ${bytes} B: ${describeStatus(status, ring.completedDetail(0))}`,
      );
    }
    const arrived = memory.subarray(inlineWishedBytes, inlineWishedBytes + bytes);
    return arrived.every((byte, i) => byte === source[i]);
  } finally {
    native.close(ring.handle);
  }
}
