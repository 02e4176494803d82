import { type Address, align8, nodeOf } from '../../../core/address.ts';
import {
  batch,
  cas,
  fenced,
  flush,
  local,
  type Program,
  reconnect,
  sleep,
  type Verb,
  VerbError,
  verbStatus,
} from '../../../core/effect.ts';
import { loadWord } from '../../../core/word.ts';
import type { RegionSpec } from '../../../memory/cluster.ts';
import type { Site, StoreShape } from '../../system.ts';
import type { CloverConfig } from '../config.ts';
import type { CloverLayout } from '../layout.ts';
import { planPools } from '../pools.ts';
import {
  bufferNamed,
  entryBytes,
  entryFrom,
  type HeadEntry,
  headAt,
  nextMove,
  numberWord,
  storeHead,
} from './head-entry.ts';
import type { LateVerbs } from './late-verbs.ts';
import type { Chain } from './namer.ts';

export const headRegion = 'heads';
const retryNs = 20_000;

/**
 * Where the chains of a metadata server begin, in its own persistent memory and, by one-sided CASes, in
 * that of every standby: what a successor starts from. One entry per shortcut slot (head-entry.ts).
 *
 * The paper's backup server hears of a key when it is created and when it is deleted; the head that it
 * remembers is recycled after the first puts. So the table follows the head: an entry is changed, and
 * confirmed by everybody, before what it moves away from is retired. Then whatever version an entry
 * names is still there, and the rest of the chain and the key itself are read from memory nodes.
 *
 * A head is R words, which do not change at one moment. So the next one is stored beside it, and counts
 * when all its words are of one move. With one head, an entry whose writer was lost half-way names one copy
 * each of two versions: with the memory node of the older one lost as well, nobody could find the chain.
 *
 * By CAS, and not by WRITE: one whose completion was lost acts, perhaps, when the head has moved on twice,
 * and the standby would begin from what has been retired. Giving up the incarnation that posted it would end
 * it, too, but a server can only do that by dying, and somebody would have to start it anew.
 *
 * Shortcuts would not do in its place: two nodes' WRITEs may cross, and the older one stay for ever.
 */
export class HeadTable {
  readonly #layout: CloverLayout;
  readonly #site: Site;
  readonly #index: number;
  readonly #late: LateVerbs;
  readonly #entryBytes: number;
  readonly #own: Address;
  /** Tables of the standbys. */
  readonly #mirrors = new Map<number, Address>();
  readonly #dirty = new Map<number, Chain>();
  /** By slot, the number of its last move. */
  readonly #moves: Uint16Array;
  /** What its own table holds, where there are others: they hold the same, but for verbs that were lost. */
  readonly #bytes: Uint8Array;
  /** Images whose bytes nobody looks at any more: allocating them costs more than all else of an entry. */
  readonly #spare: EntryImage[] = [];
  #rounds = 0;
  #writing = false;

  constructor(site: Site, layout: CloverLayout, index: number, late: LateVerbs) {
    const { cluster, context } = site;
    this.#site = site;
    this.#layout = layout;
    this.#index = index;
    this.#late = late;
    this.#entryBytes = entryBytes(layout.replicas);
    this.#moves = new Uint16Array(layout.slots);
    this.#own = cluster.region(context.node, headRegion).address;
    for (const { id } of cluster.withRole('standby')) {
      if (id !== context.node) this.#mirrors.set(id, cluster.region(id, headRegion).address);
    }
    this.#bytes = new Uint8Array(this.#mirrors.size > 0 ? layout.slots * this.#entryBytes : 0);
  }

  static region(shape: StoreShape, config: CloverConfig): RegionSpec {
    const slots =
      planPools(shape, config).shortcutSlotsPerServer * shape.memoryNodes * config.metadataServers;
    const sizeBytes = align8(slots * entryBytes(shape.replicas));
    return { name: headRegion, medium: shape.medium, sizeBytes };
  }

  remembers(): unknown {
    const mirrors = this.#mirrors.keys();
    const tables = [this.#moves, this.#bytes];
    return [mirrors, this.#dirty.keys(), tables, this.#rounds, this.#writing];
  }

  /** A standby is lost: nobody needs its table any more. */
  dropMirror(node: number): void {
    this.#mirrors.delete(node);
    this.#late.end(node);
  }

  /**
   * Stores where these chains stand now. One program writes at a time, what all wait for: two moves of
   * one entry by two programs could go to one head, and neither be whole.
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

  /**
   * Of chains that nobody else stores. `beside` is posted along with the mirrors' CASes. Where it throws, the
   * next move goes to the same head: the other one still counts at standbys, and in this one there may be
   * what a late verb of an earlier chain has made whole.
   */
  *store(chains: readonly Chain[], beside: readonly Verb<unknown>[] = []): Program<void> {
    const images = this.#encodeAll(chains);
    try {
      yield* this.#store(images, beside);
    } catch (error) {
      for (const { number } of chains) {
        const slot = this.#layout.slotOf(number);
        this.#moves[slot] = nextMove(this.#moves[slot] as number);
      }
      throw error;
    }
  }

  *#store(images: readonly EntryImage[], beside: readonly Verb<unknown>[]): Program<void> {
    for (const { at, number, headAt, head } of images) {
      yield* local.write(this.#own + at, number);
      yield* local.persist(this.#own + at, number.length);
      yield* local.write(this.#own + headAt, head);
      yield* local.persist(this.#own + headAt, head.length);
    }
    const swaps = [...this.#mirrors.values()].flatMap((base) =>
      images.map((image) => new EntrySwaps(base, image)),
    );
    let due = [...beside, ...swaps.flatMap((swap) => this.#verbsOf(swap))];
    // Again where another word stood than the own table has: of a verb that was lost, or a former server's.
    while (due.length > 0) {
      try {
        yield* batch(...due);
      } finally {
        for (const swap of swaps) swap.note(this.#late);
      }
      due = swaps.flatMap((swap) => this.#verbsOf(swap));
    }
  }

  /** Again until every standby has it, or is said to be lost: one that lags must not take over. */
  *storeSurely(chains: readonly Chain[]): Program<void> {
    // Encoded once: where one attempt has failed, a standby may still go by the head that is not overwritten.
    const images = this.#encodeAll(chains);
    for (;;) {
      try {
        yield* this.#store(images, []);
        this.#spare.push(...images);
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
    const slots = [...this.#layout.slotsOf(this.#index)];
    const perBucket = slots.length / this.#layout.buckets;
    const bytes = new Uint8Array(perBucket * this.#entryBytes);
    for (let first = 0; first < slots.length; first += perBucket) {
      const at = this.#offset(slots[first] as number);
      yield* local.read(this.#own + at, bytes);
      if (this.#bytes.length > 0) this.#bytes.set(bytes, at);
      for (let i = 0; i < perBucket; i++) {
        const of = bytes.subarray(i * this.#entryBytes, (i + 1) * this.#entryBytes);
        const entry = entryFrom(of, this.#layout);
        if (entry === undefined) continue;
        this.#moves[this.#layout.slotOf(entry.number)] = entry.move;
        found.push(entry);
      }
    }
    return found;
  }

  /** The number first: the head that is stored next is of that chain. */
  #verbsOf({ number, head }: EntrySwaps): Verb<unknown>[] {
    const isFlushed = this.#site.context.durability === 'flush';
    const verbs: Verb<unknown>[] = [];
    for (const words of [number, head]) {
      const isFirst = verbs.length === 0;
      // The head not before its number is durable, in flush mode.
      for (const verb of words.due()) verbs.push(isFirst ? verb : fenced(verb));
      if (isFlushed && verbs.length > 0) verbs.push(flush(words.address, words.lengthBytes));
    }
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
    const move = nextMove(this.#moves[slot] as number);
    this.#moves[slot] = move;
    const image = this.#spare.pop() ?? new EntryImage(replicas);
    image.at = this.#offset(slot);
    image.headAt = image.at + headAt(move, replicas);
    numberWord.set(image.number, 0, chain.number);
    storeHead(image.head, chain, move, this.#layout);
    if (this.#bytes.length > 0) image.replace(this.#bytes);
    return image;
  }
}

/** What an entry becomes, and what stood there; where no standby is, nobody asks for the latter. */
class EntryImage {
  at = 0;
  readonly number = new Uint8Array(8);
  readonly numberBefore = new Uint8Array(8);
  headAt = 0;
  readonly head: Uint8Array;
  readonly headBefore: Uint8Array;

  constructor(replicas: number) {
    this.head = new Uint8Array(8 * replicas);
    this.headBefore = new Uint8Array(8 * replicas);
  }

  replace(table: Uint8Array): void {
    const { at, number, headAt, head } = this;
    this.numberBefore.set(table.subarray(at, at + number.length));
    this.headBefore.set(table.subarray(headAt, headAt + head.length));
    table.set(number, at);
    table.set(head, headAt);
  }
}

/** An entry of a standby's table on its way. */
class EntrySwaps {
  readonly number: WordSwaps;
  readonly head: WordSwaps;

  constructor(base: Address, image: EntryImage) {
    this.number = new WordSwaps(base + image.at, image.numberBefore, image.number);
    this.head = new WordSwaps(base + image.headAt, image.headBefore, image.head);
  }

  note(late: LateVerbs): void {
    for (const words of [this.number, this.head]) words.note(late, words === this.head);
  }
}

/** Words that CASes change, each from what was found there last. */
class WordSwaps {
  readonly address: Address;
  readonly #expected: bigint[] = [];
  readonly #desired: bigint[] = [];
  #posted: Verb<bigint>[] = [];

  constructor(address: Address, before: Uint8Array, after: Uint8Array) {
    this.address = address;
    for (let at = 0; at < after.length; at += 8) {
      this.#expected.push(loadWord(before, at));
      this.#desired.push(loadWord(after, at));
    }
  }

  get lengthBytes(): number {
    return 8 * this.#desired.length;
  }

  /** CASes of the words that do not stand yet, as far as is known. */
  due(): readonly Verb<bigint>[] {
    this.#posted = [];
    for (const [i, desired] of this.#desired.entries()) {
      const expected = this.#expected[i] as bigint;
      if (expected !== desired) this.#posted.push(cas(this.address + 8 * i, expected, desired));
    }
    return this.#posted;
  }

  /** They have ended. `namesBuffers`: what the words are that they expect. */
  note(late: LateVerbs, namesBuffers: boolean): void {
    for (const verb of this.#posted) {
      const i = (verb.address - this.address) / 8;
      const high = Number(verb.compare >> 32n);
      const low = Number(verb.compare & 0xffff_ffffn);
      late.noteSwap(verb, namesBuffers ? bufferNamed(high, low) : 0);
      if (verb.status === verbStatus.ok)
        this.#expected[i] = verb.swapped ? verb.operand : verb.word;
    }
    this.#posted = [];
  }
}
