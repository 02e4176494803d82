import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '../../core/errors.ts';
import { ClusterMap } from '../../memory/cluster.ts';
import { loadJob } from '../job.ts';
import { monotonicClock } from './clock.ts';
import { ControlBlock } from './control.ts';
import { jobSite, sayResultOnce } from './job-site.ts';
import { runUntilStopped } from './loop.ts';
import { SharedNode } from './node.ts';
import type { NodeReport, NodeStart } from './node-start.ts';
import { plainError } from './plain-error.ts';

export interface WorkerInput extends NodeStart {
  readonly buffers: readonly SharedArrayBuffer[];
  readonly control: SharedArrayBuffer;
  readonly maySleep: Uint8Array;
}

/** What a worker says; nothing is ever said to it. */
export type WorkerMessage = NodeReport | { readonly kind: 'fence'; readonly incarnation: number };

async function main(input: WorkerInput, say: (message: WorkerMessage) => void): Promise<void> {
  const { node } = input;
  const control = new ControlBlock(input.control, input.maySleep);
  const cluster = new ClusterMap(input.specs, input.ring);
  const runtime = new SharedNode(cluster, input.buffers, {
    node,
    incarnation: input.incarnation,
    seed: input.seed,
    durability: input.durability,
    verbBoundNs: input.verbBoundNs,
    clockNs: monotonicClock(input.clockOriginNs),
    control: control.path((incarnation) => say({ kind: 'fence', incarnation })),
  });
  const job = await loadJob(input.module, input.jobName);
  const end = await job(jobSite(runtime, cluster, control, input.data));
  if (runtime.foreground > 0) control.clientJoins(node);
  say({ kind: 'ready' });
  control.awaitOpen();
  const result = sayResultOnce(end, say);
  runUntilStopped(runtime, control, input.spinTurnsMax, () => {
    result();
    control.clientLeaves(node);
  });
  result();
}

const port = parentPort;
assert(port !== null, 'worker.js is loaded by a worker thread only');
const say = (message: WorkerMessage): void => port.postMessage(message);
main(workerData as WorkerInput, say).catch((error: unknown) => {
  say({ kind: 'error', error: plainError(error) });
});
