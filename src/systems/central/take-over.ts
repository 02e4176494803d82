import { nodeOf } from '../../core/address.ts';
import {
  cas,
  fence,
  flush,
  type Program,
  read,
  reconnect,
  settle,
  type Verb,
  verbStatus,
  writeWord,
} from '../../core/effect.ts';
import { assert } from '../../core/errors.ts';
import { loadWord } from '../../core/word.ts';
import { type Fault, type RecoveryReport, sumOfReports } from '../recovery.ts';
import {
  controlBytes,
  decodeTerm,
  heldBefore,
  pastTermAddress,
  pastTermWord,
  type Term,
  termWord,
} from './control.ts';
import type { Coordinator } from './coordinator.ts';
import type { MapHalf, StoredMap } from './map-format.ts';
import { type Contents, committed, newest, oldestFirst } from './rebuild.ts';
import { type FoundRecord, scan } from './scan.ts';
import { Securing } from './secure.ts';

export type ServerLost = Extract<Fault, { readonly kind: 'serverLost' }>;

const scrubbedAtOnce = 32;
const claimTriesMax = 1000;

/**
 * How a coordinator that starts after another makes itself the only one, and learns what the other
 * knew. It is the same on a standby and on the old one's own node, where the map region may have
 * survived. Nothing is served before it ends.
 *
 * 1. *Claim.* If the lost coordinator held a term before the present one, somebody has taken over from
 *    it already, and this one stands down. Otherwise it holds the present term, or it was to take over
 *    from the one who does and was lost in the middle. Both are fenced everywhere. Then the term words
 *    are changed by CAS, from the first memory node to the last.
 *
 *    - The fence comes before the first CAS. So whoever finds a word that names X knows that all before
 *      X are fenced, even if X died in the middle of its claim. With the CAS first, X could die between
 *      the two; its successor fences X, and the first coordinator, which was only slow, still WRITEs a
 *      put into a buffer that is free by now, and tears another's record.
 *    - The lost one is fenced at the clients, too. Fenced at memory nodes alone, it can still answer what
 *      its map alone knows: after a key was inserted under its successor, it says "no such key".
 *    - The term counts that stands there after the fence. A CAS of the lost one may land between a look
 *      before and the fence: then the term is its own, which no longer matters; who took it for that of
 *      another who is quicker would stand down, and nobody would serve.
 *    - All words, always in one order: of two who try, the first to swap the first word wins, and the
 *      other stops there. If that memory node is lost in between, the slower one may win the second
 *      word, and then the faster one stops at it; both cannot own all that are left.
 *    - A memory node that does not answer is waited for, unless it is known to be lost: it may hold the
 *      only whole record of a put, or a term word that someone else has changed.
 * 2. *Scan* of all buffers of all memory nodes.
 * 3. *Choose.* With a map of its own that is the last holder's, what it names. Otherwise, of each key
 *    the whole record with the highest sequence number: every acknowledged put is found so, and no deleted
 *    key, since nobody says that a key is gone, or that he did nothing, before the records are gone.
 * 4. *Secure*: copies of it that are missing are made anew, or, where its last one is lost meanwhile, another
 *    record is chosen (secure.ts).
 * 5. *Scrub*: every other whole record is made invalid, the oldest of a key first, or a later standby could
 *    take it for a newer one when the key is gone.
 * 6. A map that was chosen from the scan is written down, and requests are served. Not before: the next start
 *    of this node takes what its map names without looking at what else there is, so it must not name a
 *    record that may still be given up for an older one. (A map of its own names only what was acknowledged,
 *    or was made safe by whoever wrote it; it goes on at once, since moves are written into it.)
 */
export class TakeOver {
  protected readonly coordinator: Coordinator;
  readonly #fault: ServerLost;

  constructor(coordinator: Coordinator, fault: ServerLost) {
    this.coordinator = coordinator;
    this.#fault = fault;
  }

  /** Undefined where another one has taken over, or is about to. */
  *run(): Program<RecoveryReport | undefined> {
    const { coordinator } = this;
    const before = yield* this.#claim();
    if (before === undefined) return undefined;
    coordinator.openMembers();
    const map = yield* coordinator.map.stored();
    const stored = map?.incarnation === before.holder ? map : undefined;
    const found = yield* scan(coordinator, this.isWhole);
    const { replicas } = coordinator.site.shape;
    const contents =
      stored === undefined ? newest(found, replicas) : committed(stored, found, replicas);
    contents.adoptInto(coordinator);
    if (stored === undefined) yield* coordinator.map.erase();
    else yield* this.#resumeMap(stored, contents);
    // What a map names is not given up for what it does not name.
    const others = stored === undefined ? found.records : [];
    const secured = yield* this.secure(contents, others);
    const unwanted = contents.unwanted(coordinator);
    yield* this.scrub(unwanted);
    for (const { address } of unwanted) coordinator.copies.release(address);
    if (stored === undefined) yield* this.#writeMap(contents);
    const report = sumOfReports(secured, yield* coordinator.relocation.complete());
    return { ...report, buffersReclaimed: unwanted.length };
  }

  /** A seam: `scan` takes its default for it. */
  protected readonly isWhole: ((record: Uint8Array) => boolean) | undefined = undefined;

  /** Gives the term that ends with this; undefined where it does not. */
  *#claim(): Program<Term | undefined> {
    const { context } = this.coordinator.site;
    yield* this.#learnStates();
    const before = yield* this.#presentTerm();
    if (before === undefined) return undefined;
    for (const lost of new Set([before.holder, this.#fault.incarnation])) {
      if (lost !== context.incarnation) yield* this.fenceOut(lost);
    }
    const ended = yield* this.#presentTerm();
    if (ended === undefined) return undefined;
    // A smaller one: the memory node with the newer word has been lost since. Its holder is fenced, and had
    // not come to the next word; so what ends is the older term.
    const isKnown = ended.number <= before.number || ended.holder === this.#fault.incarnation;
    if (!isKnown) return undefined;
    const number = Math.max(before.number, ended.number) + 1;
    const mine = { number, holder: context.incarnation };
    for (const node of this.coordinator.nodes.ids) {
      if (!(yield* this.claimAt(node, mine))) return undefined;
    }
    this.coordinator.term = mine.number;
    return ended;
  }

  /** Which nodes have joined or left; one try, since one that answers is enough. */
  *#learnStates(): Program<void> {
    const { nodes } = this.coordinator;
    for (const node of nodes.ids) {
      const bytes = new Uint8Array(controlBytes(nodes.ids.length));
      const verb = read(nodes.control(node), bytes);
      yield* settle(verb);
      if (verb.status === verbStatus.ok) {
        nodes.learn(nodes.ids.map((_, index) => loadWord(bytes, 8 + 8 * index)));
      } else yield* reconnect(node);
    }
  }

  /** Undefined where the one who is lost does not hold it, and has held an earlier one. */
  *#presentTerm(): Program<Term | undefined> {
    const { ids } = this.coordinator.nodes;
    for (const node of ids) {
      const block = yield* this.#readControl(node);
      if (block === undefined) continue;
      const term = this.#termIn(block);
      const { incarnation } = this.#fault;
      const isPast = term.holder !== incarnation && heldBefore(block, ids.length, incarnation);
      return isPast ? undefined : term;
    }
    return undefined;
  }

  /** Undefined where the node has left. */
  *#readControl(node: number): Program<Uint8Array | undefined> {
    const { nodes } = this.coordinator;
    const block = new Uint8Array(controlBytes(nodes.ids.length));
    const there = yield* nodes.surely(node, () => [read(nodes.control(node), block)]);
    return there ? block : undefined;
  }

  #termIn(block: Uint8Array): Term {
    const first = this.coordinator.site.cluster.withRole('coordinator')[0]?.id ?? -1;
    return decodeTerm(loadWord(block, 0), first);
  }

  protected *fenceOut(incarnation: number): Program<void> {
    const { nodes, site } = this.coordinator;
    const clients = site.cluster.withRole('compute').map((node) => node.id);
    for (const node of [...nodes.present, ...clients]) {
      yield* fence(node, incarnation);
    }
  }

  /** False where somebody else has this term, or a later one. */
  protected *claimAt(node: number, mine: Term): Program<boolean> {
    const { nodes, site } = this.coordinator;
    const control = nodes.control(node);
    for (let tries = 0; tries < claimTriesMax; tries++) {
      const block = yield* this.#readControl(node);
      if (block === undefined) return true;
      const found = this.#termIn(block);
      if (found.number === mine.number && found.holder === mine.holder) return true;
      if (found.number >= mine.number) return false;
      // First, so that a term that is over is never missing; all who try write the same.
      const past = pastTermAddress(control, nodes.ids.length, found.number);
      yield* nodes.surely(node, () => nodes.durable(writeWord(past, pastTermWord(found))));
      const before = found.number === 0 ? 0n : termWord(found);
      const swap = cas(control, before, termWord(mine));
      const flushes = site.context.durability === 'flush' ? [flush(control, 8)] : [];
      // Read again whatever it says: an outcome that is unknown is known then.
      yield* settle(swap, ...flushes);
      if (swap.status !== verbStatus.ok) yield* reconnect(node);
    }
    return false;
  }

  protected secure(_contents: Contents, others: readonly FoundRecord[]): Program<RecoveryReport> {
    return new Securing(this.coordinator, others).run();
  }

  protected *scrub(unwanted: readonly FoundRecord[]): Program<void> {
    for (const round of oldestFirst(unwanted)) {
      for (const node of this.coordinator.nodes.present) {
        yield* this.#scrubOn(
          node,
          round.filter((record) => nodeOf(record.address) === node),
        );
      }
    }
  }

  *#scrubOn(node: number, records: readonly FoundRecord[]): Program<void> {
    const { nodes, copies } = this.coordinator;
    for (let first = 0; first < records.length; first += scrubbedAtOnce) {
      const some = records.slice(first, first + scrubbedAtOnce);
      const zero = (): Verb<unknown>[] =>
        some.flatMap((record) => nodes.durable(writeWord(record.address, 0n)));
      yield* nodes.surely(node, zero, (verb, postedNs) =>
        copies.doubt(verb.address, postedNs, false),
      );
    }
  }

  *#resumeMap(stored: StoredMap, { sequenceLast }: Contents): Program<void> {
    assert(
      sequenceLast < stored.sequenceLimit,
      () => `record ${sequenceLast} is beyond the map's ${stored.sequenceLimit}`,
      'FARSIDE_CORRUPT',
    );
    yield* this.coordinator.map.resume(stored);
  }

  *#writeMap({ sequenceLast }: Contents): Program<void> {
    const { map, table } = this.coordinator;
    const halves = new Map<number, MapHalf>();
    for (const entry of table.liveEntries()) {
      halves.set(entry, {
        sequence: table.sequence[entry] as number,
        recordBytes: table.recordBytes[entry] as number,
        addresses: table.addresses(entry),
        moves: table.moves[entry] as number,
      });
    }
    yield* map.rewrite(halves, sequenceLast);
  }
}
