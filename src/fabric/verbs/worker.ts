import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '../../core/errors.ts';
import { ControlBlock } from '../shared/control.ts';
import { plainError } from '../shared/plain-error.ts';
import type { NodeInput, NodeMessage, NodeOrder } from './messages.ts';
import { Orders } from './orders.ts';
import { runNode } from './run-node.ts';

/** A node that is a thread shares the run's signals. */
export interface WorkerInput extends NodeInput {
  readonly control: SharedArrayBuffer;
}

const port = parentPort;
assert(port !== null, 'worker.js is loaded by a worker thread only');
const say = (message: NodeMessage): void => port.postMessage(message);
const input = workerData as WorkerInput;
const orders = new Orders();
const hear = (order: NodeOrder): void => orders.hear(order);
port.on('message', hear);
const signals = new ControlBlock(input.control, new Uint8Array(input.specs.length));
runNode(input, { orders, signals, say })
  .catch((error: unknown) => say({ kind: 'error', error: plainError(error) }))
  // A port that is listened to keeps its thread.
  .finally(() => port.off('message', hear));
