import { type Address, formatAddress, nodeOf } from '../../core/address.ts';
import { assert } from '../../core/errors.ts';
import { NodePool } from './node-pool.ts';
import { classOf } from './size-class.ts';

/** Where a chunk's class word has still to be WRITTEN. */
export interface Label {
  readonly address: Address;
  readonly classIndex: number;
}

/**
 * Out-of-place allocation over all memory nodes. Copies of a record go to different nodes, each
 * time to those with the fewest bytes allocated, so sizes may differ and the nodes still fill
 * evenly.
 */
export class BufferAllocator {
  readonly #pools: NodePool[];
  readonly #byNode: (NodePool | undefined)[] = [];
  /** Where a search starts among nodes that hold equally much: it moves on with each allocation. */
  #turn = 0;
  /** 1 for nodes that take no new buffers: spares, and nodes that are down or on their way out. */
  readonly #closed: Uint8Array;
  /** Of the allocation under way: nodes that hold a copy already, or that have no room for one. */
  readonly #excluded: Uint8Array;

  /** `regions`: the data region of each memory node. */
  constructor(regions: readonly { readonly address: Address; readonly sizeBytes: number }[]) {
    this.#pools = regions.map((region) => {
      const pool = new NodePool(region.address, region.sizeBytes);
      this.#byNode[nodeOf(region.address)] = pool;
      return pool;
    });
    this.#excluded = new Uint8Array(regions.length);
    this.#closed = new Uint8Array(regions.length);
  }

  remembers(): unknown {
    return [this.#pools, this.#turn, this.#closed];
  }

  close(node: number): void {
    this.#closed[this.#indexOf(node)] = 1;
  }

  open(node: number): void {
    this.#closed[this.#indexOf(node)] = 0;
  }

  isOpen(node: number): boolean {
    return this.#closed[this.#indexOf(node)] === 0;
  }

  pool(node: number): NodePool {
    return this.#pools[this.#indexOf(node)] as NodePool;
  }

  #indexOf(node: number): number {
    const index = this.#pools.indexOf(this.#byNode[node] as NodePool);
    assert(index >= 0, () => `node ${node} has no buffers`);
    return index;
  }

  /**
   * Takes a buffer for `bytes` on each of `into.length` different nodes. False, with nothing taken,
   * where too few nodes have one.
   */
  allocate(bytes: number, into: Address[]): boolean {
    const classIndex = classOf(bytes);
    let taken = 0;
    this.#excluded.set(this.#closed);
    while (taken < into.length) {
      const index = this.#lightest();
      if (index < 0) {
        for (let copy = 0; copy < taken; copy++) this.free(into[copy] as Address);
        return false;
      }
      this.#excluded[index] = 1;
      const address = (this.#pools[index] as NodePool).take(classIndex);
      if (address >= 0) into[taken++] = address;
    }
    this.#turn = (this.#turn + 1) % this.#pools.length;
    return true;
  }

  /** A buffer for one more copy, on an open node that is none of `taken`; -1 where there is none. */
  allocateBeside(bytes: number, taken: readonly number[]): Address {
    const classIndex = classOf(bytes);
    this.#excluded.set(this.#closed);
    for (const node of taken) this.#excluded[this.#indexOf(node)] = 1;
    for (let index = this.#lightest(); index >= 0; index = this.#lightest()) {
      const address = (this.#pools[index] as NodePool).take(classIndex);
      if (address >= 0) return address;
      this.#excluded[index] = 1;
    }
    return -1;
  }

  free(address: Address): void {
    this.#poolOf(address).give(address);
  }

  /** Of the chunks that have a class: buffers that nobody uses. */
  *freeBuffers(): Iterable<Address> {
    for (const pool of this.#pools) {
      for (const chunk of pool.openChunks()) {
        for (const { address, free } of pool.buffersOf(chunk)) if (free) yield address;
      }
    }
  }

  /** Buffers that were taken and not given back. */
  *usedBuffers(): Iterable<Address> {
    for (const pool of this.#pools) yield* pool.used();
  }

  /** How many `freeBuffers` gives. */
  get freeCount(): number {
    let count = 0;
    for (const pool of this.#pools) {
      for (const { capacity, used } of pool.openChunks()) count += capacity - used;
    }
    return count;
  }

  isFree(address: Address): boolean {
    return this.#poolOf(address).isFree(address);
  }

  /** The label that must reach the memory node before this buffer counts; undefined once it has. */
  missingLabel(address: Address): Label | undefined {
    const pool = this.#poolOf(address);
    const chunk = pool.chunkAt(address);
    if (chunk.labelled) return undefined;
    return { address: pool.chunkStart(chunk), classIndex: chunk.classIndex };
  }

  /** The WRITE of that chunk's class word has completed. */
  labelled(label: Label): void {
    this.#poolOf(label.address).chunkAt(label.address).labelled = true;
  }

  /** Bytes of buffers in use, per memory node. */
  get allocatedBytes(): readonly number[] {
    return this.#pools.map((pool) => pool.allocatedBytes);
  }

  get chunksInUse(): number {
    return this.#pools.reduce((sum, pool) => sum + pool.chunksInUse, 0);
  }

  #lightest(): number {
    const count = this.#pools.length;
    let best = -1;
    let bestBytes = Number.POSITIVE_INFINITY;
    for (let i = 0; i < count; i++) {
      const index = (this.#turn + i) % count;
      const { allocatedBytes } = this.#pools[index] as NodePool;
      if (allocatedBytes >= bestBytes || this.#excluded[index] === 1) continue;
      best = index;
      bestBytes = allocatedBytes;
    }
    return best;
  }

  #poolOf(address: Address): NodePool {
    const pool = this.#byNode[nodeOf(address)];
    assert(pool !== undefined, () => `${formatAddress(address)} is on no memory node`);
    return pool;
  }
}
