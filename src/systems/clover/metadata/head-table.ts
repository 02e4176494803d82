import { type Address, align8, nodeOf } from '../../../core/address.ts';
import {
  batch,
  fenced,
  flush,
  local,
  type Program,
  reconnect,
  sleep,
  type Verb,
  VerbError,
  write,
} from '../../../core/effect.ts';
import { u53 } from '../../../core/layout.ts';
import { loadHalf, storeHalf } from '../../../core/word.ts';
import type { RegionSpec } from '../../../memory/cluster.ts';
import type { Site, StoreShape } from '../../system.ts';
import type { CloverConfig } from '../config.ts';
import type { CloverLayout } from '../layout.ts';
import {
  areaIn,
  entryIn,
  entryLow,
  handleOf,
  highHalfFor,
  noReference,
  type Reference,
} from '../pointer.ts';
import { planPools } from '../pools.ts';
import type { Chain } from './namer.ts';

export const headRegion = 'heads';
const retryNs = 20_000;
const frontWord = u53.at(0);

/**
 * Where the chains of a metadata server begin, in its own persistent memory and, by one-sided WRITEs, in
 * that of every standby: what a successor starts from. One entry per shortcut slot:
 *
 *    0 +-----------------------------------------------+
 *      | 2 x number of the chain that the slot serves, |   the number stays when the chain has ended
 *      | + which of the two heads counts, u53          |
 *    8 +-----------------------------------------------+
 *      | R entry words: where its server stands        |   0: no chain
 * 8+8R +-----------------------------------------------+
 *      | the same, for every second move               |
 *      +-----------------------------------------------+ 8 + 16R
 *
 * The paper's backup server hears of a key when it is created and when it is deleted; the head that it
 * remembers is recycled after the first puts. So the table follows the head: an entry is WRITTEN, and
 * confirmed by everybody, before what it moves away from is retired. Then whatever version an entry
 * names is still there, and the rest of the chain and the key itself are read from memory nodes.
 *
 * A head is R words, which do not change at one moment. So the next one is written beside it, and then
 * the word in front changes. With one head, an entry whose writer was lost half-way names one copy each of
 * two versions: with the memory node of the older one lost as well, nobody could find the chain.
 *
 * Shortcuts would not do in its place: two nodes' WRITEs may cross, and the older one stay for ever.
 */
export class HeadTable {
  readonly #layout: CloverLayout;
  readonly #site: Site;
  readonly #index: number;
  readonly #entryBytes: number;
  readonly #own: Address;
  /** Tables of the standbys. */
  readonly #mirrors = new Map<number, Address>();
  readonly #dirty = new Map<number, Chain>();
  /** By slot, which of its heads counts; of a slot that has had none, the first is written first. */
  readonly #which: Uint8Array;
  /** Images whose bytes nobody looks at any more: allocating them costs more than all else of an entry. */
  readonly #spare: EntryImage[] = [];
  #rounds = 0;
  #writing = false;

  constructor(site: Site, layout: CloverLayout, index: number) {
    const { cluster, context } = site;
    this.#site = site;
    this.#layout = layout;
    this.#index = index;
    this.#entryBytes = 8 + 16 * layout.replicas;
    this.#which = new Uint8Array(layout.slots).fill(1);
    this.#own = cluster.region(context.node, headRegion).address;
    for (const { id } of cluster.withRole('standby')) {
      if (id !== context.node) this.#mirrors.set(id, cluster.region(id, headRegion).address);
    }
  }

  static region(shape: StoreShape, config: CloverConfig): RegionSpec {
    const slots =
      planPools(shape, config).shortcutSlotsPerServer * shape.memoryNodes * config.metadataServers;
    const sizeBytes = align8(slots * (8 + 16 * shape.replicas));
    return { name: headRegion, medium: shape.medium, sizeBytes };
  }

  remembers(): unknown {
    const mirrors = this.#mirrors.keys();
    return [mirrors, this.#dirty.keys(), this.#which, this.#rounds, this.#writing];
  }

  /** A standby is lost: nobody needs its table any more. */
  dropMirror(node: number): void {
    this.#mirrors.delete(node);
  }

  /**
   * Stores where these chains stand now. One program writes at a time, what all wait for: two WRITEs of
   * one entry by two programs could land in the wrong order and leave a head that has been retired.
   */
  *follow(chains: readonly Chain[]): Program<void> {
    for (const chain of chains) this.#dirty.set(chain.number, chain);
    const round = this.#rounds + (this.#writing ? 2 : 1);
    while (this.#rounds < round) {
      if (this.#writing) yield* sleep(500);
      else {
        this.#writing = true;
        const due = [...this.#dirty.values()];
        this.#dirty.clear();
        yield* this.storeSurely(due);
        this.#rounds++;
        this.#writing = false;
      }
    }
  }

  /** Of chains that nobody else stores. `beside` is posted along with the mirrors' WRITEs. */
  *store(chains: readonly Chain[], beside: readonly Verb<unknown>[] = []): Program<void> {
    yield* this.#store(this.#encodeAll(chains), beside);
  }

  *#store(images: readonly EntryImage[], beside: readonly Verb<unknown>[]): Program<void> {
    for (const { at, front, headAt, head } of images) {
      yield* local.write(this.#own + headAt, head);
      yield* local.persist(this.#own + headAt, head.length);
      yield* local.write(this.#own + at, front);
      yield* local.persist(this.#own + at, front.length);
    }
    if (this.#mirrors.size + beside.length === 0) return;
    const mirrored = [...this.#mirrors.values()].flatMap((base) =>
      images.flatMap(({ at, front, headAt, head }) => [
        ...this.#writes(base + headAt, head),
        ...this.#writes(base + at, front),
      ]),
    );
    yield* batch(...beside, ...mirrored);
  }

  /** Again until every standby has it, or is said to be lost: one that lags must not take over. */
  *storeSurely(chains: readonly Chain[]): Program<void> {
    // Encoded once: where one attempt has failed, a standby may still go by the head that is not overwritten.
    const images = this.#encodeAll(chains);
    for (let attempt = 0; ; attempt++) {
      try {
        yield* this.#store(images, []);
        // A WRITE of an attempt that failed may read its bytes at any later time.
        if (attempt === 0) this.#spare.push(...images);
        return;
      } catch (error) {
        if (!(error instanceof VerbError)) throw error;
        yield* reconnect(nodeOf(error.address));
        yield* sleep(retryNs);
      }
    }
  }

  /** All entries of this server, from its own memory. */
  *load(): Program<HeadEntry[]> {
    const found: HeadEntry[] = [];
    const { replicas } = this.#layout;
    const slots = [...this.#layout.slotsOf(this.#index)];
    const perBucket = slots.length / this.#layout.buckets;
    const bytes = new Uint8Array(perBucket * this.#entryBytes);
    for (let first = 0; first < slots.length; first += perBucket) {
      yield* local.read(this.#own + this.#offset(slots[first] as number), bytes);
      for (let i = 0; i < perBucket; i++) {
        const entry = bytes.subarray(i * this.#entryBytes, (i + 1) * this.#entryBytes);
        const front = frontWord.get(entry, 0);
        if (front === 0) continue;
        const [number, which] = [Math.floor(front / 2), front % 2];
        this.#which[this.#layout.slotOf(number)] = which;
        found.push({ number, ...decode(entry, 8 + which * 8 * replicas, this.#layout) });
      }
    }
    return found;
  }

  #writes(at: Address, bytes: Uint8Array): Verb<unknown>[] {
    // Not before the head that it is about to name is durable, in flush mode.
    const verbs: Verb<unknown>[] = [fenced(write(at, bytes))];
    if (this.#site.context.durability === 'flush') verbs.push(flush(at, bytes.length));
    return verbs;
  }

  #offset(slot: number): number {
    return slot * this.#entryBytes;
  }

  #encodeAll(chains: readonly Chain[]): EntryImage[] {
    return chains.map((chain) => this.#encode(chain));
  }

  /** All of it is written over. */
  #encode(chain: Chain): EntryImage {
    const { replicas } = this.#layout;
    const slot = this.#layout.slotOf(chain.number);
    const which = 1 - (this.#which[slot] as number);
    this.#which[slot] = which;
    const image = this.#spare.pop() ?? new EntryImage(replicas);
    image.at = this.#offset(slot);
    image.headAt = image.at + 8 + which * 8 * replicas;
    frontWord.set(image.front, 0, 2 * chain.number + which);
    for (let r = 0; r < replicas; r++) {
      const copy = chain.isOver ? noReference : (chain.refs[r] as Reference);
      storeHalf(image.head, 8 * r, chain.isOver ? 0 : entryLow(copy, chain.sequence));
      storeHalf(image.head, 8 * r + 4, highHalfFor(handleOf(copy)));
    }
    return image;
  }
}

/** What to write of an entry, in order: the head that does not count, and the word that makes it count. */
class EntryImage {
  headAt = 0;
  readonly head: Uint8Array;
  at = 0;
  readonly front = new Uint8Array(8);

  constructor(replicas: number) {
    this.head = new Uint8Array(8 * replicas);
  }
}

/** An entry as found. `refs`: none where the slot serves no chain. */
export interface HeadEntry {
  readonly number: number;
  readonly refs: readonly Reference[];
  readonly sequence: number;
}

function decode(
  bytes: Uint8Array,
  at: number,
  layout: CloverLayout,
): { readonly refs: readonly Reference[]; readonly sequence: number } {
  const refs = Array.from({ length: layout.replicas }, (_, r) =>
    entryIn(loadHalf(bytes, at + 8 * r + 4), loadHalf(bytes, at + 8 * r)),
  );
  const isChain = refs.every((copy) => layout.isHandle(handleOf(copy)));
  return isChain ? { refs, sequence: areaIn(loadHalf(bytes, at)) } : { refs: [], sequence: 0 };
}
