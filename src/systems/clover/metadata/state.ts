import { nodeOf } from '../../../core/address.ts';
import type { Durability, NodeContext } from '../../../core/context.ts';
import {
  batch,
  flush,
  type Program,
  reconnect,
  sleep,
  until,
  type Verb,
  VerbError,
  writeWord,
} from '../../../core/effect.ts';
import { packWord } from '../../../core/word.ts';
import type { Site } from '../../system.ts';
import type { CloverConfig } from '../config.ts';
import { CloverLayout } from '../layout.ts';
import { entryLow, handleOf, highHalfFor, noReference, type Reference } from '../pointer.ts';
import { Servers } from '../recovery/servers.ts';
import { restNs } from '../timing.ts';
import { Allocator } from './allocator.ts';
import type { Chain } from './chain.ts';
import { HeadTable } from './head-table.ts';
import { LateVerbs } from './late-verbs.ts';
import { LoadReports } from './load-reports.ts';
import { Members } from './members.ts';
import { Namer } from './namer.ts';

const endRetryNs = 20_000;

/** What happened on a metadata server. */
export class MetadataEvents {
  queriesServed = 0;
  opens = 0;
  removes = 0;
  bufferRequests = 0;
  retireMessages = 0;
  linksAccepted = 0;
  epochs = 0;
  epochsRefused = 0;
  /** Consent without an epoch (`reuse=epochs`). */
  rounds = 0;
  nodesExpelled = 0;
  /** Requests that made no sense, those of lost incarnations, and those that met a lost memory node. */
  malformed = 0;
  refused = 0;
  interrupted = 0;
}

/** The tables of a metadata server, and the only verbs that it posts in normal operation. */
export class MetadataState {
  readonly site: Site;
  readonly config: CloverConfig;
  readonly layout: CloverLayout;
  /** Among metadata servers. */
  readonly index: number;
  readonly members: Members;
  readonly loads: LoadReports;
  readonly events = new MetadataEvents();
  readonly late = new LateVerbs();
  readonly heads: HeadTable;
  /** All metadata servers, this one among them. */
  readonly servers: Servers;
  namer: Namer;
  allocator: Allocator;
  /** How often memory nodes have taken each other's places. */
  placementVersion = 0;
  /** The tables are being rebuilt: what still works on the old ones ends. */
  isRebuilding = false;
  /** Memory nodes that will not come back, spares among them, each with the spare that was named for it. */
  readonly lostMemory = new Map<number, number | undefined>();
  /** Those that have started anew, in order: each handler makes itself new queue pairs. */
  readonly restarts: number[] = [];
  /** Programs that end a chain now. */
  #ending = 0;

  constructor(site: Site, config: CloverConfig, index: number) {
    const { cluster, shape } = site;
    this.site = site;
    this.config = config;
    this.index = index;
    this.layout = new CloverLayout(cluster, shape, config);
    this.members = new Members(cluster.withRole('compute').map((node) => node.id));
    this.servers = new Servers(cluster.withRole('metadata').map((node) => node.id));
    this.loads = new LoadReports(this.layout.buckets);
    this.heads = new HeadTable(site, this.layout, index, this.late);
    this.namer = new Namer(this.layout, index);
    this.allocator = this.newAllocator();
  }

  newAllocator(): Allocator {
    const delayNs = restNs(this.context, this.config);
    return new Allocator(this.layout, this.index, delayNs, (target) => this.isLate(target));
  }

  /** Whether a verb in doubt names this buffer, or may yet fall upon it: it must not be used anew. */
  isLate(target: Reference): boolean {
    const { late, layout } = this;
    if (late.isEmpty) return false;
    return late.names(target) || late.isWrittenAt(layout.addressOf(target));
  }

  /** As long as no memory node has failed, and nothing was rebuilt. */
  remembers(): unknown {
    if (this.isRebuilding || this.placementVersion > 0) return undefined;
    if (this.lostMemory.size + this.restarts.length > 0 || !this.late.isEmpty) return undefined;
    const { members, heads, servers, namer, allocator } = this;
    return [members, heads, servers, namer, allocator, this.#ending];
  }

  get context(): NodeContext {
    return this.site.context;
  }

  get durability(): Durability {
    return this.context.durability;
  }

  nowNs(): number {
    return this.context.nowNs();
  }

  isLostOwner(owner: number): boolean {
    return this.members.isLostOwner(owner);
  }

  /** WRITEs of a shortcut, with a FLUSH behind them in flush mode. */
  shortcutWrites(
    { number }: Pick<Chain, 'number'>,
    refs: readonly Reference[],
    sequence: number,
  ): Verb<unknown>[] {
    const at = this.layout.shortcutAddressOf(number);
    const verbs: Verb<unknown>[] = refs.map((copy, r) =>
      writeWord(
        at + 8 * r,
        copy === noReference ? 0n : packWord(highHalfFor(handleOf(copy)), entryLow(copy, sequence)),
      ),
    );
    if (this.durability === 'flush') verbs.push(flush(at, 8 * refs.length));
    return verbs;
  }

  /** Verbs on shortcuts or headers, with the buffers that the words name or lie in. */
  *post(verbs: readonly Verb<unknown>[], refs: readonly Reference[]): Program<void> {
    try {
      yield* batch(...verbs);
    } finally {
      this.late.note(verbs, refs);
    }
  }

  clearings(chain: Chain): Verb<unknown>[] {
    return this.clearingsAt(chain.number);
  }

  /** Of the shortcut of a chain, or of a slot, which is the number of its first one. */
  clearingsAt(number: number): Verb<unknown>[] {
    const nothing = new Array<Reference>(this.layout.replicas).fill(noReference);
    return this.shortcutWrites({ number }, nothing, 0);
  }

  /**
   * The last of a removed chain, or of one that could not be opened. All its links have arrived, and a
   * compute node reports a link only after its shortcut WRITE, so nobody writes this shortcut any more: it
   * is cleared, and then the tombstone may be recycled and the slot serve another chain. Where a memory
   * node is gone, that waits until it is back, or until a recovery has taken all this over.
   *
   * Once, whoever sees it first: a report, a `remove` and a sweep may each find the chain at its tombstone,
   * and one that is ended twice has its tombstone freed twice. From this call on, and not from the program's
   * first step: one that is spawned may take that step when a rebuild has replaced the tables, and would free
   * in the new ones what they know to be free.
   */
  end(chain: Chain): Program<void> {
    if (chain.isOver || this.namer.chain(chain.number) !== chain) return nothing();
    chain.isOver = true;
    this.#ending++;
    return this.#end(chain, this.namer, this.allocator);
  }

  *#end(chain: Chain, namer: Namer, allocator: Allocator): Program<void> {
    while (!this.isRebuilding && this.namer === namer) {
      try {
        yield* this.post(this.clearings(chain), []);
        yield* this.heads.follow([chain]);
        if (this.namer !== namer) break;
        for (const copy of chain.refs) allocator.retire(copy, this.nowNs());
        namer.forget(chain);
        break;
      } catch (error) {
        if (!(error instanceof VerbError)) throw error;
        this.events.interrupted++;
        yield* reconnect(nodeOf(error.address));
        yield* sleep(endRetryNs);
      }
    }
    this.#ending--;
  }

  /** Until nothing works on the present tables any more. */
  *quiet(): Program<void> {
    this.isRebuilding = true;
    yield* until(() => this.#ending === 0, endRetryNs / 20);
  }

  free(refs: readonly Reference[]): void {
    for (const copy of refs) this.allocator.retire(copy, this.nowNs());
  }
}

function* nothing(): Program<void> {}
