import { once } from 'node:events';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import type { Durability } from '../../core/context.ts';
import { assert } from '../../core/errors.ts';
import type { RingShape } from '../../core/mailbox.ts';
import { ClusterMap, type NodeSpec } from '../../memory/cluster.ts';
import { loadJob } from '../job.ts';
import { monotonicClock } from '../shared/clock.ts';
import { ControlBlock } from '../shared/control.ts';
import { jobSite } from '../shared/job-site.ts';
import { type PlainError, plainError } from '../shared/plain-error.ts';
import { loadAddon } from './addon.ts';
import { Carrier } from './carrier.ts';
import { type Destination, fenceAt } from './connect.ts';
import { runUntilStopped } from './loop.ts';
import type { ProviderOption } from './native.ts';
import { VerbsNode } from './node.ts';
import { Station } from './station.ts';
import { Targets } from './targets.ts';

/** All that a thread needs to become a compute node. */
export interface WorkerInput extends ProviderOption {
  readonly node: number;
  readonly specs: readonly NodeSpec[];
  readonly ring: RingShape;
  readonly own: SharedArrayBuffer;
  readonly control: SharedArrayBuffer;
  readonly device: string;
  /** Added to a node's incarnation: no two runs that meet the same memory node have the same. */
  readonly incarnationBase: number;
  readonly flushBy: 'flush' | 'read';
  readonly queuePairs: number | undefined;
  readonly seed: number;
  readonly durability: Durability;
  readonly verbBoundNs: number;
  readonly clockOriginNs: bigint;
  readonly spinTurnsMax: number;
  readonly module: string;
  readonly jobName: string;
  readonly data: unknown;
}

/** What a worker says: where it listens, that it is connected, its result. */
export type WorkerMessage =
  | { readonly kind: 'listening'; readonly at: Destination }
  | { readonly kind: 'ready' }
  | { readonly kind: 'result'; readonly value: unknown }
  | { readonly kind: 'error'; readonly error: PlainError };

/** What it is told, in this order: where every node is, by id; that all are connected. */
export type WorkerOrder =
  | { readonly kind: 'nodes'; readonly at: readonly Destination[] }
  | { readonly kind: 'begin' };

async function told<K extends WorkerOrder['kind']>(
  port: MessagePort,
  kind: K,
): Promise<Extract<WorkerOrder, { kind: K }>> {
  const [order] = (await once(port, 'message')) as [WorkerOrder];
  assert(order.kind === kind, () => `told ${order.kind} before ${kind}`);
  return order as Extract<WorkerOrder, { kind: K }>;
}

async function main(input: WorkerInput, port: MessagePort): Promise<void> {
  const say = (message: WorkerMessage): void => port.postMessage(message);
  const cluster = new ClusterMap(input.specs, input.ring);
  const control = new ControlBlock(input.control, new Uint8Array(cluster.nodes.length));
  const native = loadAddon();
  const station = new Station(native, {
    ...input,
    node: cluster.node(input.node),
    incarnation: input.incarnationBase + input.node,
    messagesMax: input.ring.slots,
  });
  try {
    say({ kind: 'listening', at: { host: station.host, port: station.server.port } });
    const { at } = await told(port, 'nodes');
    const node = openNode(input, cluster, station, at);
    const job = await loadJob(input.module, input.jobName);
    const end = await job(jobSite(node, cluster, control, input.data));
    if (node.foreground > 0) control.clientJoins(input.node);
    await connected(node);
    say({ kind: 'ready' });
    await told(port, 'begin');
    let said = false;
    const result = (): void => {
      if (!said) say({ kind: 'result', value: end() });
      said = true;
    };
    await runUntilStopped(node, station, control, input.spinTurnsMax, () => {
      result();
      control.clientLeaves(input.node);
    });
    result();
    node.carrier.close();
  } finally {
    station.close();
  }
}

function openNode(
  input: WorkerInput,
  cluster: ClusterMap,
  station: Station,
  destinations: readonly Destination[],
): VerbsNode {
  const { hub, ring, staging, capabilities } = station;
  return new VerbsNode(cluster, {
    ...input,
    clockNs: monotonicClock(input.clockOriginNs),
    carrier: (completed) =>
      new Carrier({
        hub,
        ring,
        staging,
        targets: new Targets(cluster),
        destinations,
        incarnation: input.incarnationBase + input.node,
        inlineBytesMax: capabilities.inlineBytes,
        flushBy: capabilities.flush ? input.flushBy : 'read',
        atomicWrite: capabilities.atomicWrite,
        queuePair: (device) => station.queuePair(device),
        completed,
      }),
    fence: (at, incarnation) =>
      fenceAt(hub, destinations[at] as Destination, input.incarnationBase + incarnation),
  });
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

const port = parentPort;
assert(port !== null, 'worker.js is loaded by a worker thread only');
main(workerData as WorkerInput, port).catch((error: unknown) => {
  port.postMessage({ kind: 'error', error: plainError(error) } satisfies WorkerMessage);
});
