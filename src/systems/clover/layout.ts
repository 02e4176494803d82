import { type Address, nodeOf } from '../../core/address.ts';
import { assert } from '../../core/errors.ts';
import type { ClusterMap } from '../../memory/cluster.ts';
import type { StoreShape } from '../system.ts';
import type { CloverConfig } from './config.ts';
import { handleOf, type Reference } from './pointer.ts';
import { classBytes, type PoolPlan, planPools, sizeClassCount } from './pools.ts';

export const shortcutRegion = 'shortcuts';
export const bufferRegion = 'buffers';

/** A memory node, and which of its rooms: where a bucket lies. */
export interface Place {
  readonly node: number;
  readonly room: number;
}

/**
 * Where everything lies, by arithmetic alone: the authors keep a table of 16 bytes per handle on every
 * compute node (70 MiB for each 4 GB of memory), this needs ten numbers.
 *
 *   memory node d                               a buffer of class c, 128 B << c
 *   region shortcuts:                           +---------------------------+ 0
 *     [server 0: slots][server 1: slots]...     | R header words            |
 *   region buffers:                             | record: head, key, value  | 8R
 *     [class 0: n0][class 1: n1]...[class 9]    | (zero padding)            |
 *                                               +---------------------------+ 128 << c
 *
 * That is one room. A memory node has as many as it may have to hold buckets: its own bucket lies in the
 * first, those of nodes that are lost without a spare in the others.
 *
 * Handles count buffers from 1, memory node after memory node, class after class. A shortcut slot is R
 * words; slots count likewise, and a chain's number is `slot + generation x slots`, so that a slot
 * that is used again makes a new chain and the chain's slot is still computed from its number.
 */
export class CloverLayout {
  readonly replicas: number;
  readonly buckets: number;
  readonly servers: number;
  readonly plan: PoolPlan;
  /** Slots of all memory nodes. */
  readonly slots: number;
  readonly #slotsPerNode: number;
  readonly #handlesPerNode: number;
  readonly #firstIndex: number[] = [];
  readonly #classOffset: number[] = [];
  readonly #cluster: ClusterMap;
  /** Where each bucket lies: on its own node, until another takes its place. */
  readonly #places: Place[] = [];
  readonly #shortcutBase: Address[] = [];
  readonly #bufferBase: Address[] = [];

  constructor(cluster: ClusterMap, shape: StoreShape, config: CloverConfig) {
    this.#cluster = cluster;
    this.plan = planPools(shape, config);
    this.replicas = shape.replicas;
    this.servers = config.metadataServers;
    const memoryNodes = cluster.withRole('memory');
    this.buckets = shape.memoryNodes;
    for (const [d, node] of memoryNodes.slice(0, this.buckets).entries()) {
      assert(
        node.id === d,
        () => `memory node ${d} has id ${node.id}: expected them to come first`,
      );
      this.place(d, { node: node.id, room: 0 });
    }
    let index = 0;
    let offsetBytes = 0;
    for (let c = 0; c < sizeClassCount; c++) {
      this.#firstIndex.push(index);
      this.#classOffset.push(offsetBytes);
      index += this.plan.buffers[c] as number;
      offsetBytes += (this.plan.buffers[c] as number) * classBytes(c);
    }
    this.#handlesPerNode = index;
    this.#slotsPerNode = this.plan.shortcutSlotsPerServer * this.servers;
    this.slots = this.#slotsPerNode * this.buckets;
    assert(
      index * this.buckets < 2 ** 32,
      () => `${index * this.buckets} buffers: a handle has 32 bits; use fewer or larger ones`,
      'FARSIDE_CAPACITY',
    );
  }

  /** Bucket `bucket` lies there. Handles stay what they are; addresses that somebody has kept do not. */
  place(bucket: number, place: Place): void {
    this.#places[bucket] = place;
    this.#shortcutBase[bucket] = this.#base(place, shortcutRegion, this.plan.shortcutBytes);
    this.#bufferBase[bucket] = this.#base(place, bufferRegion, this.plan.bufferBytesOfRoom);
  }

  #base({ node, room }: Place, region: string, roomBytes: number): Address {
    assert(room < this.plan.rooms, () => `room ${room} of memory node ${node}`, 'FARSIDE_CORRUPT');
    return this.#cluster.region(node, region).address + room * roomBytes;
  }

  /** By bucket, where it lies. */
  get places(): readonly Place[] {
    return this.#places;
  }

  /** By bucket, the memory node that it lies on. */
  get placement(): readonly number[] {
    return this.#places.map(({ node }) => node);
  }

  /** Buckets that lie on another one's node: if that is lost, copies are that should be apart. */
  get bucketsTogether(): number {
    return this.#places.length - new Set(this.placement).size;
  }

  /** The rooms of a node that no bucket lies in. */
  roomsFree(node: number): number[] {
    const taken = this.#places.filter((place) => place.node === node).map(({ room }) => room);
    return Array.from({ length: this.plan.rooms }, (_, room) => room).filter(
      (room) => !taken.includes(room),
    );
  }

  /** Where a buffer would lie if its bucket lay there. */
  addressAt(target: Reference, place: Place): Address {
    const within = this.addressOf(target) - (this.#bufferBase[this.bucketOf(target)] as number);
    return this.#base(place, bufferRegion, this.plan.bufferBytesOfRoom) + within;
  }

  /** The bucket of a buffer: which of the memory nodes that the store began with. */
  bucketOf(target: Reference): number {
    return Math.floor((handleOf(target) - 1) / this.#handlesPerNode);
  }

  sizeClassOf(target: Reference): number {
    const index = (handleOf(target) - 1) % this.#handlesPerNode;
    let c = sizeClassCount - 1;
    while (index < (this.#firstIndex[c] as number)) c--;
    return c;
  }

  addressOf(target: Reference): Address {
    const zeroBased = handleOf(target) - 1;
    const bucket = Math.floor(zeroBased / this.#handlesPerNode);
    assert(
      zeroBased >= 0 && bucket < this.buckets,
      () => `handle ${zeroBased + 1} lies on no memory node`,
      'FARSIDE_CORRUPT',
    );
    const index = zeroBased - bucket * this.#handlesPerNode;
    let c = sizeClassCount - 1;
    while (index < (this.#firstIndex[c] as number)) c--;
    return (
      (this.#bufferBase[bucket] as number) +
      (this.#classOffset[c] as number) +
      (index - (this.#firstIndex[c] as number)) * classBytes(c)
    );
  }

  /** Handles of all memory nodes run from 1 to this. */
  get handles(): number {
    return this.#handlesPerNode * this.buckets;
  }

  /** Which server's pools a buffer belongs to. */
  serverOf(target: Reference): number {
    const sizeClass = this.sizeClassOf(target);
    const index = this.#indexOf(target, sizeClass);
    let server = 0;
    while (index >= this.share(sizeClass, server)[1]) server++;
    return server;
  }

  /** Counted within its memory node and class. */
  #indexOf(target: Reference, sizeClass: number): number {
    const index = (handleOf(target) - 1) % this.#handlesPerNode;
    return index - (this.#firstIndex[sizeClass] as number);
  }

  /** Whether a word that was read may be followed: a foreign or torn one must not end the run. */
  isHandle(handle: number): boolean {
    return handle >= 1 && handle <= this.handles;
  }

  handle(bucket: number, sizeClass: number, index: number): number {
    return 1 + bucket * this.#handlesPerNode + (this.#firstIndex[sizeClass] as number) + index;
  }

  /** The buffers of a pool that belong to one server, as [first, end). */
  share(sizeClass: number, server: number): readonly [first: number, end: number] {
    const count = this.plan.buffers[sizeClass] as number;
    return [
      Math.floor((count * server) / this.servers),
      Math.floor((count * (server + 1)) / this.servers),
    ];
  }

  /** All shortcut slots that a server may give out. */
  *slotsOf(server: number): Generator<number> {
    for (let bucket = 0; bucket < this.buckets; bucket++) {
      for (let index = 0; index < this.plan.shortcutSlotsPerServer; index++) {
        yield this.slot(bucket, server, index);
      }
    }
  }

  /** Without `%`, for which V8 calls `fmod`: the quotient is exact, as numbers are less than 2^52. */
  slotOf(chain: number): number {
    return chain - Math.floor(chain / this.slots) * this.slots;
  }

  slot(bucket: number, server: number, index: number): number {
    return bucket * this.#slotsPerNode + server * this.plan.shortcutSlotsPerServer + index;
  }

  /** The inverse of `slot`, for a slot of that server. */
  partsOfSlot(slot: number, server: number): readonly [bucket: number, index: number] {
    const bucket = Math.floor(slot / this.#slotsPerNode);
    return [bucket, (slot % this.#slotsPerNode) - server * this.plan.shortcutSlotsPerServer];
  }

  /** Numbers the slots of a server about as they are given out: one of each bucket in turn. */
  rowOfSlot(slot: number, server: number): number {
    const bucket = Math.floor(slot / this.#slotsPerNode);
    const index = slot - bucket * this.#slotsPerNode - server * this.plan.shortcutSlotsPerServer;
    return index * this.buckets + bucket;
  }

  shortcutAddressOf(chain: number): Address {
    const slot = this.slotOf(chain);
    const bucket = Math.floor(slot / this.#slotsPerNode);
    const index = slot - bucket * this.#slotsPerNode;
    return (this.#shortcutBase[bucket] as number) + index * 8 * this.replicas;
  }

  /** `buffer 12 of class 1024 + 8` or `shortcut of slot 3, word 1`. */
  locate(address: Address): string | undefined {
    for (const bucket of this.#places.keys()) {
      const found = this.#locateIn(bucket, address);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #locateIn(bucket: number, address: Address): string | undefined {
    if (this.#places[bucket]?.node !== nodeOf(address)) return undefined;
    const inBuffers = address - (this.#bufferBase[bucket] as number);
    if (inBuffers >= 0 && inBuffers < this.plan.bufferBytesOfRoom) {
      let c = sizeClassCount - 1;
      while (inBuffers < (this.#classOffset[c] as number)) c--;
      const inClass = inBuffers - (this.#classOffset[c] as number);
      const index = Math.floor(inClass / classBytes(c));
      const within = inClass % classBytes(c);
      return `buffer ${index} of class ${classBytes(c)}${within === 0 ? '' : ` + ${within}`}`;
    }
    const inShortcuts = address - (this.#shortcutBase[bucket] as number);
    if (inShortcuts < 0 || inShortcuts >= this.plan.shortcutBytes) return undefined;
    const word = Math.floor(inShortcuts / 8);
    const slot = bucket * this.#slotsPerNode + Math.floor(word / this.replicas);
    return `shortcut of slot ${slot}, word ${word % this.replicas}`;
  }
}
