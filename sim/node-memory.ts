import { formatAddress, globalAddress } from '../src/core/address.ts';
import type { Durability } from '../src/core/context.ts';
import { type Verb, verbOp } from '../src/core/effect.ts';
import { type ErrorCode, FarsideError } from '../src/core/errors.ts';
import type { RandomStream } from '../src/core/random.ts';
import { highHalf, lowHalf } from '../src/core/word.ts';
import type { ClusterNode, Region } from '../src/memory/cluster.ts';
import type { Costs, MediumCosts } from './costs.ts';
import type { Flight } from './flight.ts';
import { SparseBytes } from './sparse-bytes.ts';
import { Windows } from './windows.ts';

/** What a power loss leaves of the words that were not flushed: each by a coin, all old or all new. */
export type Keeping = 'old' | 'new' | 'random';

/**
 * The memory of one node, and its fault contract. A correct protocol survives all of this:
 *
 * - READs and WRITEs tear at any 8-byte word, in any order, never inside one (windows.ts).
 * - A CAS or FETCH_ADD acts at one instant and is atomic among remote atomics of this node. A failed
 *   CAS writes nothing. A WRITE that is landing on the word when an atomic changes it is lost or
 *   survives by a seeded coin; one that arrives while the atomic unit still holds the word, too.
 * - `assumed`: what is visible is durable. `flush`: what a FLUSH or `local.persist` covered is durable,
 *   and on power loss every other changed word of `pm` keeps its old or its new value, by a coin each.
 *   `dram` is lost whole, and reads as zero afterwards.
 * - The CPU's own accesses act at one instant, and see of a landing WRITE whichever words have landed.
 *
 * Out-of-range and misaligned addresses are the program's error, thrown before anything is posted.
 */
export class NodeMemory {
  readonly visible = new SparseBytes();
  readonly windows: Windows;
  readonly #durable: SparseBytes | undefined;
  readonly #node: ClusterNode;
  readonly #dice: RandomStream;
  readonly #media: readonly { readonly endOffset: number; readonly costs: MediumCosts }[];
  /** Of all regions, where they agree. */
  readonly #only: MediumCosts | undefined;
  readonly #dram: MediumCosts;

  constructor(node: ClusterNode, costs: Costs, durability: Durability, dice: RandomStream) {
    this.#node = node;
    this.#dice = dice;
    this.windows = new Windows(this.visible, costs.tearWindowPs);
    this.#durable = durability === 'flush' ? new SparseBytes() : undefined;
    this.#dram = costs.dram;
    this.#media = node.regions.map((region) => ({
      endOffset: this.#offsetOf(region) + region.sizeBytes,
      costs: region.medium === 'pm' ? costs.pm : costs.dram,
    }));
    const used = new Set(this.#media.map((medium) => medium.costs));
    this.#only = used.size > 1 ? undefined : (this.#media[0]?.costs ?? costs.dram);
  }

  get touchedBytes(): number {
    return this.visible.touchedBytes + (this.#durable?.touchedBytes ?? 0);
  }

  /** Costs of the medium that `offset` lies on. */
  medium(offset: number): MediumCosts {
    if (this.#only !== undefined) return this.#only;
    const media = this.#media;
    for (let i = 0; i < media.length; i++) {
      const medium = media[i] as { endOffset: number; costs: MediumCosts };
      if (offset < medium.endOffset) return medium.costs;
    }
    return this.#dram;
  }

  /** Performs an atomic at one instant; fills the verb's old word. True if it changed the word. */
  atomic(flight: Flight, nowPs: number): boolean {
    const { verb, offset } = flight;
    this.windows.settle(offset, 8, nowPs);
    const low = this.visible.low(offset);
    const high = this.visible.high(offset);
    verb.low = low >>> 0;
    verb.high = high >>> 0;
    const operandLow = lowHalf(verb.operand);
    const operandHigh = highHalf(verb.operand);
    if (flight.op === verbOp.cas) {
      if (lowHalf(verb.compare) !== verb.low || highHalf(verb.compare) !== verb.high) return false;
      this.visible.setWord(offset, operandLow | 0, operandHigh | 0);
    } else {
      const sum = verb.low + operandLow;
      const carry = sum > 0xffffffff ? 1 : 0;
      this.visible.setWord(offset, sum | 0, (verb.high + operandHigh + carry) | 0);
    }
    this.windows.race(offset, () => (this.#dice.next32() & 1) === 0);
    this.windows.showAtomic(flight);
    return true;
  }

  /** Makes durable what is visible in the range. */
  persist(offset: number, lengthBytes: number, nowPs: number): void {
    if (this.#durable === undefined) return;
    this.windows.settle(offset, lengthBytes, nowPs);
    this.#durable.copyFrom(this.visible, offset, lengthBytes);
  }

  /** The CPU's or a debugger's look: what is visible now. */
  readNow(offset: number, into: Uint8Array, nowPs: number): void {
    this.windows.landWrites(nowPs);
    this.windows.settle(offset, into.length, nowPs);
    this.visible.read(offset, into);
  }

  writeNow(offset: number, from: Uint8Array, nowPs: number): void {
    this.windows.landWrites(nowPs);
    this.windows.settle(offset, from.length, nowPs);
    this.visible.write(offset, from);
  }

  /** The CPU's CAS; gives the old word as two unsigned halves. */
  casNow(
    offset: number,
    expected: bigint,
    desired: bigint,
    nowPs: number,
  ): { readonly low: number; readonly high: number } {
    this.windows.landWrites(nowPs);
    this.windows.settle(offset, 8, nowPs);
    const low = this.visible.low(offset) >>> 0;
    const high = this.visible.high(offset) >>> 0;
    if (lowHalf(expected) === low && highHalf(expected) === high) {
      this.visible.setWord(offset, lowHalf(desired) | 0, highHalf(desired) | 0);
    }
    return { low, high };
  }

  /** Stores bytes as if they had always been there: visible and durable. */
  place(offset: number, from: Uint8Array, nowPs: number): void {
    this.writeNow(offset, from, nowPs);
    this.#durable?.copyFrom(this.visible, offset, from.length);
  }

  /** Power is lost at this moment; what is left is what a restart finds. */
  losePower(nowPs: number, keeping: Keeping): void {
    this.windows.landWrites(nowPs);
    this.windows.cut(nowPs);
    for (const region of this.#node.regions) {
      const from = this.#offsetOf(region);
      const durable = this.#durable;
      if (region.medium === 'dram') {
        this.visible.zero(from, region.sizeBytes);
        durable?.zero(from, region.sizeBytes);
        continue;
      }
      if (durable === undefined) continue;
      this.visible.eachDifference(durable, from, region.sizeBytes, (at) => {
        const isNew = keeping === 'random' ? (this.#dice.next32() & 1) === 0 : keeping === 'new';
        const kept = isNew ? this.visible : durable;
        const low = kept.low(at);
        const high = kept.high(at);
        this.visible.setWord(at, low, high);
        durable.setWord(at, low, high);
      });
    }
  }

  /** Turns one bit over, visible and durable: what a medium without its own checksum may do. */
  flipBit(offset: number, bit: number, nowPs: number): void {
    const word = new Uint8Array(8);
    this.readNow(offset, word, nowPs);
    word[bit >> 3] = (word[bit >> 3] as number) ^ (1 << (bit & 7));
    this.visible.write(offset, word);
    // Only this bit: what lies unflushed around it stays so.
    if (this.#durable === undefined) return;
    this.#durable.read(offset, word);
    word[bit >> 3] = (word[bit >> 3] as number) ^ (1 << (bit & 7));
    this.#durable.write(offset, word);
  }

  #offsetOf(region: Region): number {
    return region.address - globalAddress(this.#node.id, 0);
  }
}

/** Throws FARSIDE_ADDRESS or FARSIDE_ALIGNMENT where a verb may not go. */
export function checkVerb(verb: Verb<unknown>, offset: number, spaceBytes: number): void {
  const { lengthBytes, buffer } = verb;
  // Written so that an address that is not a number is refused as well.
  if (!(offset + lengthBytes <= spaceBytes)) {
    refuse('FARSIDE_ADDRESS', verb, "lie outside the node's regions");
  }
  if (((offset | lengthBytes) & 7) !== 0 || lengthBytes <= 0) {
    refuse('FARSIDE_ALIGNMENT', verb, 'are not 8-byte aligned, or empty');
  }
  if (buffer !== undefined && (buffer.byteOffset & 7) !== 0) {
    refuse('FARSIDE_ALIGNMENT', verb, 'have a local buffer that is not 8-byte aligned');
  }
}

function refuse(code: ErrorCode, { lengthBytes, address }: Verb<unknown>, what: string): never {
  throw new FarsideError(code, `${lengthBytes} B at ${formatAddress(address)} ${what}`);
}
