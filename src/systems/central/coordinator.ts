import { type Address, nodeOf } from '../../core/address.ts';
import type { Parts } from '../../core/context.ts';
import { compute, type Program, sleep } from '../../core/effect.ts';
import { FarsideError } from '../../core/errors.ts';
import type { ClusterNode } from '../../memory/cluster.ts';
import { LateStatistics } from '../statistics.ts';
import type { Site, SystemStatistics } from '../system.ts';
import { BufferAllocator } from './allocator.ts';
import type { Calls } from './calls.ts';
import { chunkHeadBytes } from './chunk.ts';
import type { Copies } from './copies.ts';
import { EntryLocks } from './entry-locks.ts';
import { EntryTable } from './entry-table.ts';
import { mapSlotBytes } from './map-format.ts';
import { MemoryNodes } from './memory-nodes.ts';
import type { CentralParts } from './parts.ts';
import type { PersistentMap } from './persistent-map.ts';
import type { Relocation } from './relocation.ts';
import { type CentralConfig, dataRegionName, mapRegionName, mapSlots } from './settings.ts';
import type { VoidList } from './void-list.ts';
import { plainReply, replyStatus } from './wire.ts';

const waitFirstNs = 200;
const waitLastNs = 3200;
const waitsMax = 300_000;

/** What all handlers share: the map, its locks, the free buffers, and the memory nodes. */
export class Coordinator {
  readonly site: Site;
  readonly config: CentralConfig;
  readonly table: EntryTable;
  readonly locks: EntryLocks;
  readonly map: PersistentMap;
  readonly nodes: MemoryNodes;
  readonly allocator: BufferAllocator;
  readonly copies: Copies;
  readonly voids: VoidList;
  readonly relocation: Relocation;
  /** Entries of which an insert is under way. */
  readonly inserting = new Set<number>();
  readonly calls: Calls;
  readonly parts: CentralParts;
  readonly events = {
    mapFlips: 0,
    allocations: 0,
    frees: 0,
    putsSuperseded: 0,
    capacityWaits: 0,
    deleteWaits: 0,
    copiesSkipped: 0,
    copiesMoved: 0,
    copiesMissing: 0,
    choicesRevised: 0,
    writesRetried: 0,
    buffersOwed: 0,
    buffersVoided: 0,
    nodesDown: 0,
    callsRepeated: 0,
  };
  #term = 0;
  /** Replies without a value, which all are alike within a term. */
  yes = plainReply(replyStatus.yes, 0);
  no = plainReply(replyStatus.no, 0);

  constructor(site: Site, config: CentralConfig, parts: CentralParts) {
    this.site = site;
    this.parts = parts;
    this.calls = new parts.Calls();
    this.config = config;
    const { cluster, shape, context } = site;
    const slots = mapSlots(shape, config);
    this.table = new EntryTable(slots, shape.replicas);
    this.locks = new EntryLocks(slots);
    const mapRegion = cluster.region(context.node, mapRegionName);
    this.map = new parts.PersistentMap(
      mapRegion.address,
      slots,
      shape.replicas,
      context.incarnation,
    );
    this.nodes = new MemoryNodes(site);
    const regions = this.nodes.ids.map((id) => cluster.region(id, dataRegionName));
    this.allocator = new BufferAllocator(regions);
    this.relocation = new parts.Relocation(this);
    this.voids = new parts.VoidList(this.nodes);
    const { table, nodes, allocator, voids, events, relocation } = this;
    const onAnswer = (node: number): Program<unknown> => relocation.readmit(node, false);
    this.copies = new parts.Copies({
      ...{ table, nodes, allocator, voids, events, onAnswer },
      nowNs: () => context.nowNs(),
    });
    this.openMembers();
  }

  get term(): number {
    return this.#term;
  }

  set term(term: number) {
    this.#term = term;
    this.yes = plainReply(replyStatus.yes, term);
    this.no = plainReply(replyStatus.no, term);
  }

  /** Lets new buffers be taken on the memory nodes that belong to the store, and on no others. */
  openMembers(): void {
    for (const id of this.nodes.ids) {
      if (this.nodes.status(id) === 'serving') this.allocator.open(id);
      else this.allocator.close(id);
    }
  }

  /** Whether a copy lies where it can be expected to answer. */
  isThere(buffer: Address): boolean {
    return buffer > 0 && this.nodes.status(nodeOf(buffer)) === 'serving';
  }

  /** Buffers for the copies of a record of `bytes`, each on a node of its own; FARSIDE_CAPACITY. */
  *allocate(bytes: number): Program<Address[]> {
    const { replicas } = this.site.shape;
    yield* compute('allocate', replicas);
    const buffers = new Array<Address>(replicas).fill(0);
    let waitNs = waitFirstNs;
    for (let tries = 0; !this.allocator.allocate(bytes, buffers); tries++) {
      // A buffer that is on its way back will do, or a node that comes back; if there is neither, the
      // memory nodes are full.
      const hopeless = this.copies.retiring === 0 && !this.nodes.anyDown;
      if (hopeless || tries >= waitsMax) throw this.#full(bytes);
      this.events.capacityWaits++;
      yield* sleep(waitNs);
      waitNs = Math.min(2 * waitNs, waitLastNs);
    }
    this.events.allocations += replicas;
    return buffers;
  }

  #full(bytes: number): FarsideError {
    const used = this.allocator.allocatedBytes;
    const { cluster } = this.site;
    const { id } = cluster.withRole('memory')[0] as ClusterNode;
    const region = cluster.region(id, dataRegionName);
    return new FarsideError(
      'FARSIDE_CAPACITY',
      `the memory nodes have no ${this.site.shape.replicas} free buffers for ${bytes} B: up to ` +
        `${Math.max(...used)} B of ${region.sizeBytes} B are in use; make memoryBytes larger`,
    );
  }

  /**
   * Until no record of the entry can be whole on a memory node, or the entry has been flipped
   * again: then a record with a higher sequence number decides what such remains mean.
   */
  awaitSettled(entry: number, sequence: number): Program<void> {
    const { table } = this;
    return this.#awaitUntil(
      entry,
      () => table.unsettled[entry] === 0 || table.sequence[entry] !== sequence,
    );
  }

  /**
   * The same but for one record that is stale, the caller's own, and records that are on their way. Those
   * are of operations that have not been answered, which may take effect.
   */
  awaitLastStale(entry: number, sequence: number): Program<void> {
    const { table } = this;
    return this.#awaitUntil(
      entry,
      () => table.stale[entry] === 1 || table.sequence[entry] !== sequence,
    );
  }

  *#awaitUntil(entry: number, holds: () => boolean): Program<void> {
    let waitNs = waitFirstNs;
    for (let tries = 0; !holds(); tries++) {
      if (tries >= waitsMax) {
        throw new FarsideError('FARSIDE_LIMIT', `records of entry ${entry} do not settle`);
      }
      this.events.deleteWaits++;
      yield* sleep(waitNs);
      waitNs = Math.min(2 * waitNs, waitLastNs);
    }
  }

  /**
   * Whether one may say that the key does not exist: it is dead in the map, and no record of it is left
   * that someone without the map could take for a live one. False where it is live, if need be after
   * having waited. (A key that never was flipped yet is absent: whoever finds the record of its insert
   * lets that insert happen now.)
   */
  *isAbsent(entry: number): Program<boolean> {
    const { table } = this;
    table.pin(entry);
    try {
      const isSettled = (): boolean => table.sequence[entry] === 0 || table.unsettled[entry] === 0;
      yield* this.#awaitUntil(entry, () => table.live[entry] !== 0 || isSettled());
      return table.live[entry] === 0;
    } finally {
      table.unpin(entry);
    }
  }

  /** As long as no memory node has failed: debts, relocation and their programs are not told of. */
  remembers(): Parts | undefined {
    const { table, locks, map, allocator, copies, inserting, calls, nodes, term } = this;
    if (!nodes.isUntouched || copies.owed.length > 0) return undefined;
    const { retiring } = copies;
    return { entries: [term, table, locks, map, inserting, calls], space: [allocator, retiring] };
  }

  get statistics(): SystemStatistics {
    const coordinator = this;
    return new LateStatistics({
      events() {
        const { malformed } = coordinator.site.context.hub;
        return { ...coordinator.events, lockWaits: coordinator.locks.waits, malformed };
      },
      metadataBytes() {
        const { table } = coordinator;
        return table.bytes + table.entries * mapSlotBytes(table.replicas);
      },
      remote() {
        const { allocator } = coordinator;
        return {
          dataBytes: allocator.allocatedBytes.reduce((sum, bytes) => sum + bytes, 0),
          metadataBytes: allocator.chunksInUse * chunkHeadBytes,
        };
      },
    });
  }
}
