import { CmHub } from '../../src/fabric/verbs/cm-hub.ts';
import { connectQueuePair, type Destination } from '../../src/fabric/verbs/connect.ts';
import { decodeDirectory, type RegionDescriptor } from '../../src/fabric/verbs/directory.ts';
import {
  access,
  type Device,
  type Native,
  type Pd,
  type ProviderOption,
} from '../../src/fabric/verbs/native.ts';
import { probeCapabilities } from '../../src/fabric/verbs/probe.ts';
import {
  describeStatus,
  flushType,
  ringOp,
  slotWord,
  VerbRing,
} from '../../src/fabric/verbs/rings.ts';
import { drain, sharedBytes } from './verbs.ts';

/** One queue pair to one region of a memory node, used by one verb at a time. */
export class RegionClient {
  readonly region: RegionDescriptor;
  /** What `persist` does: FLUSH where device, libibverbs and region have it, else a READ of the last word. */
  readonly persistBy: 'FLUSH' | 'READ';
  readonly #native: Native;
  readonly #hub: CmHub;
  readonly #device: Device;
  readonly #ring: VerbRing;
  readonly #queue: number;
  readonly #local: Uint8Array;

  private constructor(
    parts: { native: Native; hub: CmHub; device: Device; ring: VerbRing; queue: number },
    local: Uint8Array,
    region: RegionDescriptor,
    canFlush: boolean,
  ) {
    this.#native = parts.native;
    this.#hub = parts.hub;
    this.#device = parts.device;
    this.#ring = parts.ring;
    this.#queue = parts.queue;
    this.#local = local;
    this.region = region;
    this.persistBy = canFlush && region.flush === 'persistent' ? 'FLUSH' : 'READ';
  }

  static async open(
    native: Native,
    to: Destination,
    name: string,
    options: ProviderOption = {},
  ): Promise<RegionClient> {
    const hub = new CmHub(native, options);
    hub.watch();
    const device = native.openDevice(native.getDeviceList(options)[0] as string, options);
    const pd: Pd = native.allocPd(device);
    const cq = native.createCq(device, 256);
    const { flush } = probeCapabilities(native, device);
    const queuePair = (): ReturnType<Native['createQp']> => native.createQp(pd, cq, { flush });
    const { qp, welcome } = await connectQueuePair(hub, { ...to, incarnation: 1, queuePair });
    const ring = new VerbRing(native, pd, cq, 16);
    const queue = ring.addQp(qp);
    const local = sharedBytes(64 << 10);
    ring.setLocal(0, native.regMr(pd, local, access.localWrite));
    ring.setRemote(0, welcome.directory);
    const slot = ring.take();
    ring.fill(slot, ringOp.read, queue, welcome.directory.lengthBytes, 0, 0);
    ring.submit(slot);
    if (drain(ring, 1)[0]?.status !== 0) throw new Error('the directory did not come');
    const region = decodeDirectory(local).find((one) => one.name === name);
    if (region === undefined) throw new Error(`there is no region ${name}`);
    ring.setRemote(0, region);
    return new RegionClient({ native, hub, device, ring, queue }, local, region, flush);
  }

  read(offset: number, lengthBytes: number): Uint8Array {
    this.#verb(ringOp.read, offset, lengthBytes);
    return this.#local.slice(0, lengthBytes);
  }

  write(offset: number, bytes: Uint8Array): void {
    this.#local.set(bytes);
    this.#verb(ringOp.write, offset, bytes.length);
  }

  persist(offset: number, lengthBytes: number): void {
    if (this.persistBy === 'FLUSH') this.#verb(ringOp.flush, offset, lengthBytes);
    else this.read(offset + lengthBytes - 8, 8);
  }

  close(): void {
    this.#native.close(this.#device);
    this.#hub.close();
  }

  #verb(op: number, offset: number, lengthBytes: number): void {
    const slot = this.#ring.take();
    this.#ring.fill(slot, op, this.#queue, lengthBytes, 0, offset);
    if (op === ringOp.flush) {
      this.#ring.setWord(slot, slotWord.immediate, flushType.persistent, 0);
    }
    this.#ring.submit(slot);
    const [done] = drain(this.#ring, 1);
    if (done?.status === 0) return;
    const why = done === undefined ? 'no completion' : describeStatus(done.status, done.detail);
    throw new Error(`a verb at offset ${offset} failed: ${why}`);
  }
}
