import { type Program, reconnect, sleep } from '../../../core/effect.ts';
import { assert } from '../../../core/errors.ts';
import { RpcCaller } from '../../../core/rpc.ts';
import { type Fault, nothingRecovered, type RecoveryReport } from '../../recovery.ts';
import { memoryRequest, operations, recoveryIn } from '../messages.ts';
import { sumOf } from '../recovery/node-recovery.ts';
import type { Pausing } from './pausing.ts';
import { type BucketChange, Rebuild } from './rebuild.ts';
import type { MetadataState } from './state.ts';

export type MemoryFault = Extract<
  Fault,
  { kind: 'memoryRestarted' | 'memoryLost' | 'memoryMoved' }
>;

const pollNs = 1000;

/**
 * What becomes of a memory node that has started anew, is lost, or is to be emptied: all compute nodes
 * come to rest, every server rebuilds its share with the node's bucket in its new place, all go on. The
 * first server leads, so that nobody goes on before all shares are done; others pass on what they hear.
 *
 * The pause is the price, and is measured (`pausedNs`). Without one, a put under way would have to be
 * followed to wherever its copies go: its links name buffers by handle, its WRITEs go to addresses, and a
 * copy made before the WRITE of a header and used after it would bring back an old version.
 */
export class MemoryFaults {
  /** How long compute nodes were held back, in all. */
  pausedNs = 0;
  entriesLost = 0;
  readonly #state: MetadataState;
  readonly #pausing: Pausing;
  readonly #exclusive: Exclusive;
  readonly #underWay = new Set<string>();

  constructor(state: MetadataState, pausing: Pausing, exclusive: Exclusive) {
    this.#state = state;
    this.#pausing = pausing;
    this.#exclusive = exclusive;
  }

  *recover(fault: MemoryFault): Program<RecoveryReport> {
    if (this.#state.index === 0) return yield* this.#lead(fault);
    return yield* this.#ask(0, operations.memory, fault);
  }

  /** Whoever is told while it is under way waits for its end. */
  *#lead(fault: MemoryFault): Program<RecoveryReport> {
    const name = JSON.stringify(fault);
    if (this.#underWay.has(name)) {
      while (this.#underWay.has(name)) yield* sleep(pollNs);
      return nothingRecovered;
    }
    const change = this.#changeOf(fault);
    if (change === undefined) return nothingRecovered;
    this.#underWay.add(name);
    try {
      return yield* this.#exclusive.run(() => this.#rebuildAll(fault, change));
    } finally {
      this.#underWay.delete(name);
    }
  }

  *#rebuildAll(fault: MemoryFault, change: BucketChange): Program<RecoveryReport> {
    const state = this.#state;
    const sinceNs = state.nowNs();
    const isHealed = fault.kind !== 'memoryMoved';
    yield* this.#pausing.pause(true, isHealed ? fault.node : undefined);
    let total = yield* this.rebuildShare(fault);
    for (let server = 1; server < state.servers.count; server++) {
      total = sumOf(total, yield* this.#ask(server, operations.rebuild, fault));
    }
    state.placementVersion++;
    if (state.layout.placement[change.bucket] !== change.to)
      state.layout.place(change.bucket, change.to);
    yield* this.#pausing.resume();
    this.pausedNs += state.nowNs() - sinceNs;
    return total;
  }

  /** This server's part, while all compute nodes are at rest. */
  *rebuildShare(fault: MemoryFault): Program<RecoveryReport> {
    const state = this.#state;
    const change = this.#changeOf(fault);
    if (fault.kind === 'memoryRestarted') yield* reconnect(fault.node);
    yield* state.quiet();
    const rebuild = new Rebuild(state, isPlaced(change) ? change : undefined);
    const heads = [...state.namer.all()].filter((chain) => !chain.isOver);
    yield* rebuild.run(heads, state.namer.numbers());
    state.isRebuilding = false;
    this.entriesLost += rebuild.entriesLost;
    return {
      locksBroken: 0,
      entriesRepaired: rebuild.entriesRepaired,
      buffersReclaimed: rebuild.buffersReclaimed,
      bytesMoved: rebuild.bytesMoved,
    };
  }

  /** Undefined where nothing lies on that node (any more). */
  #changeOf(fault: MemoryFault): BucketChange | undefined {
    const bucket = this.#state.layout.placement.indexOf(fault.node);
    if (bucket < 0) return undefined;
    if (fault.kind === 'memoryRestarted') return { bucket, from: fault.node, to: fault.node };
    if (fault.kind === 'memoryMoved') return { bucket, from: fault.node, to: fault.to };
    assert(
      fault.spare !== undefined,
      () =>
        `memory node ${fault.node} is lost and no spare takes its place: clover cannot do with fewer ` +
        'memory nodes than it began with; start it with spares',
      'FARSIDE_CAPACITY',
    );
    return { bucket, from: undefined, to: fault.spare };
  }

  *#ask(server: number, operation: number, fault: MemoryFault): Program<RecoveryReport> {
    const caller = new RpcCaller(this.#state.context);
    const request = memoryRequest(operation, fault);
    const reply = yield* this.#state.servers.call(server, request, caller);
    const report = recoveryIn(reply);
    caller.release();
    return report;
  }
}

function isPlaced(change: BucketChange | undefined): boolean {
  return change !== undefined && change.from !== change.to;
}

/** One recovery at a time, where two would meet on the same tables. */
export class Exclusive {
  #busy = false;

  *run<T>(program: () => Program<T>): Program<T> {
    while (this.#busy) yield* sleep(pollNs);
    this.#busy = true;
    try {
      return yield* program();
    } finally {
      this.#busy = false;
    }
  }
}
