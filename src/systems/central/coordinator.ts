import type { Address } from '../../core/address.ts';
import {
  compute,
  flush,
  type Program,
  settle,
  sleep,
  type Verb,
  VerbError,
  verbStatus,
  write,
  writeWord,
} from '../../core/effect.ts';
import { FarsideError } from '../../core/errors.ts';
import type { ClusterNode } from '../../memory/cluster.ts';
import type { Site, SystemStatistics } from '../system.ts';
import { BufferAllocator, type Label } from './allocator.ts';
import { chunkHeadBytes, chunkWord } from './chunk.ts';
import { EntryLocks } from './entry-locks.ts';
import { EntryTable } from './entry-table.ts';
import { mapSlotBytes, PersistentMap } from './persistent-map.ts';
import { type CentralConfig, dataRegionName, mapRegionName, mapSlots } from './settings.ts';

const waitFirstNs = 200;
const waitLastNs = 3200;
const waitsMax = 300_000;

/** A record that is, or may be, whole on memory nodes and is not the committed one. */
export interface Remains {
  readonly entry: number;
  readonly buffers: readonly Address[];
}

/** What all handlers share: the map, its locks, the free buffers, and work on memory nodes. */
export class Coordinator {
  readonly site: Site;
  readonly config: CentralConfig;
  readonly table: EntryTable;
  readonly locks: EntryLocks;
  readonly map: PersistentMap;
  readonly events = {
    mapFlips: 0,
    allocations: 0,
    frees: 0,
    putsSuperseded: 0,
    capacityWaits: 0,
    deleteWaits: 0,
    copiesSkipped: 0,
    buffersLost: 0,
  };
  readonly #allocator: BufferAllocator;
  readonly #flushes: boolean;
  /** Buffers on their way to the free list. */
  #retiring = 0;

  constructor(site: Site, config: CentralConfig) {
    this.site = site;
    this.config = config;
    const { cluster, shape, context } = site;
    const slots = mapSlots(shape, config);
    this.table = new EntryTable(slots, shape.replicas);
    this.locks = new EntryLocks(slots);
    const mapRegion = cluster.region(context.node, mapRegionName);
    this.map = new PersistentMap(mapRegion.address, slots, shape.replicas);
    const regions = cluster.withRole('memory').map((n) => cluster.region(n.id, dataRegionName));
    this.#allocator = new BufferAllocator(regions);
    this.#flushes = context.durability === 'flush';
  }

  /** Buffers for the copies of a record of `bytes`, each on a node of its own; FARSIDE_CAPACITY. */
  *allocate(bytes: number): Program<Address[]> {
    const { replicas } = this.site.shape;
    yield* compute('allocate', replicas);
    const buffers = new Array<Address>(replicas).fill(0);
    let waitNs = waitFirstNs;
    for (let tries = 0; !this.#allocator.allocate(bytes, buffers); tries++) {
      // A buffer that is on its way back will do; if none is, the memory nodes are full.
      if (this.#retiring === 0 || tries >= waitsMax) throw this.#full(bytes);
      this.events.capacityWaits++;
      yield* sleep(waitNs);
      waitNs = Math.min(2 * waitNs, waitLastNs);
    }
    this.events.allocations += replicas;
    return buffers;
  }

  #full(bytes: number): FarsideError {
    const used = this.#allocator.allocatedBytes;
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
   * WRITEs a record to all its buffers at once, without any lock: nobody can reach them yet. In
   * `flush` durability each WRITE is followed by its FLUSH in the same doorbell; verbs of one queue
   * pair execute in post order, so one wait covers both.
   *
   * Throws where a copy could not be written. `buffers` then holds those that can be used again:
   * one whose WRITE has an unknown outcome may still be written at any time, so nobody may have it.
   */
  *writeCopies(buffers: Address[], record: Uint8Array): Program<void> {
    const verbs: Verb<unknown>[] = [];
    const ofCopy: Verb<unknown>[][] = [];
    const labels: { label: Label; verb: Verb<unknown> }[] = [];
    for (const buffer of buffers) {
      const copy: Verb<unknown>[] = [];
      // The class word of a chunk must be there before a record in it counts. Everyone who takes a
      // buffer sends it until one such WRITE is known to be done: the first to take one may be
      // slower than the second, whose record would be committed in a chunk without a label.
      const label = this.#allocator.missingLabel(buffer);
      if (label !== undefined) {
        const verb = writeWord(label.address, chunkWord(label.classIndex));
        labels.push({ label, verb });
        copy.push(verb);
        if (this.#flushes) copy.push(flush(label.address, 8));
      }
      copy.push(write(buffer, record));
      if (this.#flushes) copy.push(flush(buffer, record.length));
      ofCopy.push(copy);
      verbs.push(...copy);
    }
    yield* settle(...verbs);
    for (const { label, verb } of labels) {
      if (verb.status === verbStatus.ok) this.#allocator.labelled(label);
    }
    const bad = verbs.find((verb) => verb.status !== verbStatus.ok);
    if (bad === undefined) return;
    const usable = buffers.filter((_, i) => !isUnknown(ofCopy[i] as Verb<unknown>[]));
    this.events.buffersLost += buffers.length - usable.length;
    buffers.splice(0, buffers.length, ...usable);
    throw new VerbError(bad);
  }

  /** Remains are to be expected: until `retire` has run, a put may wait for their buffers. */
  announce(remains: Remains): void {
    this.#retiring += remains.buffers.length;
  }

  /**
   * Ends the remains of a record that `announce` was told of: makes each copy invalid by zeroing
   * the first word of its head, and only then frees its buffer, so that no later WRITE into the
   * buffer can be hit. No reader can be on it: the map was flipped under the entry's write lock.
   */
  *retire(remains: Remains): Program<void> {
    yield* this.invalidate(remains.buffers);
    this.#retiring -= remains.buffers.length;
    (this.table.unsettled[remains.entry] as number)--;
    this.table.dropIfUnused(remains.entry);
  }

  *invalidate(buffers: readonly Address[]): Program<void> {
    if (buffers.length === 0) return;
    const words = buffers.map((buffer) => writeWord(buffer, 0n));
    const verbs: Verb<unknown>[] = [];
    for (const word of words) {
      verbs.push(word);
      if (this.#flushes) verbs.push(flush(word.address, 8));
    }
    yield* settle(...verbs);
    yield* compute('allocate', buffers.length);
    for (const word of words) {
      if (word.status === verbStatus.ok) {
        this.#allocator.free(word.address);
        this.events.frees++;
      } else this.events.buffersLost++;
    }
  }

  /**
   * Until no record of the entry can be whole on a memory node, or the entry has been flipped
   * again: then a record with a higher sequence number decides what such remains mean.
   */
  *awaitSettled(entry: number, sequence: number): Program<void> {
    const { table } = this;
    let waitNs = waitFirstNs;
    for (let tries = 0; table.unsettled[entry] !== 0; tries++) {
      if (table.sequence[entry] !== sequence) return;
      if (tries >= waitsMax) {
        throw new FarsideError('FARSIDE_LIMIT', `records of entry ${entry} do not settle`);
      }
      this.events.deleteWaits++;
      yield* sleep(waitNs);
      waitNs = Math.min(2 * waitNs, waitLastNs);
    }
  }

  get statistics(): SystemStatistics {
    const coordinator = this;
    return {
      get events() {
        return { ...coordinator.events, lockWaits: coordinator.locks.waits };
      },
      get metadataBytes() {
        const { table } = coordinator;
        return table.bytes + table.entries * mapSlotBytes(table.replicas);
      },
      get remote() {
        const allocator = coordinator.#allocator;
        return {
          dataBytes: allocator.allocatedBytes.reduce((sum, bytes) => sum + bytes, 0),
          metadataBytes: allocator.chunksInUse * chunkHeadBytes,
        };
      },
    };
  }
}

function isUnknown(verbs: readonly Verb<unknown>[]): boolean {
  return verbs.some((verb) => verb.status === verbStatus.unknown);
}
