import { type Address, formatAddress } from '../../core/address.ts';
import { assert } from '../../core/errors.ts';
import { buffersPerChunk, chunkBytes, chunkHeadBytes } from './chunk.ts';
import { classBytes, classCount } from './size-class.ts';

/** A chunk that has a size class; chunks without one exist only as numbers. */
export class Chunk {
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
  /** A WRITE of its class word is in doubt: with another class, it could come to name the wrong one. */
  keepsClass = false;
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
export class NodePool {
  readonly #start: Address;
  readonly #chunkCount: number;
  #chunks: (Chunk | undefined)[] = [];
  /** Numbers of chunks that had a class once; chunks from `#fresh` on never had. */
  #idle: number[] = [];
  #fresh = 0;
  /** Per class, its chunks with room. */
  readonly #roomy: Chunk[][] = Array.from({ length: classCount }, () => []);
  allocatedBytes = 0;
  buffersInUse = 0;
  chunksInUse = 0;

  constructor(start: Address, sizeBytes: number) {
    this.#start = start;
    this.#chunkCount = Math.floor(sizeBytes / chunkBytes);
  }

  *remembers(): Generator<unknown> {
    for (const { number, classIndex, labelled, carved, place, free } of this.openChunks()) {
      yield [number, classIndex, labelled, carved, place, free];
    }
    yield [this.#idle, this.#fresh];
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
    this.#use(chunk, buffer);
    return this.#addressOf(chunk, buffer);
  }

  give(address: Address): void {
    const chunk = this.chunkAt(address);
    const buffer = this.#bufferAt(chunk, address);
    assert(
      chunk.inUse[buffer] === 1,
      () => `the buffer at ${formatAddress(address)} is freed, but it is not in use`,
    );
    chunk.inUse[buffer] = 0;
    chunk.free.push(buffer);
    chunk.used--;
    this.buffersInUse--;
    this.allocatedBytes -= classBytes(chunk.classIndex);
    if (chunk.place < 0) this.#list(chunk);
    // One empty chunk of a class is kept until another class needs it, or a put to a class with one
    // record would open and close a chunk, and WRITE its class word, each time.
    const roomy = this.#roomy[chunk.classIndex] as Chunk[];
    if (chunk.used === 0 && !chunk.keepsClass && roomy.length > 1) this.#close(chunk);
  }

  /**
   * A buffer that is in use already, in a chunk whose label was found on the memory node: of a pool
   * that is being rebuilt, before anything is taken from it. `settle` ends that.
   */
  adopt(address: Address, classIndex: number): void {
    const number = Math.floor((address - this.#start) / chunkBytes);
    let chunk = this.#chunks[number];
    if (chunk === undefined) {
      chunk = new Chunk(number, classIndex);
      chunk.labelled = true;
      this.#chunks[number] = chunk;
      this.chunksInUse++;
      this.#list(chunk);
      this.#fresh = Math.max(this.#fresh, number + 1);
    }
    const buffer = this.#bufferAt(chunk, address);
    assert(
      chunk.classIndex === classIndex && chunk.inUse[buffer] === 0,
      () => `the buffer at ${formatAddress(address)} belongs to two records`,
    );
    chunk.carved = Math.max(chunk.carved, buffer + 1);
    this.#use(chunk, buffer);
  }

  /** A label was found there: the chunk had a class at some time. */
  touch(chunkStart: Address): void {
    this.#fresh = Math.max(this.#fresh, (chunkStart - this.#start) / chunkBytes + 1);
  }

  settle(): void {
    this.#idle = [];
    for (let number = 0; number < this.#fresh; number++) {
      const chunk = this.#chunks[number];
      if (chunk === undefined) this.#idle.push(number);
      else {
        for (let i = 0; i < chunk.carved; i++) if (chunk.inUse[i] === 0) chunk.free.push(i);
      }
    }
  }

  /** The node is lost, or empty for good: what it held exists no more. */
  clear(): void {
    this.#chunks = [];
    this.#idle = [];
    this.#fresh = 0;
    for (const roomy of this.#roomy) roomy.length = 0;
    this.allocatedBytes = 0;
    this.buffersInUse = 0;
    this.chunksInUse = 0;
  }

  /** Chunks that have a class now. */
  *openChunks(): Iterable<Chunk> {
    for (const chunk of this.#chunks) if (chunk !== undefined) yield chunk;
  }

  *buffersOf(chunk: Chunk): Iterable<{ readonly address: Address; readonly free: boolean }> {
    for (let i = 0; i < chunk.capacity; i++) {
      yield { address: this.#addressOf(chunk, i), free: chunk.inUse[i] === 0 };
    }
  }

  *used(): Iterable<Address> {
    for (const chunk of this.openChunks()) {
      for (let i = 0; i < chunk.carved; i++) {
        if (chunk.inUse[i] === 1) yield this.#addressOf(chunk, i);
      }
    }
  }

  /** Whether it is a buffer of a chunk with a class, and nobody uses it. */
  isFree(address: Address): boolean {
    const chunk = this.#chunks[Math.floor((address - this.#start) / chunkBytes)];
    return chunk !== undefined && chunk.inUse[this.#bufferAt(chunk, address)] === 0;
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

  #addressOf(chunk: Chunk, buffer: number): Address {
    return this.chunkStart(chunk) + chunkHeadBytes + buffer * classBytes(chunk.classIndex);
  }

  #bufferAt(chunk: Chunk, address: Address): number {
    const offset = address - this.chunkStart(chunk) - chunkHeadBytes;
    const buffer = offset / classBytes(chunk.classIndex);
    assert(
      Number.isInteger(buffer) && buffer >= 0 && buffer < chunk.capacity,
      () => `no buffer begins at ${formatAddress(address)}`,
    );
    return buffer;
  }

  #use(chunk: Chunk, buffer: number): void {
    chunk.inUse[buffer] = 1;
    this.buffersInUse++;
    if (++chunk.used === chunk.capacity) this.#unlist(chunk);
    this.allocatedBytes += classBytes(chunk.classIndex);
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
      const empty = roomy.find((chunk) => chunk.used === 0 && !chunk.keepsClass);
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
