import { FarsideError } from '../../core/errors.ts';
import { ClusterMap } from '../../memory/cluster.ts';
import { type JobSite, loadJob } from '../job.ts';
import { monotonicClock } from '../shared/clock.ts';
import type { RunSignals } from '../shared/control.ts';
import { jobSite, sayResultOnce } from '../shared/job-site.ts';
import { loadAddon } from './addon.ts';
import { Carrier } from './carrier.ts';
import { type Destination, fenceAt } from './connect.ts';
import { deviceError } from './device-error.ts';
import { deviceTo } from './device-to.ts';
import { runUntilStopped } from './loop.ts';
import type { NodeInput, NodeMessage } from './messages.ts';
import { VerbsNode } from './node.ts';
import type { Orders } from './orders.ts';
import { ownMemory } from './own-memory.ts';
import { Station } from './station.ts';
import { Targets } from './targets.ts';

/** How a node, thread or process, talks with the one who started the run. */
export interface NodeSite {
  readonly orders: Orders;
  readonly signals: RunSignals;
  say(message: NodeMessage): void;
  readonly onTold?: JobSite['onTold'];
  /** Calls back when a node listens elsewhere from now on. */
  readonly onMoved?: (move: (node: number, at: Destination) => void) => void;
}

/**
 * One compute node or server of a run, from opening its device to its result: says where it listens, hears
 * where all others do, connects, says that it is ready, and begins when all are.
 */
export async function runNode(input: NodeInput, site: NodeSite): Promise<void> {
  await runOn(input, site).catch((error: unknown) => {
    throw deviceError(error, input.specs[input.node]?.name ?? '');
  });
}

async function runOn(input: NodeInput, site: NodeSite): Promise<void> {
  const { say, orders, signals } = site;
  const cluster = new ClusterMap(input.specs, input.ring);
  const native = loadAddon();
  const own = ownMemory(native, cluster.node(input.node), input.keptIn);
  const device = input.device ?? (await deviceTo(native, input.memoryAt, input));
  const station = new Station(native, {
    ...input,
    ...input.connections,
    device,
    own,
    node: cluster.node(input.node),
    incarnation: input.incarnationBase + input.incarnation,
    messagesMax: input.ring.slots,
  });
  try {
    say({ kind: 'listening', at: { host: station.host, port: station.server.port } });
    const destinations = [...(await orders.next('nodes')).at];
    site.onMoved?.((node, at) => {
      destinations[node] = at;
    });
    const node = openNode(input, own.buffer, cluster, station, destinations);
    const job = await loadJob(input.module, input.jobName);
    const end = await job(jobSite(node, cluster, signals, input.data, site.onTold));
    if (node.foreground > 0) signals.clientJoins(input.node);
    await connected(node);
    say({ kind: 'ready' });
    await orders.next('begin');
    const result = sayResultOnce(end, say);
    await runUntilStopped(node, station, signals, input.spinTurnsMax, () => {
      result();
      signals.clientLeaves(input.node);
    });
    result();
    node.carrier.close();
  } finally {
    station.close();
    own.close();
  }
}

function openNode(
  input: NodeInput,
  own: ArrayBufferLike,
  cluster: ClusterMap,
  station: Station,
  destinations: readonly Destination[],
): VerbsNode {
  const { hub, ring, staging, capabilities } = station;
  return new VerbsNode(cluster, {
    ...input,
    own,
    clockNs: monotonicClock(input.clockOriginNs),
    carrier: (completed) =>
      new Carrier({
        hub,
        ring,
        staging,
        targets: new Targets(cluster),
        destinations,
        incarnation: input.incarnationBase + input.incarnation,
        connections: input.connections,
        inlineBytesMax: capabilities.inlineBytes,
        flushBy: capabilities.flush ? input.flushBy : 'read',
        atomicWrite: capabilities.atomicWrite,
        queuePair: (device) => station.queuePair(device),
        completed,
      }),
    fence: async (at, incarnation) => {
      const to = destinations[at] as Destination;
      const isMemory = cluster.node(at).role === 'memory';
      await fenceAt(hub, to, input.incarnationBase + incarnation).catch((error: unknown) => {
        if (isMemory || !isNobody(error)) throw error;
      });
    },
  });
}

/** Nobody listens where the node was: its process is gone, and its queue pairs with it. */
function isNobody(error: unknown): boolean {
  return error instanceof FarsideError && error.code === 'FARSIDE_USAGE';
}

/** Directories are READ on the way, whose completions somebody must reap. */
async function connected(node: VerbsNode): Promise<void> {
  const reaping = setInterval(() => node.carrier.turn(), 1);
  try {
    await node.opened();
  } finally {
    clearInterval(reaping);
  }
}
