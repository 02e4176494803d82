import type { Durability } from '../../../core/context.ts';
import { batch, cas, flush, type Program, read, spawn, type Verb } from '../../../core/effect.ts';
import { assert } from '../../../core/errors.ts';
import { loadHalf, packWord } from '../../../core/word.ts';
import type { CloverLayout } from '../layout.ts';
import {
  areaIn,
  entryLow,
  handleOf,
  highHalfFor,
  noReference,
  type Reference,
  sequenceDistance,
} from '../pointer.ts';
import { standingOf } from '../recovery/header.ts';
import { type Repairer, repairHeld } from '../recovery/repair.ts';
import type { Allocator } from './allocator.ts';
import type { Chain } from './chain.ts';
import type { HeadTable } from './head-table.ts';
import type { Namer } from './namer.ts';
import { acceptLink, RetiredBuffers } from './retire.ts';

/** Chains walked side by side: one doorbell a step. */
const abreast = 32;
/** READs of one chain; every restart means that its head has moved on meanwhile. */
const stepsMax = 1_000_000;

/** What a sweep needs of its metadata server. */
export interface SweepHost {
  readonly layout: CloverLayout;
  readonly durability: Durability;
  readonly namer: Namer;
  readonly allocator: Allocator;
  readonly heads: HeadTable;
  post(verbs: readonly Verb<unknown>[], refs: readonly Reference[]): Program<void>;
  nowNs(): number;
  isLostOwner(owner: number): boolean;
  end(chain: Chain): Program<void>;
}

/**
 * What follows the death of a compute node at one metadata server, while all others go on: every chain
 * is walked from where the server stands to its newest version.
 *
 * - A version held by the dead writer is completed or undone (repair.ts).
 * - A link that it made and did not report is taken in, in its place: whether a link is its own is told
 *   by the lease of the buffer linked. Links of the living are left to them, since they will report
 *   them, after they have WRITTEN the shortcut; taking those in here could end a chain whose shortcut
 *   is still about to be written, and a slot that is written after its chain has ended would show a
 *   recovery a deleted key.
 * - A tombstone whose deleter never told the server is told.
 *
 * What the dead node was leased and no chain contains is unlinked for good, since it is fenced.
 *
 * Versions cannot be recycled behind the back of a walk for long: the server's head is never recycled,
 * and a walk that meets another version than it came for starts again at the head. A link of the dead
 * writer cannot be passed by the head before it is taken in here.
 */
export class Sweep implements Repairer {
  readonly layout: CloverLayout;
  readonly durability: Durability;
  repaired = 0;
  bytesMoved = 0;
  linksTaken = 0;
  readonly #host: SweepHost;
  readonly #incarnation: number;

  constructor(host: SweepHost, incarnation: number) {
    this.#host = host;
    this.#incarnation = incarnation;
    this.layout = host.layout;
    this.durability = host.durability;
  }

  isLost(owner: number): boolean {
    return this.#host.isLostOwner(owner);
  }

  post(verbs: readonly Verb<unknown>[], refs: readonly Reference[]): Program<void> {
    return this.#host.post(verbs, refs);
  }

  *run(): Program<void> {
    const waiting = [...this.#host.namer.all()];
    let walks: Walk[] = [];
    while (waiting.length > 0 || walks.length > 0) {
      while (walks.length < abreast && waiting.length > 0) {
        walks.push(new Walk(waiting.pop() as Chain, this.layout.replicas));
      }
      yield* batch(...walks.map((walk) => walk.readHeader(this.layout)));
      const going: Walk[] = [];
      for (const walk of walks) {
        if (yield* this.#step(walk)) going.push(walk);
        else yield* this.#takeIn(walk);
      }
      walks = going;
    }
  }

  /** Looks at the header that was read; false where the walk has arrived. */
  *#step(walk: Walk): Program<boolean> {
    const { chain, refs } = walk;
    assert(++walk.steps < stepsMax, () => `chain ${chain.number} does not end`, 'FARSIDE_LIMIT');
    let seen = standingOf([walk.header, ...refs.slice(1).map(() => undefined)], refs);
    // Round 2 of the dead writer may have reached the primary copy and no other.
    const isOwn = seen.kind === 'linked' && refs.length > 1 && this.#isLeased(seen.refs[0]);
    if (seen.kind === 'held' || isOwn) seen = yield* repairHeld(this, refs, walk.sequence);
    // Not before what follows a yield: the chain may have ended, or moved on, while that waited.
    if (this.#host.namer.chain(chain.number) !== chain) return walk.abandon();
    if (seen.kind === 'unclear') return walk.restart();
    if (seen.kind === 'tombstone') walk.tombstone = refs[0] as Reference;
    if (seen.kind !== 'linked') return false;
    if (this.#isLeased(seen.refs[0])) {
      walk.links.push({ old: refs[0] as Reference, refs: [...seen.refs], sequence: seen.sequence });
    }
    walk.refs = seen.refs;
    walk.sequence = seen.sequence;
    return true;
  }

  #isLeased(target: Reference | undefined): boolean {
    return this.#host.allocator.lesseeOf(target ?? noReference) === this.#incarnation;
  }

  /** What the walk has found, in the order that a live writer would have kept. */
  *#takeIn(walk: Walk): Program<void> {
    const { namer, allocator } = this.#host;
    const { chain, links, tombstone } = walk;
    if (links.length > 0) {
      // A head that has passed a link which power loss then takes back has lost the chain.
      if (this.durability === 'flush') {
        yield* batch(...links.map(({ old }) => flush(this.layout.addressOf(old), 8)));
      }
      yield* this.#moveShortcut(walk);
    }
    if (namer.chain(chain.number) !== chain) return;
    if (tombstone !== noReference && chain.tombstone === noReference) {
      namer.unname(chain);
      chain.tombstone = tombstone;
    }
    const retired = new RetiredBuffers();
    for (const { old, refs, sequence } of links) {
      this.linksTaken++;
      allocator.settleLeases(refs);
      acceptLink(chain.rows, chain.row, old, refs, sequence, retired, this.#host.nowNs());
    }
    if (retired.count > 0) yield* this.#host.heads.follow([chain]);
    retired.hand(allocator, this.#host.nowNs());
    // Not waited for: where a memory node is lost too, that ends with a rebuild, which waits for this sweep.
    if (chain.hasEnded) yield* spawn(this.#host.end(chain), 'end of a chain');
  }

  /** By CAS, so that it never goes back behind what a live writer has put there meanwhile. */
  *#moveShortcut({ chain, refs, sequence }: Walk): Program<void> {
    const at = this.layout.shortcutAddressOf(chain.number);
    const words = new Uint8Array(8 * refs.length);
    yield* read(at, words);
    const stands = loadHalf(words, 0);
    if (stands !== 0 && sequenceDistance(areaIn(stands), sequence) <= 0) return;
    const verbs = refs.map((copy, r): Verb<unknown> => {
      const seen = packWord(loadHalf(words, 8 * r + 4), loadHalf(words, 8 * r));
      return cas(at + 8 * r, seen, packWord(highHalfFor(handleOf(copy)), entryLow(copy, sequence)));
    });
    this.bytesMoved += 8 * verbs.length;
    if (this.durability === 'flush') verbs.push(flush(at, 8 * refs.length));
    yield* this.#host.post(verbs, refs);
  }
}

/** One chain, and where the walk along it stands. */
class Walk {
  readonly chain: Chain;
  refs: readonly Reference[];
  sequence: number;
  readonly header: Uint8Array;
  steps = 0;
  links: { readonly old: Reference; readonly refs: Reference[]; readonly sequence: number }[] = [];
  tombstone: Reference = noReference;

  constructor(chain: Chain, replicas: number) {
    this.chain = chain;
    this.refs = chain.refs;
    this.sequence = chain.sequence;
    this.header = new Uint8Array(8 * replicas);
  }

  readHeader(layout: CloverLayout): Verb<void> {
    return read(layout.addressOf(this.refs[0] as Reference), this.header);
  }

  restart(): true {
    this.refs = this.chain.refs;
    this.sequence = this.chain.sequence;
    this.links = [];
    return true;
  }

  /** The chain has ended, which takes that all its links have been reported. */
  abandon(): false {
    this.links = [];
    return false;
  }
}
