import type { Durability, NodeContext } from '../../../core/context.ts';
import {
  batch,
  flush,
  type Program,
  type Verb,
  VerbError,
  writeWord,
} from '../../../core/effect.ts';
import { packWord } from '../../../core/word.ts';
import type { Site } from '../../system.ts';
import type { CloverConfig } from '../config.ts';
import { CloverLayout } from '../layout.ts';
import { entryLow, handleOf, highHalfFor, noReference, type Reference } from '../pointer.ts';
import { restNs } from '../timing.ts';
import { Allocator } from './allocator.ts';
import { LoadReports } from './load-reports.ts';
import { Members } from './members.ts';
import { type Chain, Namer } from './namer.ts';

/** What happened on a metadata server. */
export class MetadataEvents {
  queries = 0;
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
  namer: Namer;
  allocator: Allocator;

  constructor(site: Site, config: CloverConfig, index: number) {
    const { cluster, shape } = site;
    this.site = site;
    this.config = config;
    this.index = index;
    this.layout = new CloverLayout(cluster, shape, config);
    this.members = new Members(cluster.withRole('compute').map((node) => node.id));
    this.loads = new LoadReports(this.layout.buckets);
    this.namer = new Namer(this.layout, index);
    this.allocator = this.newAllocator();
  }

  newAllocator(): Allocator {
    return new Allocator(this.layout, this.index, restNs(this.context, this.config));
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

  *writeShortcut(chain: Chain, refs: readonly Reference[], sequence: number): Program<void> {
    const at = this.layout.shortcutAddressOf(chain.number);
    const verbs: Verb<unknown>[] = refs.map((copy, r) =>
      writeWord(
        at + 8 * r,
        copy === noReference ? 0n : packWord(highHalfFor(handleOf(copy)), entryLow(copy, sequence)),
      ),
    );
    if (this.durability === 'flush') verbs.push(flush(at, 8 * refs.length));
    yield* batch(...verbs);
  }

  *clearShortcut(chain: Chain): Program<void> {
    yield* this.writeShortcut(chain, new Array<Reference>(chain.refs.length).fill(noReference), 0);
  }

  /**
   * The last of a removed chain. All its links have arrived, and a compute node reports a link only
   * after its shortcut WRITE, so nobody writes this shortcut any more: it is cleared, or a recovery
   * that starts from shortcuts would find the key again, and then the tombstone may be recycled. Where
   * the memory node is gone, the chain stays; who makes that node whole ends it.
   */
  *end(chain: Chain): Program<void> {
    const { namer } = this;
    try {
      yield* this.clearShortcut(chain);
    } catch (error) {
      if (!(error instanceof VerbError)) throw error;
      this.events.interrupted++;
      return;
    }
    if (this.namer !== namer) return;
    this.free(chain.refs);
    namer.forget(chain);
  }

  free(refs: readonly Reference[]): void {
    for (const copy of refs) this.allocator.retire(copy, this.nowNs());
  }
}
