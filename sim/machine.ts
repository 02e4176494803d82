import type { Durability } from '../src/core/context.ts';
import type { RandomStream } from '../src/core/random.ts';
import type { ClusterNode } from '../src/memory/cluster.ts';
import { AtomicUnit } from './atomics.ts';
import type { Costs } from './costs.ts';
import { Fifo } from './fifo.ts';
import { NodeMemory } from './node-memory.ts';

/** What a node's hardware has done so far. */
export class MachineCounts {
  verbsOut = 0;
  verbsIn = 0;
  bytesOut = 0;
  bytesIn = 0;
}

/** The hardware of one node of any role, without its CPU: NIC, port, PCIe, atomic unit, memory. */
export class Machine {
  readonly id: number;
  readonly node: ClusterNode;
  readonly memory: NodeMemory;
  readonly atomics: AtomicUnit;
  readonly requester = new Fifo();
  readonly responder = new Fifo();
  readonly linkOut = new Fifo();
  readonly linkIn = new Fifo();
  readonly pcieRead = new Fifo();
  readonly pcieWrite = new Fifo();
  readonly mediaRead = new Fifo();
  readonly mediaWrite = new Fifo();
  readonly counts = new MachineCounts();
  up = true;
  crashes = 0;
  /** Of the regions: grows with every start of the node. */
  incarnation = 0;
  /** Of the node's programs; `fence` names it. A restart gives another. */
  computeIncarnation: number;
  /** Incarnations of compute nodes that may do nothing here any more. */
  readonly fenced = new Set<number>();
  /**
   * Changes with every fence, loss of power and restart: so whether this node serves a queue pair is asked
   * once, and again after each of them.
   */
  condition = 0;
  /** WRITEs of 8 bytes into this range are told to `onMessage`. */
  mailboxFrom = Number.POSITIVE_INFINITY;
  mailboxTo = 0;

  constructor(node: ClusterNode, costs: Costs, durability: Durability, dice: RandomStream) {
    this.id = node.id;
    this.node = node;
    this.computeIncarnation = node.id;
    this.memory = new NodeMemory(node, costs, durability, dice);
    this.atomics = new AtomicUnit(costs);
  }

  /** Control path: nothing of that incarnation takes effect here from now on. */
  fence(incarnation: number, nowPs: number): void {
    this.fenced.add(incarnation);
    this.condition++;
    this.memory.windows.landWrites(nowPs);
    this.memory.windows.closeWhere((flight) => flight.queuePair.sourceIncarnation === incarnation);
  }
}
