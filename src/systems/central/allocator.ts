import { type Address, formatAddress, nodeOf } from '../../core/address.ts';
import { assert } from '../../core/errors.ts';
import { buffersPerChunk, chunkBytes, chunkHeadBytes } from './chunk.ts';
import { classBytes, classCount, classOf } from './size-class.ts';

/** A chunk that has a size class; chunks without one exist only as numbers. */
class Chunk {
  readonly number: number;
  readonly classIndex: number;
  readonly capacity: number;
  /** Buffers in use, and buffers ever taken: those from `carved` on have not been touched. */
  used = 0;
  carved = 0;
  readonly free: number[] = [];
  /** 1 where a buffer is in use: what finds a buffer that is freed twice. */
  readonly inUse: Uint8Array;
  /** Whether the class word is known to be on the memory node. */
  labelled = false;
  /** Its place in its class's list of chunks with room; -1 where it has none. */
  place = -1;

  constructor(number: number, classIndex: number) {
    this.number = number;
    this.classIndex = classIndex;
    this.capacity = buffersPerChunk(classIndex);
    this.inUse = new Uint8Array(this.capacity);
  }
}

/** The buffers of one memory node's data region. */
class NodePool {
  readonly #start: Address;
  readonly #chunkCount: number;
  readonly #chunks: (Chunk | undefined)[] = [];
  /** Numbers of chunks that had a class once; chunks from `#fresh` on never had. */
  readonly #idle: number[] = [];
  #fresh = 0;
  /** Per class, its chunks with room. */
  readonly #roomy: Chunk[][] = Array.from({ length: classCount }, () => []);
  allocatedBytes = 0;
  chunksInUse = 0;

  constructor(start: Address, sizeBytes: number) {
    this.#start = start;
    this.#chunkCount = Math.floor(sizeBytes / chunkBytes);
  }

  /** A buffer's address, or -1 where the node has none of this class and no chunk for it. */
  take(classIndex: number): Address {
    const roomy = this.#roomy[classIndex] as Chunk[];
    const chunk = roomy[roomy.length - 1] ?? this.#open(classIndex);
    if (chunk === undefined) return -1;
    const buffer = chunk.free.pop() ?? chunk.carved++;
    assert(
      buffer < chunk.capacity && chunk.inUse[buffer] === 0,
      () => `buffer ${buffer} of chunk ${chunk.number} is taken twice`,
    );
    chunk.inUse[buffer] = 1;
    if (++chunk.used === chunk.capacity) this.#unlist(chunk);
    const bytes = classBytes(classIndex);
    this.allocatedBytes += bytes;
    return this.#start + chunk.number * chunkBytes + chunkHeadBytes + buffer * bytes;
  }

  give(address: Address): void {
    const chunk = this.chunkAt(address);
    const bytes = classBytes(chunk.classIndex);
    const buffer = (address - this.chunkStart(chunk) - chunkHeadBytes) / bytes;
    assert(
      Number.isInteger(buffer) && chunk.inUse[buffer] === 1,
      () => `the buffer at ${formatAddress(address)} is freed, but it is not in use`,
    );
    chunk.inUse[buffer] = 0;
    chunk.free.push(buffer);
    chunk.used--;
    this.allocatedBytes -= bytes;
    if (chunk.place < 0) this.#list(chunk);
    // One empty chunk of a class is kept until another class needs it, or a put to a class with one
    // record would open and close a chunk, and WRITE its class word, each time.
    const roomy = this.#roomy[chunk.classIndex] as Chunk[];
    if (chunk.used === 0 && roomy.length > 1) this.#close(chunk);
  }

  chunkAt(address: Address): Chunk {
    const chunk = this.#chunks[Math.floor((address - this.#start) / chunkBytes)];
    assert(
      chunk !== undefined,
      () => `the buffer at ${formatAddress(address)} lies in no chunk with a class`,
    );
    return chunk;
  }

  chunkStart(chunk: Chunk): Address {
    return this.#start + chunk.number * chunkBytes;
  }

  #open(classIndex: number): Chunk | undefined {
    if (this.#idle.length === 0 && this.#fresh === this.#chunkCount) this.#closeOneEmpty();
    const number = this.#idle.pop() ?? (this.#fresh < this.#chunkCount ? this.#fresh++ : -1);
    if (number < 0) return undefined;
    const chunk = new Chunk(number, classIndex);
    this.#chunks[number] = chunk;
    this.chunksInUse++;
    this.#list(chunk);
    return chunk;
  }

  #closeOneEmpty(): void {
    for (const roomy of this.#roomy) {
      const empty = roomy.find((chunk) => chunk.used === 0);
      if (empty !== undefined) {
        this.#close(empty);
        return;
      }
    }
  }

  #close(chunk: Chunk): void {
    this.#unlist(chunk);
    this.#chunks[chunk.number] = undefined;
    this.#idle.push(chunk.number);
    this.chunksInUse--;
  }

  #list(chunk: Chunk): void {
    const roomy = this.#roomy[chunk.classIndex] as Chunk[];
    chunk.place = roomy.length;
    roomy.push(chunk);
  }

  #unlist(chunk: Chunk): void {
    const roomy = this.#roomy[chunk.classIndex] as Chunk[];
    const last = roomy.pop() as Chunk;
    if (last !== chunk) {
      roomy[chunk.place] = last;
      last.place = chunk.place;
    }
    chunk.place = -1;
  }
}

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
  }

  /**
   * Takes a buffer for `bytes` on each of `into.length` different nodes. False, with nothing taken,
   * where too few nodes have one.
   */
  allocate(bytes: number, into: Address[]): boolean {
    const classIndex = classOf(bytes);
    let taken = 0;
    this.#excluded.fill(0);
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

  free(address: Address): void {
    this.#poolOf(address).give(address);
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
