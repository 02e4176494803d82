import { type Address, align8, nodeOf } from '../../../core/address.ts';
import {
  batch,
  local,
  type Program,
  read,
  reconnect,
  sleep,
  type Verb,
  VerbError,
} from '../../../core/effect.ts';
import { assert } from '../../../core/errors.ts';
import type { RegionSpec } from '../../../memory/cluster.ts';
import type { Site, StoreShape } from '../../system.ts';
import type { CloverConfig } from '../config.ts';
import type { CloverLayout } from '../layout.ts';
import { planPools } from '../pools.ts';
import type { Chain } from './chain.ts';
import type { ChainRows } from './chain-rows.ts';
import {
  entryBytes,
  entryFrom,
  type HeadEntry,
  headAt,
  nextMove,
  numberWord,
  storeHead,
} from './head-entry.ts';
import { EntryImage, EntrySwaps } from './head-swaps.ts';
import type { LateVerbs } from './late-verbs.ts';

export const headRegion = 'heads';
const retryNs = 20_000;
const entriesAtOnce = 4096;

/** A chain, by its row; a Chain is one. */
interface ChainAt {
  readonly rows: ChainRows;
  readonly row: number;
}

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
  /** Chains that have moved and are not stored yet, none twice. */
  #moved: ChainAt[] = [];
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
    const moved = this.#moved.map(({ rows, row }) => rows.number(row));
    const tables = [this.#moves, this.#bytes];
    return [mirrors, moved, tables, this.#rounds, this.#writing];
  }

  /** A standby is lost: nobody needs its table any more. */
  dropMirror(node: number): void {
    this.#mirrors.delete(node);
    this.#late.end(node);
  }

  /** The chain of that row has moved: who follows next stores where it stands then. */
  noteMove(rows: ChainRows, row: number): void {
    if (rows.isMoved(row)) return;
    rows.setMoved(row, true);
    this.#moved.push({ rows, row });
  }

  /**
   * Stores where these chains, and all others that have moved, stand now. One program writes at a time, what
   * all wait for: two moves of one entry by two programs could go to one head, and neither be whole.
   */
  *follow(chains: readonly Chain[] = []): Program<void> {
    for (const { rows, row } of chains) this.noteMove(rows, row);
    const round = this.#rounds + (this.#writing ? 2 : 1);
    while (this.#rounds < round) {
      if (this.#writing) yield* sleep(500);
      else {
        this.#writing = true;
        const moved = this.#moved;
        this.#moved = [];
        // One that moves on before its turn has come is stored once more in the next round.
        for (const { rows, row } of moved) rows.setMoved(row, false);
        yield* this.#storeBeyondSurely(yield* this.#storeOwn(moved));
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
    const images = yield* this.#storeOwn(chains);
    try {
      yield* this.#storeBeyond(images, beside);
    } catch (error) {
      for (const { number } of chains) {
        const slot = this.#layout.slotOf(number);
        this.#moves[slot] = nextMove(this.#moves[slot] as number);
      }
      throw error;
    }
  }

  /**
   * Encodes and stores in this node's own memory, where no verb can fail. Gives the images, where there are
   * standbys; else one serves all, since an entry is looked at by nobody once it is stored.
   *
   * The number only where the chain has not been stored before, and in order: a head that is durable while
   * its number is not yet would pass for one of the slot's chain before.
   */
  *#storeOwn(chains: readonly ChainAt[]): Program<readonly EntryImage[]> {
    const images: EntryImage[] = [];
    for (const { rows, row } of chains) {
      const image = this.#encode(rows, row);
      if (!rows.isNumbered(row)) {
        yield* local.write(this.#own + image.at, image.number);
        yield* local.persist(this.#own + image.at, image.number.length);
        rows.setNumbered(row);
      }
      const { head } = image;
      const headAddress = this.#own + image.headAt;
      yield* local.write(headAddress, head);
      yield* local.persist(headAddress, head.length);
      if (this.#mirrors.size > 0) images.push(image);
      else this.#spare.push(image);
    }
    return images;
  }

  *#storeBeyond(images: readonly EntryImage[], beside: readonly Verb<unknown>[]): Program<void> {
    const swaps = [...this.#mirrors.values()].flatMap((base) =>
      images.map((image) => new EntrySwaps(base, image)),
    );
    yield* this.#swap(swaps, beside);
  }

  *#swap(swaps: readonly EntrySwaps[], beside: readonly Verb<unknown>[] = []): Program<void> {
    const isFlushed = this.#site.context.durability === 'flush';
    let due = [...beside, ...swaps.flatMap((swap) => swap.verbs(isFlushed))];
    // Again where another word stood than was expected: of a verb that was lost.
    while (due.length > 0) {
      try {
        yield* batch(...due);
      } finally {
        for (const swap of swaps) swap.note(this.#late);
      }
      due = swaps.flatMap((swap) => swap.verbs(isFlushed));
    }
  }

  /** As `store`; until every standby has it, or is said to be lost: one that lags must not take over. */
  *storeSurely(chains: readonly Chain[]): Program<void> {
    yield* this.#storeBeyondSurely(yield* this.#storeOwn(chains));
  }

  /** Of what was encoded once: where one attempt has failed, a standby may still go by the other head. */
  *#storeBeyondSurely(images: readonly EntryImage[]): Program<void> {
    if (images.length === 0) return;
    yield* surely(() => this.#storeBeyond(images, []));
    this.#spare.push(...images);
  }

  /** All entries of this server, from its own memory. */
  *load(): Program<HeadEntry[]> {
    const found: HeadEntry[] = [];
    for (const { at, count } of this.#pieces()) {
      const bytes = new Uint8Array(count * this.#entryBytes);
      yield* local.read(this.#own + at, bytes);
      if (this.#bytes.length > 0) this.#bytes.set(bytes, at);
      for (let i = 0; i < count; i++) {
        const of = bytes.subarray(i * this.#entryBytes, (i + 1) * this.#entryBytes);
        const entry = entryFrom(of, this.#layout);
        if (entry === undefined) continue;
        this.#moves[this.#layout.slotOf(entry.number)] = entry.move;
        found.push(entry);
      }
    }
    return found;
  }

  /**
   * Makes the tables of standbys equal to this one, as `load` has found it: in a take-over, before the first
   * move, and when the server before is fenced at the standbys.
   *
   * That one may have died with its last move of an entry, m, in this table and not at a standby, where the
   * heads then are those of m - 1 and m - 2. Here m counts, so m + 1 goes to the head of m - 1: the only
   * one that is whole at the standby. Were this server lost with some words of m + 1 stored there, the
   * standby would go by m - 2, which is retired: its buffer may hold another key's version, and the chain
   * is gone.
   *
   * The other way round no head is lost. What differs is of the last move only, since every standby has
   * confirmed the one before. So it is in the head that does not count here, or not there.
   */
  *level(): Program<void> {
    for (const standby of [...this.#mirrors.keys()]) yield* surely(() => this.#level(standby));
  }

  *#level(standby: number): Program<void> {
    for (const { at, count } of this.#pieces()) {
      const base = this.#mirrors.get(standby);
      if (base === undefined) return;
      const bytes = new Uint8Array(count * this.#entryBytes);
      yield* read(base + at, bytes);
      const swaps: EntrySwaps[] = [];
      for (let i = 0; i < count; i++) {
        const found = bytes.subarray(i * this.#entryBytes, (i + 1) * this.#entryBytes);
        for (const image of this.#differences(at + i * this.#entryBytes, found)) {
          swaps.push(new EntrySwaps(base, image));
        }
      }
      yield* this.#swap(swaps);
    }
  }

  /** By head, how an entry found at a standby becomes that of this table. */
  *#differences(at: number, found: Uint8Array): Generator<EntryImage> {
    const { replicas } = this.#layout;
    const own = this.#bytes.subarray(at, at + this.#entryBytes);
    if (own.every((byte, i) => byte === found[i])) return;
    for (const move of [0, 1]) yield EntryImage.between(found, own, at, headAt(move, replicas));
  }

  /** Runs of entries of this server, of at most `entriesAtOnce`. */
  *#pieces(): Generator<{ readonly at: number; readonly count: number }> {
    const { buckets, plan } = this.#layout;
    const end = plan.shortcutSlotsPerServer;
    for (let bucket = 0; bucket < buckets; bucket++) {
      for (let first = 0; first < end; first += entriesAtOnce) {
        const at = this.#offset(this.#layout.slot(bucket, this.#index, first));
        yield { at, count: Math.min(entriesAtOnce, end - first) };
      }
    }
  }

  #offset(slot: number): number {
    return slot * this.#entryBytes;
  }

  /** All of it is written over. */
  #encode(rows: ChainRows, row: number): EntryImage {
    const { replicas } = this.#layout;
    const number = rows.number(row);
    assert(number > 0, 'a chain that is gone has moved');
    const slot = this.#layout.slotOf(number);
    const move = nextMove(this.#moves[slot] as number);
    this.#moves[slot] = move;
    const image = this.#spare.pop() ?? new EntryImage(replicas);
    image.at = this.#offset(slot);
    image.headAt = image.at + headAt(move, replicas);
    numberWord.set(image.number, 0, number);
    storeHead(image.head, rows, row, move, this.#layout);
    if (this.#bytes.length > 0) image.replace(this.#bytes);
    return image;
  }
}

/** Again until no verb fails: a standby that does not answer may yet, or is said to be lost. */
function* surely(program: () => Program<void>): Program<void> {
  for (;;) {
    try {
      return yield* program();
    } catch (error) {
      if (!(error instanceof VerbError)) throw error;
      yield* reconnect(nodeOf(error.address));
      yield* sleep(retryNs);
    }
  }
}
