import { type Program, reconnect, sleep } from '../../../core/effect.ts';
import { FarsideError } from '../../../core/errors.ts';
import { RpcCaller } from '../../../core/rpc.ts';
import { type Fault, nothingRecovered, type RecoveryReport } from '../../recovery.ts';
import type { Place } from '../layout.ts';
import { memoryRequest, operations, recoveryIn } from '../messages.ts';
import { sumOf } from '../recovery/node-recovery.ts';
import type { Pausing } from './pausing.ts';
import { type BucketChange, Rebuild } from './rebuild.ts';
import type { MetadataState } from './state.ts';

export type MemoryFault = Extract<
  Fault,
  { kind: 'memoryRestarted' | 'memoryLost' | 'memoryMoved' }
>;

type MemoryLost = Extract<Fault, { kind: 'memoryLost' }>;

const pollNs = 1000;

/**
 * What becomes of a memory node that has started anew, is lost, or is to be emptied: all compute nodes
 * come to rest, every server rebuilds its share with the node's buckets in their new places, all go on. The
 * first server leads, so that nobody goes on before all shares are done; others pass on what they hear.
 *
 * The pause is the price, and is measured (`pausedNs`). Without one, a put under way would have to be
 * followed to wherever its copies go: its links name buffers by handle, its WRITEs go to addresses, and a
 * copy made before the WRITE of a header and used after it would bring back an old version.
 *
 * Several nodes may be lost at a time. Then one rebuild follows another, and each leaves alone what lies on
 * nodes that are known to be lost and have nobody in their place yet: each waiting for the other's node
 * would be for ever.
 */
export class MemoryFaults {
  /** How long compute nodes were held back, in all. */
  pausedNs = 0;
  entriesLost = 0;
  readonly #state: MetadataState;
  readonly #pausing: Pausing;
  readonly #exclusive: Exclusive;
  readonly #underWay = new Set<string>();
  /** What has been decided for a fault: an attempt that did not end is made again with the same places. */
  readonly #decided = new Map<string, readonly BucketChange[]>();

  constructor(state: MetadataState, pausing: Pausing, exclusive: Exclusive) {
    this.#state = state;
    this.#pausing = pausing;
    this.#exclusive = exclusive;
  }

  /** None has ever been told of. */
  get isUntouched(): boolean {
    return this.#underWay.size === 0 && this.#decided.size === 0;
  }

  /** At once, whatever is under way: a rebuild that cannot reach the node goes on without it. */
  hear(fault: MemoryFault): void {
    if (fault.kind === 'memoryLost') this.#state.lostMemory.add(fault.node);
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
    this.#underWay.add(name);
    try {
      return yield* this.#exclusive.run(() => this.#rebuildAll(fault));
    } finally {
      this.#underWay.delete(name);
    }
  }

  *#rebuildAll(fault: MemoryFault): Program<RecoveryReport> {
    const state = this.#state;
    if (this.#changesOf(fault).length === 0) return nothingRecovered;
    const sinceNs = state.nowNs();
    const isHealed = fault.kind !== 'memoryMoved';
    yield* this.#pausing.pause(true, isHealed ? fault.node : undefined);
    this.hear(fault);
    let total = yield* this.#rebuild(fault, this.#changesOf(fault));
    for (let server = 1; server < state.servers.count; server++) {
      total = sumOf(total, yield* this.#ask(server, operations.rebuild, fault));
    }
    state.placementVersion++;
    this.#decided.delete(JSON.stringify(fault));
    yield* this.#pausing.resume();
    this.pausedNs += state.nowNs() - sinceNs;
    return total;
  }

  /** This server's part, while all compute nodes are at rest. `places`: the first server's, by bucket. */
  *rebuildShare(fault: MemoryFault, places: readonly Place[]): Program<RecoveryReport> {
    this.hear(fault);
    const report = yield* this.#rebuild(fault, this.#changesTo(fault, places));
    this.#decided.delete(JSON.stringify(fault));
    return report;
  }

  *#rebuild(fault: MemoryFault, changes: readonly BucketChange[]): Program<RecoveryReport> {
    const state = this.#state;
    if (fault.kind === 'memoryRestarted') {
      state.restarts.push(fault.node);
      yield* reconnect(fault.node);
    }
    yield* state.quiet();
    const rebuild = new Rebuild(state, changes.filter(isPlaced), this.#state.lostMemory);
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

  /**
   * Where the buckets of that node go; none where nothing lies on it (any more). The first server decides,
   * and keeps to it: an attempt that ended in an error may have left copies in the new places that only
   * look whole. What has been moved on since, because the new place was lost as well, is whole by that
   * rebuild; decided again, it would be sent back to where nobody answers.
   */
  #changesOf(fault: MemoryFault): readonly BucketChange[] {
    const { layout } = this.#state;
    const name = JSON.stringify(fault);
    const changes: BucketChange[] = [];
    const taken = new Map<number, number>();
    for (const [bucket, place] of layout.places.entries()) {
      if (place.node !== fault.node) continue;
      const from = fault.kind === 'memoryLost' ? undefined : place;
      if (fault.kind === 'memoryRestarted') changes.push({ bucket, from, to: place });
      else changes.push({ bucket, from, to: this.#newPlace(fault, taken) });
    }
    if (changes.length > 0) {
      this.#decided.set(name, changes);
      return changes;
    }
    const decided = this.#decided.get(name) ?? [];
    return decided.filter(({ bucket, to }) => this.#lies(bucket, to));
  }

  /** How this server's placement becomes the first one's. What an attempt began is made again. */
  #changesTo(fault: MemoryFault, places: readonly Place[]): readonly BucketChange[] {
    const name = JSON.stringify(fault);
    const begun = this.#decided.get(name) ?? [];
    const changes: BucketChange[] = [];
    for (const [bucket, to] of places.entries()) {
      const again = begun.find((change) => change.bucket === bucket && isSame(change.to, to));
      const place = this.#state.layout.places[bucket] as Place;
      const isRestarted = fault.kind === 'memoryRestarted' && place.node === fault.node;
      const from = this.#state.lostMemory.has(place.node) ? undefined : place;
      if (again !== undefined) changes.push(again);
      else if (isRestarted || !this.#lies(bucket, to)) changes.push({ bucket, from, to });
    }
    this.#decided.set(name, changes);
    return changes;
  }

  #lies(bucket: number, at: Place): boolean {
    return isSame(this.#state.layout.places[bucket] as Place, at);
  }

  /** On the node named, else on the survivor with the most room. `taken`: rooms given out, by node. */
  #newPlace(fault: MemoryFault, taken: Map<number, number>): Place {
    const { layout } = this.#state;
    const named = fault.kind === 'memoryMoved' ? fault.to : (fault as MemoryLost).spare;
    const survivors = layout.placement.filter((node) => !this.#state.lostMemory.has(node));
    const nodes = named === undefined ? [...new Set(survivors)].sort((a, b) => a - b) : [named];
    const roomsLeft = (node: number): number[] =>
      layout.roomsFree(node).slice(taken.get(node) ?? 0);
    const node = nodes.reduce<number | undefined>(
      (best, next) =>
        best === undefined || roomsLeft(next).length > roomsLeft(best).length ? next : best,
      undefined,
    );
    const room = node === undefined ? undefined : roomsLeft(node)[0];
    if (node === undefined || room === undefined) throw noRoom(fault, layout.replicas);
    taken.set(node, (taken.get(node) ?? 0) + 1);
    return { node, room };
  }

  *#ask(server: number, operation: number, fault: MemoryFault): Program<RecoveryReport> {
    const caller = new RpcCaller(this.#state.context);
    const { layout } = this.#state;
    const request = memoryRequest(
      operation,
      fault,
      operation === operations.rebuild ? layout : undefined,
    );
    const reply = yield* this.#state.servers.call(server, request, caller);
    const report = recoveryIn(reply);
    caller.release();
    return report;
  }
}

function isPlaced({ from, to }: BucketChange): boolean {
  return from === undefined || !isSame(from, to);
}

function isSame(a: Place, b: Place): boolean {
  return a.node === b.node && a.room === b.room;
}

function noRoom(fault: MemoryFault, replicas: number): FarsideError {
  return new FarsideError(
    'FARSIDE_CAPACITY',
    `memory node ${fault.node} is lost and no spare takes its place: ` +
      (replicas === 1
        ? 'clover kept one copy of each entry, so what lay there is gone; start it with replicas, or spares'
        : `no other one has room for what lay there; with ${replicas} copies clover is made for ` +
          `${replicas - 1} such losses; start it with spares`),
  );
}

/** One recovery at a time, where two would meet on the same tables. */
export class Exclusive {
  #busy = false;

  remembers(): unknown {
    return this.#busy;
  }

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
