import { assert, FarsideError } from '../../core/errors.ts';
import type { ClusterMap, ClusterNode } from '../../memory/cluster.ts';
import { CmHub } from './cm-hub.ts';
import { type Connected, connectQueuePair, type Destination } from './connect.ts';
import type { RunConnections } from './connection-options.ts';
import { deviceError } from './device-error.ts';
import { decodeDirectory, type RegionDescriptor } from './directory.ts';
import { access, type Native, type ProviderOption, type RemoteRegion } from './native.ts';
import { refuseMtu } from './path-mtu.ts';
import { probeCapabilities } from './probe.ts';
import { describeStatus, ringOp, VerbRing } from './rings.ts';
import { checkRegions } from './targets.ts';

export interface PreparedMemory {
  /** The device that leads to the memory nodes. */
  readonly device: string;
  /** Why a FLUSH does not do for all regions what durability asks of it; undefined where it does. */
  readonly cannotFlush: string | undefined;
}

const chunkBytes = 1 << 20;
const answerMsMax = 30_000;

/**
 * Before a run: connects to every memory node, checks that its regions are what the layout needs, and fills
 * those with zeros, because a memory node keeps what earlier runs left. FARSIDE_USAGE, FARSIDE_CAPACITY and
 * FARSIDE_TIMEOUT name the node's address and what is wrong.
 */
export async function prepareMemory(
  native: Native,
  map: ClusterMap,
  destinations: readonly Destination[],
  incarnation: number,
  options: ProviderOption & RunConnections,
): Promise<PreparedMemory> {
  const hub = new CmHub(native, options);
  hub.watch();
  try {
    let prepared: PreparedMemory | undefined;
    for (const node of map.withRole('memory')) {
      const to = destinations[node.id] as Destination;
      const one = await prepareNode(hub, node, to, incarnation, options);
      if (prepared !== undefined && prepared.device !== one.device) {
        throw new FarsideError(
          'FARSIDE_USAGE',
          `${to.host}:${to.port} is reached by device ${one.device}, and others by ` +
            `${prepared.device}: give addresses of one network`,
        );
      }
      prepared = { device: one.device, cannotFlush: prepared?.cannotFlush ?? one.cannotFlush };
    }
    if (prepared === undefined) {
      throw new FarsideError('FARSIDE_USAGE', 'fabric verbs needs at least one memory node');
    }
    return prepared;
  } finally {
    hub.close();
  }
}

async function prepareNode(
  hub: CmHub,
  node: ClusterNode,
  to: Destination,
  incarnation: number,
  options: ProviderOption & RunConnections,
): Promise<PreparedMemory> {
  const { native } = hub;
  const where = `${to.host}:${to.port}`;
  let session: Session | undefined;
  try {
    const connected = await connectQueuePair(hub, {
      ...options,
      ...to,
      incarnation,
      queuePair: (device) => {
        session = new Session(native, device, options, where);
        return session.qp;
      },
    });
    const opened = session;
    assert(opened !== undefined, () => `${where}: connected without a queue pair`);
    const regions = checkRegions(node, opened.readDirectory(connected), where);
    regions.forEach((region, i) => {
      opened.zero(region, node.regions[i]?.sizeBytes ?? 0);
    });
    connected.close();
    const cannotFlush = opened.canFlush
      ? unflushed(node, regions, where)
      : `device ${opened.device} has no FLUSH`;
    return { device: opened.device, cannotFlush };
  } catch (error) {
    throw deviceError(error, where);
  } finally {
    session?.close();
  }
}

/** What lies in `pm` must become durable, and nothing of `dram` more than visible. */
function unflushed(
  node: ClusterNode,
  regions: readonly RegionDescriptor[],
  where: string,
): string | undefined {
  const index = node.regions.findIndex(({ medium }, i) => {
    const reach = regions[i]?.flush;
    return medium === 'pm' ? reach !== 'persistent' : reach === 'none';
  });
  const region = node.regions[index];
  return region && `a FLUSH does not make region ${region.name} of ${where} durable`;
}

/** One queue pair to one memory node, used by one verb at a time. */
class Session {
  readonly device: string;
  readonly qp;
  readonly canFlush: boolean;
  readonly #native: Native;
  readonly #handle;
  readonly #ring: VerbRing;
  readonly #local = new Uint8Array(new SharedArrayBuffer(chunkBytes));
  readonly #where: string;
  #queue = -1;

  constructor(
    native: Native,
    device: string,
    options: ProviderOption & RunConnections,
    where: string,
  ) {
    this.#native = native;
    this.device = device;
    this.#where = where;
    this.#handle = native.openDevice(device, options);
    refuseMtu(native, this.#handle, device, options.pathMtuBytes);
    this.canFlush = probeCapabilities(native, this.#handle).flush;
    const pd = native.allocPd(this.#handle);
    const cq = native.createCq(this.#handle, 64);
    this.qp = native.createQp(pd, cq, { maxSendWr: 16 });
    this.#ring = new VerbRing(native, pd, cq, 16);
    this.#ring.setLocal(0, native.regMr(pd, this.#local, access.localWrite));
  }

  readDirectory({ welcome }: Connected): RegionDescriptor[] {
    this.#queue = this.#ring.addQp(this.qp);
    const { directory } = welcome;
    this.#verb(ringOp.read, directory, 0, directory.lengthBytes);
    const bytes = this.#local.slice(0, directory.lengthBytes);
    this.#local.fill(0);
    return decodeDirectory(bytes);
  }

  /** The local buffer is zeros from the directory on. */
  zero(region: RemoteRegion, bytes: number): void {
    for (let at = 0; at < bytes; at += chunkBytes) {
      this.#verb(ringOp.write, region, at, Math.min(chunkBytes, bytes - at));
    }
  }

  close(): void {
    this.#native.close(this.#handle);
  }

  #verb(op: number, region: RemoteRegion, offset: number, lengthBytes: number): void {
    const ring = this.#ring;
    ring.setRemote(0, region);
    const slot = ring.take();
    ring.fill(slot, op, this.#queue, lengthBytes, 0, offset);
    ring.submit(slot);
    const end = performance.now() + answerMsMax;
    let completed = ring.postAndPoll();
    while (completed === 0 && performance.now() < end) completed = ring.pollCq();
    const status = completed === 0 ? undefined : ring.completedStatus(0);
    if (status === 0) {
      ring.release(slot);
      return;
    }
    const why =
      status === undefined ? 'no answer' : describeStatus(status, ring.completedDetail(0));
    throw new FarsideError('FARSIDE_TIMEOUT', `${this.#where}: it cannot be prepared (${why})`);
  }
}
