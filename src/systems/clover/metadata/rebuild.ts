import { type Address, nodeOf } from '../../../core/address.ts';
import { batch, type Program, read, type Verb } from '../../../core/effect.ts';
import { assert } from '../../../core/errors.ts';
import { recordBytes, recordHead, recordIsWhole } from '../../../core/record.ts';
import { loadHalf } from '../../../core/word.ts';
import type { CloverLayout, Place } from '../layout.ts';
import { nextSequence, noReference, ownIn, type Reference, versionOf } from '../pointer.ts';
import { classBytes } from '../pools.ts';
import { standingOf } from '../recovery/header.ts';
import { Chain } from './chain.ts';
import {
  type CopyImage,
  imageOf,
  isTail,
  type Misplaced,
  moveCopies,
  spoil,
  writeCopies,
} from './level-copies.ts';
import { Namer } from './namer.ts';
import type { MetadataState } from './state.ts';
import { clearStrays } from './strays.ts';

/** Chains looked at side by side: one doorbell a step. */
const abreast = 64;
const versionsMax = 1_000_000;

/** Where a chain begins. */
export interface Head {
  readonly number: number;
  readonly refs: readonly Reference[];
  readonly sequence: number;
}

/** What has become of a bucket while nobody worked. */
export interface BucketChange {
  readonly bucket: number;
  /** Where its bytes can be read; undefined: nowhere. */
  readonly from: Place | undefined;
  readonly to: Place;
}

/**
 * Builds a server's tables anew, from where its chains begin and from memory nodes, while every compute
 * node is at rest (pausing.ts) or fenced: nobody holds a reference to any buffer, no verb is in flight,
 * and whoever had one in doubt is fenced.
 *
 * That is what makes it simple. Of each chain only the newest version is kept: nobody can come to it from
 * an older one any more. Everything else is free, and may start again at version 1, since there is no
 * pointer left that a wrong version would betray. A version that is held is committed where its
 * successor is named (as in repair.ts) and otherwise not; the write ended with its node or in an error,
 * so either is right. A chain that ends in a tombstone is gone.
 *
 * A copy counts where its header carries the version that it is looked up by. Others are lost (with a
 * memory node, or with the contents of its DRAM) and written anew from one that counts. What lies on a node
 * that is lost and has nobody in its place yet is left as it is: its own rebuild follows.
 */
export class Rebuild {
  entriesRepaired = 0;
  entriesLost = 0;
  buffersReclaimed = 0;
  bytesMoved = 0;
  readonly #state: MetadataState;
  readonly #layout: CloverLayout;
  readonly #changes: ReadonlyMap<number, BucketChange>;
  /**
   * Memory nodes that were lost when this began, with buckets that have no other place yet. What is heard
   * later ends it by a verb that fails: a copy that has been read must not be without an address since.
   */
  readonly #lost: ReadonlySet<number>;
  readonly #found: Chain[] = [];
  readonly #misplaced: Misplaced[] = [];

  constructor(state: MetadataState, changes: readonly BucketChange[]) {
    this.#state = state;
    this.#layout = state.layout;
    this.#changes = new Map(changes.map((change) => [change.bucket, change]));
    this.#lost = new Set(state.lostMemory.keys());
  }

  /** `numbers`: the last chain of every slot that has served one, as far as is known in a take-over. */
  *run(heads: readonly Head[], numbers: Iterable<number>, isTakeOver = false): Program<void> {
    const state = this.#state;
    const lastNumbers = [...numbers];
    for (const { bucket, to } of this.#changes.values()) this.#layout.place(bucket, to);
    const waiting = heads.filter((head) => head.refs.length > 0);
    let walks: Walk[] = [];
    while (waiting.length > 0 || walks.length > 0) {
      while (walks.length < abreast && waiting.length > 0) {
        walks.push(new Walk(waiting.pop() as Head));
      }
      yield* this.#readCopies(walks);
      const tails: Walk[] = [];
      walks = walks.filter((walk) => this.#step(walk, tails));
      yield* this.#level(tails);
    }
    const namer = new Namer(this.#layout, state.index);
    for (const chain of this.#found) namer.adopt(chain);
    namer.reserve(lastNumbers);
    yield* this.#storePointers(namer, lastNumbers);
    if (this.#misplaced.length > 0) yield* this.#move(namer);
    yield* spoil(state);
    const knownSlots = new Set(lastNumbers.map((number) => this.#layout.slotOf(number)));
    yield* clearStrays(state, knownSlots, (bucket, node) => {
      return (isTakeOver || this.#changes.has(bucket)) && !this.#lost.has(node);
    });
    const allocator = state.newAllocator();
    const inUse = this.#found.flatMap((chain) => chain.refs);
    this.buffersReclaimed = allocator.adopt(inUse, state.allocator.epoch);
    state.namer = namer;
    state.allocator = allocator;
  }

  /** READs what tells a version of every copy that can be read, of all walks in one batch. */
  *#readCopies(walks: readonly Walk[]): Program<void> {
    const verbs: Verb<unknown>[] = [];
    for (const walk of walks) {
      walk.copies = walk.refs.map((copy) => {
        const address = this.#addressOf(copy);
        if (address === undefined) return undefined;
        const bytes = new Uint8Array(this.#glanceBytes(copy));
        verbs.push(read(address, bytes));
        return bytes;
      });
    }
    if (verbs.length > 0) yield* batch(...verbs);
    const words = this.#layout.replicas;
    for (const walk of walks) {
      walk.copies = walk.copies.map((bytes, c) =>
        bytes !== undefined && isAt(bytes, words, walk.refs[c] as Reference) ? bytes : undefined,
      );
    }
  }

  /** True where the walk goes on; at its end it is put to the tails, or dropped. */
  #step(walk: Walk, tails: Walk[]): boolean {
    assert(++walk.steps < versionsMax, 'a chain does not end', 'FARSIDE_LIMIT');
    if (walk.copies.every((bytes) => bytes === undefined)) {
      this.entriesLost++;
      return false;
    }
    const seen = standingOf(walk.copies, walk.refs);
    if ((seen.kind === 'linked' || seen.kind === 'held') && seen.refs !== undefined) {
      if (seen.kind === 'held') this.entriesRepaired++;
      walk.refs = seen.refs;
      walk.sequence = seen.kind === 'linked' ? seen.sequence : nextSequence(walk.sequence);
      return true;
    }
    if (seen.kind !== 'tombstone') tails.push(walk);
    return false;
  }

  /** Makes all copies of these newest versions whole and equal, and takes the chains in. */
  *#level(tails: readonly Walk[]): Program<void> {
    const wanting = tails.filter((walk) => walk.copies.some((_, c) => this.#isWanting(walk, c)));
    const sources = yield* this.#readWhole(wanting);
    const sourceOf = new Map(wanting.map((walk, i) => [walk, sources[i] as Uint8Array]));
    const images: CopyImage[] = [];
    for (const walk of tails) {
      const source = sourceOf.get(walk);
      if (source !== undefined && !recordIsWhole(source, 8 * walk.refs.length)) {
        this.entriesLost++;
        continue;
      }
      const chain = this.#chainOf(walk);
      this.#found.push(chain);
      if (source === undefined) continue;
      this.entriesRepaired++;
      for (const [copy, target] of walk.refs.entries()) {
        if (!this.#isWanting(walk, copy)) continue;
        const at = this.#layout.addressOf(target);
        if (this.#state.late.isWrittenAt(at)) this.#misplaced.push({ chain, copy, source });
        else
          images.push({
            at,
            bytes: imageOf(source, target, walk.refs.length),
            hasRecord: this.#isThere(walk, copy),
          });
      }
    }
    this.bytesMoved += yield* writeCopies(this.#state, images);
  }

  /**
   * Copies that cannot be made level where they lie go to other buffers, when the table of heads says of
   * every chain where it ends. Until then a buffer that no chain is left with may lie on the way there from a
   * head that is stored, and for who takes over, were this server lost, the walk would end, or lead astray.
   */
  *#move(namer: Namer): Program<void> {
    const taken = this.#found.flatMap(({ refs }) => refs);
    this.#keepHeads(namer);
    const sourceAt = (bucket: number): Place | undefined => this.#changes.get(bucket)?.from;
    this.bytesMoved += yield* moveCopies(this.#state, this.#misplaced, taken, sourceAt);
    const moved = new Set(this.#misplaced.map(({ chain }) => chain.number));
    yield* this.#storePointers(namer, [...moved]);
    this.#keepHeads(namer);
  }

  /** For another attempt of this server, which begins from its former tables: the same. */
  #keepHeads(namer: Namer): void {
    for (const known of this.#state.namer.all()) {
      const chain = namer.chain(known.number);
      if (chain === undefined) known.isOver = true;
      else known.standAt(chain.refs, chain.sequence);
    }
  }

  *#readWhole(walks: readonly Walk[]): Program<Uint8Array[]> {
    const wholes: Uint8Array[] = [];
    const verbs: Verb<unknown>[] = [];
    for (const walk of walks) {
      const c = walk.copies.findIndex((bytes) => bytes !== undefined);
      const copy = walk.refs[c] as Reference;
      const bytes = new Uint8Array(classBytes(this.#layout.sizeClassOf(copy)));
      wholes.push(bytes);
      verbs.push(read(this.#addressOf(copy) as Address, bytes));
    }
    if (verbs.length > 0) yield* batch(...verbs);
    return wholes;
  }

  /** A copy that can be written, and is not where it belongs with the header of a tail. */
  #isWanting(walk: Walk, c: number): boolean {
    const bytes = walk.copies[c];
    const copy = walk.refs[c] as Reference;
    if (this.#lost.has(nodeOf(this.#layout.addressOf(copy)))) return false;
    if (!this.#isThere(walk, c)) return true;
    const isWritten = this.#state.late.isWrittenAt(this.#layout.addressOf(copy));
    return isWritten || !isTail(bytes as Uint8Array, copy, walk.refs.length);
  }

  /** Whether the copy lies where it belongs, whatever its header links to. */
  #isThere(walk: Walk, c: number): boolean {
    const bucket = this.#layout.bucketOf(walk.refs[c] as Reference);
    return walk.copies[c] !== undefined && !this.#changes.has(bucket);
  }

  #chainOf({ number, refs, sequence, copies }: Walk): Chain {
    const bytes = copies.find((copy) => copy !== undefined) as Uint8Array;
    const start = 8 * refs.length + recordHead.sizeBytes;
    const end = start + recordHead.field.keyBytes.get(bytes, 8 * refs.length);
    const text = String.fromCharCode(...bytes.subarray(start, end));
    return new Chain(text, number, refs, sequence);
  }

  /** Shortcuts and heads point at what is left, and at nothing where nothing is. */
  *#storePointers(namer: Namer, numbers: readonly number[]): Program<void> {
    const state = this.#state;
    const chains = numbers.map((number) => namer.chain(number) ?? overAt(number, this.#layout));
    for (let i = 0; i < chains.length; i += abreast) {
      const some = chains.slice(i, i + abreast);
      yield* state.heads.storeSurely(some);
      const verbs = some.flatMap((chain) =>
        chain.isOver
          ? state.clearings(chain)
          : state.shortcutWrites(chain, chain.refs, chain.sequence),
      );
      const possible = verbs.filter(({ address }) => !this.#lost.has(nodeOf(address)));
      const refs = some.flatMap((chain) => chain.refs);
      if (possible.length > 0) yield* state.post(possible, refs);
      this.bytesMoved += some.length * 8 * this.#layout.replicas;
    }
  }

  /** Where a copy can be read now; undefined where it cannot. */
  #addressOf(copy: Reference): Address | undefined {
    if (copy === noReference) return undefined;
    const change = this.#changes.get(this.#layout.bucketOf(copy));
    if (change !== undefined) {
      return change.from === undefined ? undefined : this.#layout.addressAt(copy, change.from);
    }
    const address = this.#layout.addressOf(copy);
    return this.#lost.has(nodeOf(address)) ? undefined : address;
  }

  /** Header words, record head and key: what tells a version. */
  #glanceBytes(copy: Reference): number {
    const { keyBytesMax } = this.#state.site.shape;
    const bytes = 8 * this.#layout.replicas + recordBytes(keyBytesMax, 0);
    return Math.min(bytes, classBytes(this.#layout.sizeClassOf(copy)));
  }
}

class Walk {
  readonly number: number;
  refs: readonly Reference[];
  sequence: number;
  steps = 0;
  copies: readonly (Uint8Array | undefined)[] = [];

  constructor({ number, refs, sequence }: Head) {
    this.number = number;
    this.refs = refs;
    this.sequence = sequence;
  }
}

/** Whether a copy carries the version that it is looked up by, in its header and in its record. */
function isAt(bytes: Uint8Array, words: number, copy: Reference): boolean {
  const version = versionOf(copy);
  for (let r = 0; r < words; r++) if (ownIn(loadHalf(bytes, 8 * r)) !== version) return false;
  return recordHead.field.version.get(bytes, 8 * words) % 256 === version;
}

function overAt(number: number, layout: CloverLayout): Chain {
  const chain = new Chain('', number, new Array<Reference>(layout.replicas).fill(noReference), 0);
  chain.isOver = true;
  return chain;
}
