import { type Address, nodeOf, offsetOf } from '../../src/core/address.ts';
import type { Durability } from '../../src/core/context.ts';
import { FarsideError } from '../../src/core/errors.ts';
import { type ClusterMap, mailboxRegionName, type Region } from '../../src/memory/cluster.ts';
import { Digest } from './digest.ts';

interface Space {
  readonly bytes: Uint8Array;
  readonly halves: Int32Array;
  /** Words from here on are the mailbox: how messages lie there is part of no state. */
  readonly mailboxFrom: number;
  /** Of the words before that. */
  readonly digest: Digest;
}

interface Word {
  readonly low: number;
  readonly high: number;
}

const nodeFactor = 2 ** 32;
/** Tell words, and what is durable of them, from all else that is in the key of a state. */
const wordTag = 1 << 30;
const durableTag = 1 << 31;
const toldNobody = (): void => undefined;

/**
 * The bytes of all nodes, and what of them is durable. Made once and used for many schedules: `reset`
 * clears the words that were written.
 */
export class WorldMemory {
  readonly cluster: ClusterMap;
  /** What a loss of power would bring back, by word. */
  readonly durableDigest = new Digest();
  readonly #flushes: boolean;
  readonly #spaces: Space[];
  readonly #touched: number[] = [];
  readonly #unflushed = new Map<number, Word>();
  /** Words that became others, or durable, so far. */
  changes = 0;
  /** Told of every word that changes. */
  onChange: (node: number, word: number) => void = toldNobody;

  constructor(cluster: ClusterMap, durability: Durability) {
    this.cluster = cluster;
    this.#flushes = durability === 'flush';
    this.#spaces = cluster.nodes.map((node) => {
      const bytes = new Uint8Array(node.spaceBytes);
      const mailbox = node.regions.find((region) => region.name === mailboxRegionName);
      const from = mailbox === undefined ? node.spaceBytes : offsetOf(mailbox.address);
      const halves = new Int32Array(bytes.buffer);
      return { bytes, halves, mailboxFrom: from / 8, digest: new Digest() };
    });
  }

  reset(): void {
    for (const key of this.#touched) {
      const { halves } = this.#space(Math.floor(key / nodeFactor));
      const word = key % nodeFactor;
      halves[2 * word] = 0;
      halves[2 * word + 1] = 0;
    }
    this.#touched.length = 0;
    this.#unflushed.clear();
    for (const { digest } of this.#spaces) digest.clear();
    this.durableDigest.clear();
  }

  /** Of all words but those of mailboxes. */
  get digest(): Digest {
    const sum = new Digest();
    for (const { digest } of this.#spaces) sum.join(digest);
    return sum;
  }

  /** Of the words of one node. */
  digestOf(node: number): Digest {
    return this.#space(node).digest;
  }

  /** A word's value, and what a loss of power would make of it. */
  chainWord(node: number, word: number, into: Digest): void {
    into.chain(this.low(node, word), this.high(node, word));
    const durable = this.#unflushed.get(node * nodeFactor + word);
    if (durable !== undefined) into.chain(durable.low, durable.high);
  }

  /** All bytes of a node's space. */
  node(id: number): Uint8Array {
    return this.#space(id).bytes;
  }

  region(region: Region): Uint8Array {
    const at = offsetOf(region.address);
    return this.node(region.node).subarray(at, at + region.sizeBytes);
  }

  isMailbox(node: number, word: number): boolean {
    return word >= this.#space(node).mailboxFrom;
  }

  low(node: number, word: number): number {
    return this.#space(node).halves[2 * word] as number;
  }

  high(node: number, word: number): number {
    return this.#space(node).halves[2 * word + 1] as number;
  }

  store(node: number, word: number, low: number, high: number): void {
    const { halves, mailboxFrom, digest } = this.#space(node);
    const oldLow = halves[2 * word] as number;
    const oldHigh = halves[2 * word + 1] as number;
    if (oldLow === low && oldHigh === high) return;
    this.changes++;
    const key = node * nodeFactor + word;
    if (oldLow === 0 && oldHigh === 0) this.#touched.push(key);
    halves[2 * word] = low;
    halves[2 * word + 1] = high;
    if (word >= mailboxFrom) return;
    const place = wordTag ^ (node << 24) ^ word;
    if ((oldLow | oldHigh) !== 0) digest.remove(place, oldLow, oldHigh);
    if ((low | high) !== 0) digest.add(place, low, high);
    if (this.#flushes && !this.#unflushed.has(key)) {
      this.#unflushed.set(key, { low: oldLow, high: oldHigh });
      this.durableDigest.add(durableTag ^ (node << 24) ^ word, oldLow, oldHigh);
    }
    this.onChange(node, word);
  }

  /** True where it made any word durable. */
  flush(node: number, from: number, to: number): boolean {
    let any = false;
    for (let word = from; word <= to && this.#unflushed.size > 0; word++) {
      any = this.#forget(node, word) || any;
    }
    return any;
  }

  #forget(node: number, word: number): boolean {
    const key = node * nodeFactor + word;
    const durable = this.#unflushed.get(key);
    if (durable === undefined) return false;
    this.changes++;
    this.#unflushed.delete(key);
    this.durableDigest.remove(durableTag ^ (node << 24) ^ word, durable.low, durable.high);
    return true;
  }

  /** Words of `pm` on that node that are visible and not durable, in the order of their addresses. */
  unflushed(node: number): number[] {
    const words: number[] = [];
    for (const key of this.#unflushed.keys()) {
      if (Math.floor(key / nodeFactor) === node) words.push(key % nodeFactor);
    }
    return words.sort((a, b) => a - b);
  }

  /**
   * Power is lost on one node: `dram` is zero, and the i-th unflushed word of `pm` keeps its new value
   * where `stays(i)`. Gives how many words went back.
   */
  losePower(node: number, stays: (index: number) => boolean): number {
    let reverted = 0;
    const unflushed = this.unflushed(node);
    for (const [i, word] of unflushed.entries()) {
      const durable = this.#unflushed.get(node * nodeFactor + word) as Word;
      this.#forget(node, word);
      if (stays(i)) continue;
      this.store(node, word, durable.low, durable.high);
      this.#forget(node, word);
      reverted++;
    }
    for (const region of this.cluster.node(node).regions) {
      if (region.medium === 'dram') this.#zero(region);
    }
    return reverted;
  }

  /** Zeroes a range that holds nothing durable. */
  clear(address: Address, sizeBytes: number): void {
    const from = offsetOf(address) / 8;
    for (let i = 0; i < sizeBytes / 8; i++) this.store(nodeOf(address), from + i, 0, 0);
  }

  #zero(region: Region): void {
    const from = offsetOf(region.address) / 8;
    const to = from + region.sizeBytes / 8;
    for (const key of [...this.#touched]) {
      const word = key % nodeFactor;
      if (Math.floor(key / nodeFactor) !== region.node || word < from || word >= to) continue;
      this.store(region.node, word, 0, 0);
      this.#forget(region.node, word);
    }
  }

  /** FARSIDE_ADDRESS where the range is outside, or is not aligned. */
  check(address: Address, lengthBytes: number): void {
    const space = this.#spaces[nodeOf(address)];
    const at = offsetOf(address);
    if (
      space !== undefined &&
      at + lengthBytes <= space.bytes.length &&
      at % 8 === 0 &&
      lengthBytes % 8 === 0 &&
      lengthBytes > 0
    ) {
      return;
    }
    throw new FarsideError('FARSIDE_ADDRESS', `${lengthBytes} B at ${nodeOf(address)}:${at}`);
  }

  #space(node: number): Space {
    const space = this.#spaces[node];
    if (space === undefined) throw new FarsideError('FARSIDE_ADDRESS', `no node ${node}`);
    return space;
  }
}
