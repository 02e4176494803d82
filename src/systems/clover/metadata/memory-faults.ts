import { type Program, reconnect, until } from '../../../core/effect.ts';
import { FarsideError } from '../../../core/errors.ts';
import { RpcCaller } from '../../../core/rpc.ts';
import {
  type Fault,
  livingSpare,
  nothingRecovered,
  type RecoveryReport,
  sumOfReports,
} from '../../recovery.ts';
import type { Place } from '../layout.ts';
import { type MemoryFault, memoryRequest, operations } from '../messages.ts';
import type { Exclusive } from './exclusive.ts';
import type { Healed, Pausing } from './pausing.ts';
import { type BucketChange, Rebuild } from './rebuild.ts';
import type { MetadataState } from './state.ts';

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
  /** Faults, by their text: being recovered from, and those of which that has begun and not ended well. */
  readonly #underWay = new Set<string>();
  readonly #failed = new Set<string>();
  /** By memory node, the last start of which all has been made whole. */
  readonly #starts = new Map<number, number>();
  /**
   * By bucket, what a rebuild of this server's share has begun and not ended: copies in the new place may
   * only look whole (a header that has landed, and no record), so the next one makes them anew, whatever it
   * is for.
   */
  readonly #unfinished = new Map<number, BucketChange>();
  /** Some server may not have rebuilt its share as this one, which leads, has placed the buckets. */
  #isOwed = false;

  constructor(state: MetadataState, pausing: Pausing, exclusive: Exclusive) {
    this.#state = state;
    this.#pausing = pausing;
    this.#exclusive = exclusive;
  }

  /** None has ever been told of. */
  get isUntouched(): boolean {
    return this.#underWay.size + this.#failed.size + this.#unfinished.size === 0;
  }

  /** A rebuild of this server's share has ended in an error, and the next is yet to come or under way. */
  get isHalfDone(): boolean {
    return this.#unfinished.size > 0;
  }

  /** At once, whatever is under way: a rebuild that cannot reach the node goes on without it. */
  hear(fault: MemoryFault): void {
    if (fault.kind !== 'memoryLost') return;
    const { lostMemory, late } = this.#state;
    late.end(fault.node);
    lostMemory.set(fault.node, fault.spare ?? lostMemory.get(fault.node));
  }

  *recover(fault: MemoryFault): Program<RecoveryReport> {
    if (this.#state.index === 0) return yield* this.#lead(fault);
    return yield* this.#ask(0, operations.memory, fault);
  }

  /**
   * Whoever is told while it is under way waits for its end, and then does it where that was an error:
   * whoever told first may be a node that has been given up since, and will not tell again.
   *
   * Of another start of the memory node it is another recovery: where the node starts anew when the first
   * one has done with it, and lets compute nodes go on, only the second one makes it whole.
   */
  *#lead(fault: MemoryFault): Program<RecoveryReport> {
    const name = JSON.stringify(fault);
    while (this.#underWay.has(name)) {
      yield* until(() => !this.#underWay.has(name), pollNs);
      if (!this.#failed.has(name)) return nothingRecovered;
    }
    if (!this.#isOwed && this.#isWhole(fault)) return nothingRecovered;
    this.#underWay.add(name);
    this.#failed.add(name);
    try {
      const report = yield* this.#exclusive.run(() => this.#rebuildAll(fault));
      this.#failed.delete(name);
      if (fault.kind === 'memoryRestarted') this.#starts.set(fault.node, fault.start);
      return report;
    } finally {
      this.#underWay.delete(name);
    }
  }

  /** Told late, of a start that this server, or another one after it, has been recovered from. */
  #isWhole(fault: MemoryFault): boolean {
    return fault.kind === 'memoryRestarted' && fault.start <= (this.#starts.get(fault.node) ?? -1);
  }

  /**
   * An attempt that ends in an error leaves compute nodes at rest, for the next one to let them go on: the
   * same again, or that of another fault, which then does what is left of this one.
   */
  *#rebuildAll(fault: MemoryFault): Program<RecoveryReport> {
    const state = this.#state;
    if (!this.#isOwed && this.#changesOf(fault).length === 0) return nothingRecovered;
    const sinceNs = state.nowNs();
    yield* this.#pausing.pause(true, healedBy(fault));
    this.hear(fault);
    this.#isOwed = true;
    let total = yield* this.#rebuild(fault, this.#changesOf(fault));
    for (let server = 1; server < state.servers.count; server++) {
      total = sumOfReports(total, yield* this.#ask(server, operations.rebuild, fault));
    }
    this.#isOwed = false;
    state.placementVersion++;
    yield* this.#pausing.resume();
    this.pausedNs += state.nowNs() - sinceNs;
    return total;
  }

  /**
   * A first server that takes over makes the others rebuild their shares as it knows the buckets to lie.
   * Its predecessor may have had them do so for a fault, and died before compute nodes heard where
   * everything lies now, or while they were at it: nodes would go on beside a rebuild, or look where
   * nothing has been written.
   */
  *agree(): Program<void> {
    const { servers } = this.#state;
    for (let server = 1; server < servers.count; server++) {
      // The successor of one that is lost asks the compute nodes, as this one did.
      if (!servers.isLost(server)) yield* this.#ask(server, operations.rebuild, undefined);
    }
  }

  /** This server's part, while all compute nodes are at rest. `places`: the first server's, by bucket. */
  *rebuildShare(fault: MemoryFault | undefined, places: readonly Place[]): Program<RecoveryReport> {
    if (fault !== undefined) this.hear(fault);
    return yield* this.#rebuild(fault, this.#changesTo(places));
  }

  *#rebuild(
    fault: MemoryFault | undefined,
    changes: readonly BucketChange[],
  ): Program<RecoveryReport> {
    const state = this.#state;
    if (fault?.kind === 'memoryRestarted') {
      state.restarts.push(fault.node);
      yield* reconnect(fault.node);
    }
    yield* state.quiet();
    for (const change of changes) this.#unfinished.set(change.bucket, change);
    const rebuild = new Rebuild(state, changes.filter(isPlaced));
    const heads = [...state.namer.all()].filter((chain) => !chain.isOver);
    yield* rebuild.run(heads, state.namer.numbers());
    this.#unfinished.clear();
    state.isRebuilding = false;
    if (fault?.kind === 'memoryRestarted') state.late.endBefore(fault.node, fault.start);
    this.entriesLost += rebuild.entriesLost;
    return {
      locksBroken: 0,
      entriesRepaired: rebuild.entriesRepaired,
      buffersReclaimed: rebuild.buffersReclaimed,
      bytesMoved: rebuild.bytesMoved,
    };
  }

  /** Where the buckets of that node go, as the first server decides, and what is left of other faults. */
  #changesOf(fault: MemoryFault): readonly BucketChange[] {
    const changes: BucketChange[] = [];
    const taken = new Map<number, number>();
    for (const [bucket, place] of this.#state.layout.places.entries()) {
      const isConcerned = place.node === fault.node && !this.#isVain(fault);
      if (!isConcerned && !this.#unfinished.has(bucket)) continue;
      const isMoved = isConcerned && fault.kind !== 'memoryRestarted';
      const from = isMoved && fault.kind === 'memoryLost' ? undefined : this.#sourceOf(bucket);
      changes.push({ bucket, from, to: isMoved ? this.#newPlace(fault, taken) : place });
    }
    return changes;
  }

  /** How this server's placement becomes the first one's. */
  #changesTo(places: readonly Place[]): readonly BucketChange[] {
    const changes: BucketChange[] = [];
    for (const [bucket, to] of places.entries()) {
      if (!this.#unfinished.has(bucket) && this.#lies(bucket, to)) continue;
      changes.push({ bucket, from: this.#sourceOf(bucket), to });
    }
    return changes;
  }

  /** Where the copies in a bucket can be trusted; undefined: nowhere. */
  #sourceOf(bucket: number): Place | undefined {
    const begun = this.#unfinished.get(bucket);
    const source = begun === undefined ? this.#state.layout.places[bucket] : begun.from;
    return source === undefined || this.#state.lostMemory.has(source.node) ? undefined : source;
  }

  #lies(bucket: number, at: Place): boolean {
    return isSame(this.#state.layout.places[bucket] as Place, at);
  }

  /** To a node that is lost nothing is moved. */
  #isVain(fault: MemoryFault): boolean {
    return fault.kind === 'memoryMoved' && this.#state.lostMemory.has(fault.to);
  }

  /** On the node named, else on the survivor with the most room. `taken`: rooms given out, by node. */
  #newPlace(fault: MemoryFault, taken: Map<number, number>): Place {
    const { layout, lostMemory } = this.#state;
    const named =
      fault.kind === 'memoryMoved'
        ? fault.to
        : livingSpare((fault as MemoryLost).spare, lostMemory);
    const survivors = layout.placement.filter((node) => !lostMemory.has(node));
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

  *#ask(
    server: number,
    operation: number,
    fault: MemoryFault | undefined,
  ): Program<RecoveryReport> {
    const caller = new RpcCaller(this.#state.context);
    const { layout, context } = this.#state;
    const request = memoryRequest(
      operation,
      fault,
      operation === operations.rebuild ? { layout, leader: context.incarnation } : undefined,
    );
    return yield* this.#state.servers.askToRecover(server, request, caller);
  }
}

/** Where verbs in doubt are over. What was moved lives on. */
function healedBy(fault: MemoryFault): Healed | undefined {
  if (fault.kind === 'memoryMoved') return undefined;
  const { node } = fault;
  return { node, start: fault.kind === 'memoryLost' ? Number.MAX_SAFE_INTEGER : fault.start };
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
