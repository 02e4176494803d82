import { type Address, nodeOf, offsetOf } from '../../src/core/address.ts';
import type { Durability } from '../../src/core/context.ts';
import { type LocalAccess, localOp, type Verb, verbOp, verbStatus } from '../../src/core/effect.ts';
import { FarsideError } from '../../src/core/errors.ts';
import type { RandomStream } from '../../src/core/random.ts';
import { highHalf, loadWord, lowHalf, storeWord } from '../../src/core/word.ts';
import type { ClusterMap, Region } from '../../src/memory/cluster.ts';

/**
 * The memory of a cluster as the contract allows it to behave: byte verbs tear, power can be lost.
 */
export class UnkindMemory {
  readonly #bytes: Uint8Array[];
  readonly #flushes: boolean;
  readonly #dice: RandomStream;
  /** In `flush` durability, words that are visible and not durable, with what is durable. */
  readonly #unflushed = new Map<Address, bigint>();

  constructor(cluster: ClusterMap, durability: Durability, dice: RandomStream) {
    this.#bytes = cluster.nodes.map((node) => new Uint8Array(node.spaceBytes));
    this.#flushes = durability === 'flush';
    this.#dice = dice;
  }

  /** All bytes of a node's space. */
  node(id: number): Uint8Array {
    const bytes = this.#bytes[id];
    if (bytes === undefined) throw new FarsideError('FARSIDE_ADDRESS', `no node ${id}`);
    return bytes;
  }

  region(region: Region): Uint8Array {
    const at = offsetOf(region.address);
    return this.node(region.node).subarray(at, at + region.sizeBytes);
  }

  /** Each word that is not durable keeps its old or its new value. */
  losePower(): void {
    for (const [address, word] of this.#unflushed) {
      if (this.#dice.below(2) === 0) storeWord(this.node(nodeOf(address)), offsetOf(address), word);
    }
    this.#unflushed.clear();
  }

  /** A random half of the words of a READ or WRITE. */
  actInPart(verb: Verb<unknown>): void {
    this.#check(verb.address, verb.lengthBytes);
    const { buffer } = verb;
    for (let at = 0; buffer !== undefined && at < buffer.length; at += 8) {
      if (this.#dice.below(2) === 0) this.#moveWord(verb, buffer, at);
    }
  }

  act(verb: Verb<unknown>): void {
    this.#check(verb.address, verb.lengthBytes);
    const { buffer, address } = verb;
    if (verb.op === verbOp.flush) this.#flush(address, verb.lengthBytes);
    else if (buffer !== undefined) {
      for (let at = 0; at < buffer.length; at += 8) this.#moveWord(verb, buffer, at);
    } else {
      const old = loadWord(this.node(nodeOf(address)), offsetOf(address));
      verb.low = lowHalf(old);
      verb.high = highHalf(old);
      if (verb.op === verbOp.faa) this.#store(address, (old + verb.operand) & (2n ** 64n - 1n));
      else if (verb.op === verbOp.cas) {
        if (old === verb.compare) this.#store(address, verb.operand);
      } else if (verb.op !== verbOp.read) this.#store(address, verb.operand);
    }
    verb.status = verbStatus.ok;
  }

  local(access: LocalAccess<unknown>): void {
    const { address, buffer, lengthBytes } = access;
    this.#check(address, lengthBytes);
    const memory = this.node(nodeOf(address));
    const offset = offsetOf(address);
    switch (access.op) {
      case localOp.read:
        buffer?.set(memory.subarray(offset, offset + lengthBytes));
        break;
      case localOp.write:
        for (let at = 0; at < lengthBytes; at += 8) {
          this.#store(address + at, loadWord(buffer as Uint8Array, at));
        }
        break;
      case localOp.cas:
        access.word = loadWord(memory, offset);
        if (access.word === access.compare) this.#store(address, access.operand);
        break;
      case localOp.persist:
        this.#flush(address, lengthBytes);
        break;
    }
  }

  #moveWord(verb: Verb<unknown>, buffer: Uint8Array, at: number): void {
    const address = verb.address + at;
    if (verb.op === verbOp.write) this.#store(address, loadWord(buffer, at));
    else storeWord(buffer, at, loadWord(this.node(nodeOf(address)), offsetOf(address)));
  }

  #store(address: Address, word: bigint): void {
    const memory = this.node(nodeOf(address));
    const offset = offsetOf(address);
    if (this.#flushes && !this.#unflushed.has(address)) {
      this.#unflushed.set(address, loadWord(memory, offset));
    }
    storeWord(memory, offset, word);
  }

  #flush(address: Address, lengthBytes: number): void {
    for (let at = 0; at < lengthBytes; at += 8) this.#unflushed.delete(address + at);
  }

  #check(address: Address, lengthBytes: number): void {
    const inside = offsetOf(address) + lengthBytes <= this.node(nodeOf(address)).length;
    if (inside && address % 8 === 0 && lengthBytes % 8 === 0 && lengthBytes > 0) return;
    throw new FarsideError('FARSIDE_ADDRESS', `${lengthBytes} B at ${address}`);
  }
}
