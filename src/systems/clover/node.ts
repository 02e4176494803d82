import type { Address } from '../../core/address.ts';
import type { Parts } from '../../core/context.ts';
import type { Program } from '../../core/effect.ts';
import { assert } from '../../core/errors.ts';
import type { Key } from '../../core/key.ts';
import { type RpcCaller, serve } from '../../core/rpc.ts';
import type { Fault, RecoveryReport } from '../recovery.ts';
import { LateStatistics } from '../statistics.ts';
import type { Site, StoreClient, SystemNode, SystemStatistics } from '../system.ts';
import { CallerPool } from './callers.ts';
import { CloverClient } from './client.ts';
import type { CloverConfig } from './config.ts';
import { Cursor } from './cursor.ts';
import { CursorTable } from './cursor-table.ts';
import { FreeBuffers } from './free-buffers.ts';
import { CloverLayout } from './layout.ts';
import { LoadMeter } from './load-meter.ts';
import {
  entriesAt,
  newKeyRequest,
  operations,
  replyHead,
  requestHead,
  requestPort,
  sequenceAt,
  statuses,
  storeEntry,
} from './messages.ts';
import { noReference, ownerNumber, type Reference } from './pointer.ts';
import { Consent, epochsUnusedMax } from './recovery/consent.ts';
import { Doubts } from './recovery/doubt.ts';
import { Gate } from './recovery/gate.ts';
import { NodeRecovery } from './recovery/node-recovery.ts';
import { givenUp, ignoreLoss, Servers } from './recovery/servers.ts';
import { UnfinishedPuts } from './recovery/unfinished.ts';
import { RetireQueue } from './retire-queue.ts';
import { checkKey } from './sizes.ts';
import { restNs } from './timing.ts';

/** What happened on this node; one object, so that counting costs one store. */
export class CloverEvents {
  cursorMisses = 0;
  queries = 0;
  chainHops = 0;
  shortcutJumps = 0;
  recycledReads = 0;
  slowReads = 0;
  /** Not `casLost`: so the explorer calls each CAS that finds another word, of any program. */
  linksLost = 0;
  heldWaits = 0;
  tombstonesMet = 0;
  epochsAcknowledged = 0;
  malformed = 0;
}

/** One compute node: cursors and free buffers that its clients share, and what runs behind them. */
export class CloverNode implements SystemNode {
  readonly site: Site;
  readonly config: CloverConfig;
  readonly layout: CloverLayout;
  readonly cursors: CursorTable;
  readonly free: FreeBuffers;
  readonly retire: RetireQueue;
  readonly loads: LoadMeter | undefined;
  readonly events = new CloverEvents();
  readonly background: readonly Program<unknown>[];
  /** A client adds to the retire queue without looking at it, which does not look at cursors. */
  readonly looksAt = {
    clients: ['clients', 'common'],
    background: [undefined, ['retire', 'common']],
  };
  readonly statistics: SystemStatistics;
  /** READs that take as long are repeated. */
  readonly reuseDelayNs: number;
  /** A get waits for both READs, meters no load, verifies no checksum, and nothing holds it back. */
  isPlain: boolean;
  readonly #canBePlain: boolean;
  /** Names this node in the headers that it holds; see pointer.ts. */
  readonly owner: number;
  /** Newest epoch heard of, by server. */
  readonly epochs: number[];
  /** Memory nodes where a verb ended unknown: it may take effect at any later time. */
  readonly doubts = new Doubts();
  /** Memory nodes of which it has been told that they will not come back: nothing takes effect there. */
  readonly lostMemory = new Set<number>();
  readonly gate = new Gate();
  /** Nodes that have started anew, in order: each root program makes itself new queue pairs. */
  readonly restarts: number[] = [];
  readonly servers: Servers;
  readonly callers: CallerPool;
  readonly recovery: NodeRecovery;
  readonly unfinished: UnfinishedPuts;
  readonly #clients: CloverClient[] = [];

  constructor(site: Site, config: CloverConfig) {
    const { context, cluster } = site;
    this.site = site;
    this.config = config;
    this.layout = new CloverLayout(cluster, site.shape, config);
    this.cursors = new CursorTable(config.cursorsMax, config.evictBy);
    this.reuseDelayNs = restNs(context, config) ?? Number.POSITIVE_INFINITY;
    this.owner = ownerNumber(context.incarnation);
    this.servers = new Servers(cluster.withRole('metadata').map((node) => node.id));
    this.epochs = new Array<number>(this.servers.count).fill(0);
    const port = context.hub.openPort();
    assert(port.id === requestPort, () => `the epoch port is ${port.id}, not ${requestPort}`);
    const callers = new CallerPool(context);
    this.callers = callers;
    this.recovery = new NodeRecovery(this);
    this.unfinished = new UnfinishedPuts(this);
    this.loads = config.loadBalance === 'load' ? new LoadMeter(this.layout.buckets) : undefined;
    this.#canBePlain =
      config.readWait === 'both' && !config.verifyReads && config.loadBalance === 'round-robin';
    this.isPlain = this.#canBePlain;
    const { servers, gate, doubts } = this;
    this.free = new FreeBuffers(context, config, this.layout, servers, gate, callers, this.loads);
    this.retire = new RetireQueue(context, config, servers, callers, gate, doubts);
    const consent = new Consent(this);
    this.background = [
      serve(context, port, (request) => consent.answer(request)),
      this.retire.sendLeftovers(this.restarts),
      ...(this.loads === undefined
        ? []
        : [this.loads.report(callers.take(), servers, config.loadWindowNs)]),
    ];
    this.statistics = this.#statistics();
  }

  /** Whether a verb of this node may still take effect when nobody reckons with it any more. */
  get isInDoubt(): boolean {
    return (
      this.doubts.size > 0 && [...this.doubts.nodes()].some((node) => !this.lostMemory.has(node))
    );
  }

  openClient(): StoreClient {
    const client = new CloverClient(this);
    this.#clients.push(client);
    return client;
  }

  recover(fault: Fault): Program<RecoveryReport> {
    return this.recovery.recover(fault);
  }

  /** Buffers of this node that are in no chain: free, or set aside because a WRITE may yet fall upon them. */
  *heldBuffers(): Generator<Reference> {
    yield* this.free.held();
    yield* this.unfinished.held();
  }

  *held(): Generator<Address> {
    for (const target of this.heldBuffers()) yield this.layout.addressOf(target);
  }

  /**
   * As long as no pause and no lost verb has left anything behind; nor with settings by which READs go on
   * behind an operation, or loads and the order of finding cursors matter.
   */
  remembers(): Parts | undefined {
    const { cursors, free, retire, gate, unfinished, doubts, loads, config } = this;
    if (gate.closings > 0 || gate.isClosed || !unfinished.isUntouched) return undefined;
    if (doubts.size + this.lostMemory.size + this.restarts.length > 0) return undefined;
    if (loads !== undefined || config.readWait !== 'both' || config.cursorsMax > 0)
      return undefined;
    const { callers, servers, recovery, epochs } = this;
    return {
      clients: [cursors, free, this.#clients, epochs, unfinished.claims],
      retire: [retire, cursors.shortcutSequences, callers],
      common: [servers, recovery],
      work: gate.working,
    };
  }

  get clients(): readonly CloverClient[] {
    return this.#clients;
  }

  serverOf(key: Key): number {
    return key.hash % this.servers.count;
  }

  /** A server begins to rebuild what it knows: nothing new begins here until it has ended. */
  pause(server: number): void {
    this.gate.close(server, this.site.context.nowNs());
    this.isPlain = false;
  }

  resume(server: number): void {
    this.gate.open(server, this.site.context.nowNs());
    this.isPlain = this.#canBePlain && !this.gate.isClosed;
  }

  /** It has been fenced: it can do nothing any more, and its operations say so. */
  giveUp(): void {
    this.gate.closeForEver(givenUp(this.site.context.node));
    this.isPlain = false;
    for (let server = 0; server < this.servers.count; server++) this.forget(server);
  }

  /** Forgets everything that refers to buffers of a server: it counts them all as free but its tails. */
  forget(server: number): void {
    this.cursors.removeUnusedSince(server, Number.POSITIVE_INFINITY);
    this.free.drop(server);
    this.retire.drop(server);
    this.unfinished.drop(server);
  }

  /**
   * The row of the key's cursor, -1 where there is none. One that has gone unused for so long that its
   * buffer may have started again at version 1 is a miss.
   */
  findRow(key: Key): number {
    const { rows } = this.cursors;
    const row = this.cursors.findRow(key);
    if (row >= 0) {
      const unusedEpochs = (this.epochs[rows.server(row)] as number) - rows.epoch(row);
      if (unusedEpochs < epochsUnusedMax) return row;
    }
    this.events.cursorMisses++;
    return -1;
  }

  findCursor(key: Key): Cursor | undefined {
    const row = this.findRow(key);
    return row < 0 ? undefined : this.cursors.at(row);
  }

  /**
   * The key's cursor from its metadata server (1 round trip); undefined where there is no such key.
   * `startedFrom` as for `Cursor.advance`.
   */
  *query(
    key: Key,
    epoch: number,
    caller: RpcCaller,
    startedFrom: Reference = noReference,
  ): Program<Cursor | undefined> {
    this.events.queries++;
    checkKey(this.site.shape, key);
    const server = this.serverOf(key);
    const request = newKeyRequest(operations.query, key, 0, this.site.context.incarnation);
    const reply = yield* this.servers.call(server, request, caller);
    const status = replyHead.field.status.get(reply, 0);
    if (status === statuses.refused) throw givenUp(this.site.context.node);
    const isKnown = status === statuses.ok;
    if (isKnown) this.site.context.charge('update');
    const cursor = isKnown ? this.learn(key, reply, epoch, startedFrom) : undefined;
    if (!isKnown) this.cursors.remove(key);
    caller.release();
    return cursor;
  }

  /** Tells the server that the chain has ended; it does not matter who does, or how often. */
  *remove(key: Key, chain: number, tombstone: Reference, caller: RpcCaller): Program<void> {
    const request = newKeyRequest(operations.remove, key, 8, chain);
    storeEntry(request, requestHead.sizeBytes, tombstone, 0);
    // A successor of a lost server finds the tombstone, and needs not be told.
    yield* ignoreLoss(this.servers.call(this.serverOf(key), request, caller));
    caller.release();
  }

  /** Takes in the chain that a reply describes, and where it stands. */
  learn(key: Key, reply: Uint8Array, epoch: number, startedFrom: Reference): Cursor {
    const chain = replyHead.field.chain.get(reply, 0);
    const refs = entriesAt(reply, replyHead.sizeBytes, this.layout.replicas);
    const sequence = sequenceAt(reply, replyHead.sizeBytes);
    const known = this.cursors.find(key);
    if (known !== undefined && known.chain === chain) {
      known.advance(startedFrom, refs, sequence, epoch, this.layout);
      return known;
    }
    const server = this.serverOf(key);
    const cursor = new Cursor(key, server, chain, refs, sequence, epoch, this.layout);
    this.cursors.add(cursor);
    return cursor;
  }

  #statistics(): SystemStatistics {
    const { events, cursors, free, retire, unfinished, layout } = this;
    return new LateStatistics({
      events() {
        return {
          ...events,
          evictions: cursors.evictions,
          waitedRequests: free.waitedRequests,
          exhaustedWaits: free.exhaustedWaits,
          shortcutWrites: retire.shortcutWrites,
          linksRetired: retire.linksRetired,
          putsFinished: unfinished.finished,
        };
      },
      /** Per cursor: R pointers, the chain's number, epoch, and the key. */
      metadataBytes() {
        return cursors.size * (8 * layout.replicas + 16) + cursors.keyBytes;
      },
    });
  }
}
