import type { Address } from '../../core/address.ts';
import type { NodeContext } from '../../core/context.ts';
import { type Program, sleep, spawn, VerbError } from '../../core/effect.ts';
import { assert, FarsideError } from '../../core/errors.ts';
import type { Key } from '../../core/key.ts';
import type { RandomStream } from '../../core/random.ts';
import type { Fault, RecoveryReport } from '../recovery.ts';
import type { Site, StoreClient, StoreShape, SystemNode, SystemStatistics } from '../system.ts';
import { type FreeSlot, SlotAllocator } from './allocator.ts';
import { DirectClient } from './client.ts';
import type { DirectConfig } from './config.ts';
import { type DirectEvent, directCounters } from './counters.ts';
import { type Geometry, geometryOf } from './geometry.ts';
import { Recovery } from './recovery.ts';
import type { HeldBucket, HeldSlot } from './repair.ts';
import type { SizeClass } from './size-classes.ts';
import { incarnationMax, type LockWord, lockState, stampOf } from './words.ts';

/** Where a key's record is, as a compute node remembers it. */
export interface Location {
  readonly primary: number;
  /** Start of the slot in the copy areas, in units of 64 bytes. */
  readonly slot: number;
  readonly sizeClass: SizeClass;
  readonly generation: number;
  /** The index entry that names the slot: a word of the primary's index. */
  readonly entry: number;
  /** How often the primary's index had been built anew when this was learnt; see `DirectNode`. */
  readonly epoch: number;
  /** Length of the record when last seen: what a get READs. */
  recordBytes: number;
}

/** Of a location in a table: addresses and lengths, packed. The key is counted apart. */
const locationBytes = 32;

/** One compute node: the table of locations, which has no limit (paper, Table 1: "large"). */
export class DirectNode implements SystemNode {
  readonly background: readonly Program<unknown>[] = [];
  readonly context: NodeContext;
  readonly config: DirectConfig;
  readonly shape: StoreShape;
  readonly geometry: Geometry;
  readonly allocator: SlotAllocator;
  readonly recovery: Recovery;
  readonly #events: Record<DirectEvent, number>;
  readonly #locations = new Map<string, Location>();
  readonly #pauses: RandomStream;
  readonly #reportsFixed: boolean;
  /** Writes under way, by stamp, with the place of their primary. */
  readonly #writes = new Map<number, number>();
  /** By primary: pieces of recovery under way. */
  readonly #repairing = new Map<number, number>();
  /** Slots whose lock this node holds to recover them: the stamp is another's. */
  readonly #repairs = new Set<string>();
  /** Incarnations that this node has been told are lost, and the nodes they were starts of. */
  readonly lost = new Set<number>();
  readonly lostNodes = new Set<number>();
  /** By place: how often its index was built anew; entries have other numbers since. */
  readonly #epochs: number[];
  /** Locks that writes of this node may have left when they lost a verb. */
  readonly left: (HeldSlot | HeldBucket)[] = [];
  /**
   * Slots that inserts of this node had filled, when others took the entries meant for them, and then
   * lost a verb. Their records look like those of entries, but for the index.
   */
  readonly unlinked: (FreeSlot & { readonly primary: number })[] = [];
  /** Places whose memory node is being replaced: no write may touch them meanwhile. */
  readonly #suspended = new Set<number>();
  readonly #rebuilt = new Set<number>();
  #metadataBytes = 0;
  #stamps = 0;
  /** When a verb of this node last ended other than ok, in ns. */
  #brokenNs = Number.NEGATIVE_INFINITY;

  constructor(site: Site, config: DirectConfig) {
    assert(
      site.context.incarnation <= incarnationMax,
      () =>
        `incarnation ${site.context.incarnation}: lock words of direct name up to ` +
        `${incarnationMax}; there were too many restarts in one run`,
      'FARSIDE_LIMIT',
    );
    this.context = site.context;
    this.config = config;
    this.shape = site.shape;
    this.geometry = geometryOf(site.cluster, site.shape);
    this.#events = Object.fromEntries(
      Object.keys(directCounters).map((name) => [name, 0]),
    ) as Record<DirectEvent, number>;
    this.allocator = new SlotAllocator(
      site.context,
      this.geometry,
      (name) => this.count(name),
      (primary) => this.isRebuilding(primary),
    );
    this.#epochs = Array.from({ length: this.geometry.memoryNodes }, () => 0);
    this.recovery = new Recovery(this);
    this.#pauses = site.context.random('direct back-off');
    this.#reportsFixed = site.cluster.withRole('compute')[0]?.id === site.context.node;
  }

  openClient(): StoreClient {
    return new DirectClient(this);
  }

  recover(fault: Fault): Program<RecoveryReport> {
    return this.recovery.recover(fault);
  }

  held(): Iterable<Address> {
    return this.allocator.held();
  }

  count(event: DirectEvent): void {
    this.#events[event]++;
  }

  location(key: Key): Location | undefined {
    return this.#locations.get(key.text);
  }

  remember(key: Key, location: Location): void {
    if (location.epoch !== this.epoch(location.primary)) return;
    if (!this.#locations.has(key.text)) this.#metadataBytes += locationBytes + key.bytes.length;
    this.#locations.set(key.text, location);
  }

  /** A location that turned out to name another life of the slot, or another key. */
  dropStale(key: Key, stale: Location): void {
    this.count('staleLocations');
    this.forget(key, stale);
  }

  epoch(primary: number): number {
    return this.#epochs[primary] as number;
  }

  /** All locations and free slots of a primary whose index and slots' owners were built anew. */
  forgetPlace(primary: number): void {
    this.#epochs[primary] = this.epoch(primary) + 1;
    this.allocator.forget(primary);
    for (const [text, location] of this.#locations) {
      if (location.primary !== primary) continue;
      this.#locations.delete(text);
      this.#metadataBytes -= locationBytes + text.length;
    }
  }

  /** Unless another client of this node has replaced it meanwhile. */
  forget(key: Key, stale: Location): void {
    if (this.#locations.get(key.text) !== stale) return;
    this.#locations.delete(key.text);
    this.#metadataBytes -= locationBytes + key.bytes.length;
  }

  checkKey(key: Key): void {
    assert(
      key.bytes.length <= this.shape.keyBytesMax,
      () =>
        `key ${JSON.stringify(key.text)} has ${key.bytes.length} bytes: ` +
        `this store takes up to ${this.shape.keyBytesMax}`,
      'FARSIDE_KEY',
    );
  }

  checkValue(value: Uint8Array): void {
    assert(
      value.length >= 1 && value.length <= this.shape.valueBytesMax,
      () => `a value of ${value.length} bytes: this store takes 1 to ${this.shape.valueBytesMax}`,
      'FARSIDE_VALUE',
    );
  }

  /**
   * A name for the next write of this node, which is under way until `endWrite`. No other program runs
   * between the look at `isSuspended` and this.
   */
  beginWrite(primary: number): number {
    this.#stamps = (this.#stamps + 1) & 0x3ffff;
    const stamp = stampOf(this.context.incarnation, this.#stamps);
    this.#writes.set(stamp, primary);
    return stamp;
  }

  /** A write that holds nothing and has no verb in flight lets a memory node be replaced. */
  *pauseWrite(stamp: number, primary: number): Program {
    this.#writes.delete(stamp);
    yield* this.getReady(primary);
    this.#writes.set(stamp, primary);
  }

  isSuspended(primary: number): boolean {
    return this.#suspended.has(primary);
  }

  endWrite(stamp: number): void {
    this.#writes.delete(stamp);
  }

  /**
   * Whether a lock that names this incarnation belongs to no program of it: a verb failed under that
   * lock, or a power loss brought it back. Nobody but this node can tell. `slot` is undefined for a
   * bucket's lock.
   */
  isAbandoned({ state, incarnation, stamp }: LockWord, primary: number, slot?: number): boolean {
    if (state !== lockState.held || incarnation !== this.context.incarnation) return false;
    return !this.#writes.has(stamp) && !this.#repairs.has(`${primary} ${slot}`);
  }

  /** A program of this node finishes what was left of that slot; false where one does already. */
  beginRepair(primary: number, slot: number): boolean {
    const name = `${primary} ${slot}`;
    if (this.#repairs.has(name)) return false;
    this.#repairs.add(name);
    return true;
  }

  endRepair(primary: number, slot: number): void {
    this.#repairs.delete(`${primary} ${slot}`);
  }

  /** Notes that an operation has lost a verb, and what it may have left; gives the error back. */
  broken(error: unknown, left?: HeldSlot | HeldBucket): unknown {
    if (!(error instanceof VerbError)) return error;
    this.#brokenNs = this.context.nowNs();
    if (left !== undefined) this.left.push(left);
    return error;
  }

  /**
   * The same where an operation ends, and others may wait for what it has left: this node may write nothing
   * any more, so a program of its own finishes it.
   */
  *leave(error: unknown, left: HeldSlot | HeldBucket): Program<unknown> {
    this.broken(error, left);
    if (error instanceof VerbError && !this.recovery.isLookingForLeft) {
      yield* spawn(this.recovery.untilNothingIsLeft(), 'finish what is left');
    }
    return error;
  }

  /** Writes under way now whose copies lie at one of these primaries. */
  writesAt(primaries: readonly number[]): number[] {
    return [...this.#writes].flatMap(([stamp, at]) => (primaries.includes(at) ? [stamp] : []));
  }

  /** Whether one of those has not ended. */
  isUnderWay(stamps: readonly number[]): boolean {
    return stamps.some((stamp) => this.#writes.has(stamp));
  }

  /**
   * Until none of this node's own verbs that ended `unknown` can take effect any more. A memory node
   * that has started anew, or is gone, has seen to that; only where the path to it was broken and has
   * healed does it rest on the fabric's bound.
   */
  *settle(): Program {
    // Later than the bound, since a verb may take all of it.
    const leftNs = this.#brokenNs + this.context.verbBoundNs + 1 - this.context.nowNs();
    if (leftNs > 0) yield* sleep(leftNs);
  }

  /** Whether a write to keys of that primary may begin at once, as it almost always may. */
  isReady(primary: number): boolean {
    if (this.recovery.hasLeft) return false;
    return this.#suspended.size === 0 || !this.#suspended.has(primary);
  }

  /**
   * Finishes what earlier writes of this node have left, and waits where a memory node is being
   * replaced. FARSIDE_LIMIT after as many looks as there may be at a lock.
   */
  *getReady(primary: number): Program {
    if (this.recovery.hasLeft) yield* this.recovery.lookForLeft();
    if (!this.#suspended.has(primary)) return;
    this.count('suspensions');
    for (let tries = 0; this.#suspended.has(primary); tries++) {
      if (tries >= this.config.lockRetriesMax) {
        throw new FarsideError(
          'FARSIDE_LIMIT',
          `the memory node of place ${primary} was still being replaced after ${tries} looks; ` +
            'a compute node may not have been told of it, or lockRetriesMax is too low',
        );
      }
      yield* this.backOff(tries);
    }
  }

  /**
   * A piece of recovery at one primary, which changes what a memory node's replacement would copy: it
   * waits for that, or is waited for. It must not itself wait for anybody.
   */
  *undisturbed<T>(primary: number, piece: Program<T>): Program<T> {
    if (this.#suspended.has(primary)) yield* this.getReady(primary);
    this.#repairing.set(primary, (this.#repairing.get(primary) ?? 0) + 1);
    try {
      return yield* piece;
    } finally {
      this.#repairing.set(primary, (this.#repairing.get(primary) ?? 1) - 1);
    }
  }

  isRepairing(primaries: readonly number[]): boolean {
    return primaries.some((primary) => (this.#repairing.get(primary) ?? 0) > 0);
  }

  /** `rebuilt`: the place whose memory holds nothing yet, where that is so. */
  suspend(primaries: readonly number[], rebuilt: number | undefined): void {
    for (const primary of primaries) this.#suspended.add(primary);
    if (rebuilt !== undefined) this.#rebuilt.add(rebuilt);
  }

  resume(primaries: readonly number[], rebuilt: number | undefined): void {
    for (const primary of primaries) this.#suspended.delete(primary);
    if (rebuilt !== undefined) this.#rebuilt.delete(rebuilt);
  }

  /** Whether nothing that a primary's memory says counts, since it is being built anew. */
  isRebuilding(primary: number): boolean {
    return this.#rebuilt.size > 0 && this.#rebuilt.has(primary);
  }

  /** Randomised exponential back-off, so that writers of one key do not retry in step. */
  *backOff(attempt: number): Program {
    const { backOffNsMin, backOffNsMax } = this.config;
    const meanNs = Math.min(backOffNsMax, backOffNsMin * 2 ** Math.min(attempt, 30));
    yield* sleep(meanNs * (0.5 + this.#pauses.unit()));
  }

  /**
   * `remote` is this node's share: slots that it allocated less those that it freed. The sum over
   * compute nodes is what is in use; index and pool are counted at the first of them.
   */
  get statistics(): SystemStatistics {
    const { sizing, memoryNodes, replicas } = this.geometry;
    const fixedBytes = sizing.buckets * 64 + sizing.poolBytes + replicas * sizing.directoryBytes;
    return {
      events: { ...this.#events },
      metadataBytes: this.#metadataBytes,
      remote: {
        dataBytes: this.allocator.usedBytes * replicas,
        metadataBytes: this.#reportsFixed ? fixedBytes * memoryNodes : 0,
      },
    };
  }
}

/** Times that one operation looks its key up again because the slot changed hands under it. */
export const relocationsMax = 1000;

export function restless(key: Key): FarsideError {
  return new FarsideError(
    'FARSIDE_LIMIT',
    `key ${JSON.stringify(key.text)} was moved, deleted or inserted under every attempt to ` +
      'reach it',
  );
}
