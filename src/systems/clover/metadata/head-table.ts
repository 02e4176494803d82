import { type Address, align8, nodeOf } from '../../../core/address.ts';
import {
  batch,
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

/**
 * Where the chains of a metadata server begin, in its own persistent memory and, by one-sided WRITEs, in
 * that of every standby: what a successor starts from. One entry per shortcut slot:
 *
 *    0 +-----------------------------------------------+
 *      | number of the chain that the slot serves, u53 |   stays when the chain has ended
 *    8 +-----------------------------------------------+
 *      | R entry words: where its server stands        |   0: no chain
 *      +-----------------------------------------------+ 8 + 8R
 *
 * The paper's backup server hears of a key when it is created and when it is deleted; the head that it
 * remembers is recycled after the first puts. So the table follows the head: an entry is WRITTEN, and
 * confirmed by everybody, before what it moves away from is retired. Then whatever version an entry
 * names is still there, and the rest of the chain and the key itself are read from memory nodes. Words
 * of an entry that is caught in the middle are of two versions that are both still there.
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
  #rounds = 0;
  #writing = false;

  constructor(site: Site, layout: CloverLayout, index: number) {
    const { cluster, context } = site;
    this.#site = site;
    this.#layout = layout;
    this.#index = index;
    this.#entryBytes = 8 + 8 * layout.replicas;
    this.#own = cluster.region(context.node, headRegion).address;
    for (const { id } of cluster.withRole('standby')) {
      if (id !== context.node) this.#mirrors.set(id, cluster.region(id, headRegion).address);
    }
  }

  static region(shape: StoreShape, config: CloverConfig): RegionSpec {
    const slots =
      planPools(shape, config).shortcutSlotsPerServer * shape.memoryNodes * config.metadataServers;
    const sizeBytes = align8(slots * (8 + 8 * shape.replicas));
    return { name: headRegion, medium: shape.medium, sizeBytes };
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
    const entries = chains.map((chain) => ({
      at: this.#offset(this.#layout.slotOf(chain.number)),
      bytes: this.#encode(chain),
    }));
    for (const { at, bytes } of entries) {
      yield* local.write(this.#own + at, bytes);
      yield* local.persist(this.#own + at, bytes.length);
    }
    const mirrored = [...this.#mirrors.values()].flatMap((base) =>
      entries.flatMap(({ at, bytes }) => this.#writes(base + at, bytes)),
    );
    if (mirrored.length + beside.length > 0) yield* batch(...beside, ...mirrored);
  }

  /** Again until every standby has it, or is said to be lost: one that lags must not take over. */
  *storeSurely(chains: readonly Chain[]): Program<void> {
    for (;;) {
      try {
        yield* this.store(chains);
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
      yield* local.read(this.#own + this.#offset(slots[first] as number), bytes);
      for (let i = 0; i < perBucket; i++) {
        const entry = bytes.subarray(i * this.#entryBytes, (i + 1) * this.#entryBytes);
        const number = u53.at(0).get(entry, 0);
        if (number !== 0) found.push({ number, ...decode(entry, this.#layout) });
      }
    }
    return found;
  }

  #writes(at: Address, bytes: Uint8Array): Verb<unknown>[] {
    const verbs: Verb<unknown>[] = [write(at, bytes)];
    if (this.#site.context.durability === 'flush') verbs.push(flush(at, bytes.length));
    return verbs;
  }

  #offset(slot: number): number {
    return slot * this.#entryBytes;
  }

  #encode(chain: Chain): Uint8Array {
    const bytes = new Uint8Array(this.#entryBytes);
    u53.at(0).set(bytes, 0, chain.number);
    if (chain.isOver) return bytes;
    for (const [r, copy] of chain.refs.entries()) {
      storeHalf(bytes, 8 + 8 * r, entryLow(copy, chain.sequence));
      storeHalf(bytes, 12 + 8 * r, highHalfFor(handleOf(copy)));
    }
    return bytes;
  }
}

/** An entry as found. `refs`: of one version, where known; empty where the slot serves no chain. */
export interface HeadEntry {
  readonly number: number;
  readonly refs: readonly Reference[];
  readonly sequence: number;
}

/** Of words of two versions the older ones: they lead to the others. Incomplete: not a chain (yet). */
function decode(
  bytes: Uint8Array,
  layout: CloverLayout,
): { readonly refs: readonly Reference[]; readonly sequence: number } {
  const words = Array.from({ length: layout.replicas }, (_, r) => ({
    target: entryIn(loadHalf(bytes, 12 + 8 * r), loadHalf(bytes, 8 + 8 * r)),
    sequence: areaIn(loadHalf(bytes, 8 + 8 * r)),
  }));
  if (words.some(({ target }) => !layout.isHandle(handleOf(target))))
    return { refs: [], sequence: 0 };
  const sequence = words.reduce(
    (oldest, word) => (isOlder(word.sequence, oldest) ? word.sequence : oldest),
    (words[0] as { sequence: number }).sequence,
  );
  const refs = words.map((word) => (word.sequence === sequence ? word.target : noReference));
  return { refs, sequence };
}

function isOlder(a: number, b: number): boolean {
  return a !== b && (b - a + 1024) % 1024 < 512;
}
