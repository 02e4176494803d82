import { FarsideError } from '../../core/errors.ts';
import type { ClusterNode } from '../../memory/cluster.ts';
import { CmHub } from './cm-hub.ts';
import type { ConnectionOptions } from './connection-options.ts';
import { chooseGid } from './gid.ts';
import { threadLimits } from './limits.ts';
import { MemoryServer } from './memory-server.ts';
import type { CompChannel, Cq, Device, Native, Pd, ProviderOption, Qp } from './native.ts';
import type { OwnMemory } from './own-memory.ts';
import { type Capabilities, probeCapabilities } from './probe.ts';
import { VerbRing } from './rings.ts';
import { Staging } from './staging.ts';

export interface StationOptions extends ProviderOption, ConnectionOptions {
  readonly device: string;
  readonly node: ClusterNode;
  readonly own: OwnMemory;
  /** As peers hear it. */
  readonly incarnation: number;
  /** Messages that one peer may have sent before this node has reaped any. */
  readonly messagesMax: number;
  /** Of its device; it listens at the address that this is. Default: `chooseGid`. */
  readonly gidIndex?: number;
}

const cqeWished = 32_767;

/**
 * All that one compute node opens: a device, a ring with its completion queue, staging, and the listener by
 * which peers reach its regions. One thread uses it.
 */
export class Station {
  readonly hub: CmHub;
  readonly ring: VerbRing;
  readonly staging: Staging;
  readonly server: MemoryServer;
  readonly capabilities: Capabilities;
  /** Where peers connect to. */
  readonly host: string;
  readonly #native: Native;
  readonly #name: string;
  readonly #device: Device;
  readonly #pd: Pd;
  readonly #cq: Cq;
  readonly #channel: CompChannel;
  #wake: () => void = () => {};

  constructor(native: Native, options: StationOptions) {
    this.#native = native;
    this.#name = options.device;
    this.#device = native.openDevice(options.device, options);
    try {
      this.capabilities = probeCapabilities(native, this.#device);
      this.host = addressOf(chooseGid(native, this.#device, 1, options.gidIndex).gid);
      this.#pd = native.allocPd(this.#device);
      this.#channel = native.createCompChannel(this.#device);
      const { maxCqe } = native.queryDevice(this.#device);
      this.#cq = native.createCq(this.#device, Math.min(maxCqe, cqeWished), this.#channel);
      this.ring = new VerbRing(native, this.#pd, this.#cq, threadLimits.ringVerbs);
      this.staging = new Staging(native, this.#pd, this.ring, threadLimits.stagingBytes);
      this.hub = new CmHub(native, options);
      this.hub.watch();
      this.server = this.#serve(options);
      native.watchCompChannel(this.#channel, () => this.#wake());
    } catch (error) {
      native.close(this.#device);
      throw error;
    }
  }

  /** A queue pair for this node's own verbs. */
  queuePair(device: string): Qp {
    if (device !== this.#name) {
      throw new FarsideError(
        'FARSIDE_USAGE',
        `it is reached by device ${device}, and others by ${this.#name}: a node uses one device`,
      );
    }
    const { flush, atomicWrite, inlineBytes } = this.capabilities;
    return this.#native.createQp(this.#pd, this.#cq, {
      maxSendWr: threadLimits.sendQueueVerbs,
      maxInlineData: inlineBytes,
      flush,
      atomicWrite,
    });
  }

  /**
   * Sleeps until a completion or a message comes, or until the time has passed: requests the notification,
   * then looks again, for what came in between raises none (completion.ts draws it).
   */
  async rest(timeoutMs: number, somethingCame: () => boolean): Promise<void> {
    this.#native.reqNotifyCq(this.#cq);
    if (somethingCame()) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = () => {};
  }

  close(): void {
    this.server.close();
    this.hub.close();
    this.#native.close(this.#device);
  }

  #serve(options: StationOptions): MemoryServer {
    const native = this.#native;
    // One message may be seen in memory, answered, and followed by the next before it is reaped.
    const receives = 2 * options.messagesMax + 4;
    return new MemoryServer(native, {
      ...options,
      host: this.host,
      port: 0,
      regions: options.own.served,
      serving: {
        name: options.device,
        device: this.#device,
        pd: this.#pd,
        cq: this.#cq,
        receives,
      },
    });
  }
}

/** The address in a GID: of an interface with an IPv4 address it is ::ffff:a.b.c.d. */
function addressOf(gid: Buffer): string {
  const isMapped = gid.readBigUInt64BE(0) === 0n && gid.readUInt32BE(8) === 0xffff;
  if (isMapped) return [...gid.subarray(12)].join('.');
  const groups = Array.from({ length: 8 }, (_, i) => gid.readUInt16BE(2 * i).toString(16));
  return groups.join(':');
}
