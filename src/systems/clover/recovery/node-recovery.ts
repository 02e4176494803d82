import { batch, fence, type Program, until, type Verb } from '../../../core/effect.ts';
import { type Fault, nothingRecovered, type RecoveryReport, sumOfReports } from '../../recovery.ts';
import { lostNode, memoryRequest, newRequest, operations, requestHead } from '../messages.ts';
import type { CloverNode } from '../node.ts';
import { ownerNumber } from '../pointer.ts';
import type { Repairer } from './repair.ts';

const pollNs = 1000;

/**
 * A compute node's part in recovery. Any node may be told of any fault, several at once, and twice.
 *
 * Of a lost compute node: fence it at every memory node, so that its words no longer change. From then
 * on this node's own writers complete or undo what they find held by it, instead of waiting (walker.ts).
 * Then every metadata server sweeps its chains and takes the leases back; it does so once, whoever asks.
 */
export class NodeRecovery implements Repairer {
  repaired = 0;
  bytesMoved = 0;
  readonly #node: CloverNode;
  readonly lost: { readonly node: number; readonly incarnation: number }[] = [];
  readonly #lostOwners = new Set<number>();

  constructor(node: CloverNode) {
    this.#node = node;
  }

  get layout(): CloverNode['layout'] {
    return this.#node.layout;
  }

  get durability(): Repairer['durability'] {
    return this.#node.site.context.durability;
  }

  remembers(): unknown {
    return this.lost.map(({ incarnation }) => incarnation);
  }

  isLost(owner: number): boolean {
    return this.#lostOwners.has(owner);
  }

  *post(verbs: readonly Verb<unknown>[]): Program<void> {
    try {
      yield* batch(...verbs);
    } finally {
      this.#node.doubts.note(verbs);
    }
  }

  *recover(fault: Fault): Program<RecoveryReport> {
    // Given up, it can do nothing about any fault, nor hears of successors: it would ask a lost one for ever.
    if (this.#node.gate.isClosedForEver) return nothingRecovered;
    switch (fault.kind) {
      case 'computeLost':
        return yield* this.#recoverCompute(fault);
      case 'serverLost':
        return yield* this.#awaitSuccessor(fault);
      default: {
        if (fault.kind === 'memoryLost') this.#node.lostMemory.add(fault.node);
        return yield* this.#tell(0, memoryRequest(operations.memory, fault));
      }
    }
  }

  /** Calls to the lost server end now; its successor makes itself known when it pauses this node. */
  *#awaitSuccessor(fault: Extract<Fault, { kind: 'serverLost' }>): Program<RecoveryReport> {
    const { servers, gate } = this.#node;
    const server = servers.indexOf(fault.node);
    if (server < 0 || servers.incarnation(server) !== fault.incarnation) return nothingRecovered;
    servers.lose(server);
    if (fault.successor === undefined) return nothingRecovered;
    const hasSuccessor = (): boolean => !servers.isLost(server) && !gate.isClosed;
    yield* until(() => gate.isClosedForEver || hasSuccessor(), pollNs);
    return nothingRecovered;
  }

  *#recoverCompute(fault: Extract<Fault, { kind: 'computeLost' }>): Program<RecoveryReport> {
    const { node, incarnation } = fault;
    // Fenced for good: where the servers could not be told yet, this begins again.
    if (!this.isLost(ownerNumber(incarnation))) {
      for (const memory of this.#node.site.cluster.withRole('memory')) {
        yield* fence(memory.id, incarnation);
      }
      if (!this.isLost(ownerNumber(incarnation))) this.lost.push({ node, incarnation });
      this.#lostOwners.add(ownerNumber(incarnation));
    }
    let total = nothingRecovered;
    for (let server = 0; server < this.#node.servers.count; server++) {
      const request = newRequest(operations.lost, 8, incarnation);
      lostNode.set(request, requestHead.sizeBytes, node);
      total = sumOfReports(total, yield* this.#tell(server, request));
    }
    return total;
  }

  *#tell(server: number, request: Uint8Array): Program<RecoveryReport> {
    const { callers, servers } = this.#node;
    const caller = callers.take();
    try {
      return yield* servers.askToRecover(server, request, caller);
    } finally {
      callers.giveBack(caller);
    }
  }
}
