import type { Address } from '../../core/address.ts';
import { compute, type Program, sleep } from '../../core/effect.ts';
import { assert } from '../../core/errors.ts';
import type { Key } from '../../core/key.ts';
import type { Message } from '../../core/message.ts';
import { type RpcCaller, serve } from '../../core/rpc.ts';
import type { Fault, RecoveryReport } from '../recovery.ts';
import type { Site, StoreClient, SystemNode, SystemStatistics } from '../system.ts';
import { CallerPool } from './callers.ts';
import { CloverClient } from './client.ts';
import type { CloverConfig } from './config.ts';
import { Cursor, CursorTable } from './cursor-table.ts';
import { FreeBuffers } from './free-buffers.ts';
import { CloverLayout } from './layout.ts';
import { LoadMeter } from './load-meter.ts';
import {
  entriesAt,
  newKeyRequest,
  newReply,
  operations,
  replyHead,
  requestHead,
  requestPort,
  sequenceAt,
  statuses,
} from './messages.ts';
import { noReference, ownerNumber, type Reference } from './pointer.ts';
import { NodeRecovery } from './recovery/node-recovery.ts';
import { RetireQueue } from './retire-queue.ts';
import { restNs } from './timing.ts';

/** A cursor that no operation has validated for that many epochs is a miss. */
const epochsUnusedMax = 2;
const consentPollNs = 1000;

/** What happened on this node; one object, so that counting costs one store. */
export class CloverEvents {
  cursorMisses = 0;
  queries = 0;
  chainHops = 0;
  shortcutJumps = 0;
  recycledReads = 0;
  slowReads = 0;
  casLost = 0;
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
  readonly statistics: SystemStatistics;
  /** READs that take as long are repeated. */
  readonly reuseDelayNs: number;
  /** A get waits for both READs, meters no load and verifies no checksum. */
  readonly isPlain: boolean;
  /** Names this node in the headers that it holds; see pointer.ts. */
  readonly owner: number;
  /** Newest epoch heard of, by server. */
  readonly epochs: number[];
  /** A verb ended unknown: it may take effect at any later time, so no epoch may pass. */
  hasUnknownVerbs = false;
  readonly callers: CallerPool;
  readonly recovery: NodeRecovery;
  readonly #servers: readonly number[];
  readonly #clients: CloverClient[] = [];

  constructor(site: Site, config: CloverConfig) {
    const { context, cluster } = site;
    this.site = site;
    this.config = config;
    this.layout = new CloverLayout(cluster, site.shape, config);
    this.cursors = new CursorTable(config.cursorsMax, config.evictBy);
    this.reuseDelayNs = restNs(context, config) ?? Number.POSITIVE_INFINITY;
    this.owner = ownerNumber(context.incarnation);
    this.#servers = cluster.withRole('metadata').map((node) => node.id);
    this.epochs = this.#servers.map(() => 0);
    const port = context.hub.openPort();
    assert(port.id === requestPort, () => `the epoch port is ${port.id}, not ${requestPort}`);
    const callers = new CallerPool(context);
    this.callers = callers;
    this.recovery = new NodeRecovery(this);
    this.loads = config.loadBalance === 'load' ? new LoadMeter(this.layout.buckets) : undefined;
    this.isPlain =
      config.readWait === 'both' && !config.verifyReads && config.loadBalance === 'round-robin';
    this.free = new FreeBuffers(context, config, this.layout, this.#servers, callers, this.loads);
    this.retire = new RetireQueue(context, config, this.#servers, callers);
    this.background = [
      serve(context, port, (request) => this.#acknowledgeEpoch(request)),
      this.retire.sendLeftovers(),
      ...(this.loads === undefined
        ? []
        : [this.loads.report(callers.take(), this.#servers, config.loadWindowNs)]),
    ];
    this.statistics = this.#statistics();
  }

  openClient(): StoreClient {
    const client = new CloverClient(this);
    this.#clients.push(client);
    return client;
  }

  recover(fault: Fault): Program<RecoveryReport> {
    return this.recovery.recover(fault);
  }

  /** Free buffers of this node. */
  heldBuffers(): Iterable<Reference> {
    return this.free.held();
  }

  *held(): Generator<Address> {
    for (const target of this.heldBuffers()) yield this.layout.addressOf(target);
  }

  /** How many metadata servers there are. */
  get servers(): number {
    return this.#servers.length;
  }

  serverOf(key: Key): number {
    return key.hash % this.#servers.length;
  }

  /** Node id of a server. */
  serverNode(server: number): number {
    return this.#servers[server] as number;
  }

  /**
   * The key's cursor. One that has gone unused for so long that its buffer may have started again at
   * version 1 is a miss.
   */
  findCursor(key: Key): Cursor | undefined {
    const cursor = this.cursors.find(key.text);
    if (
      cursor !== undefined &&
      (this.epochs[cursor.server] as number) - cursor.epoch < epochsUnusedMax
    ) {
      return cursor;
    }
    this.events.cursorMisses++;
    return undefined;
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
    const { keyBytesMax } = this.site.shape;
    assert(
      key.bytes.length <= keyBytesMax,
      () => `a key of ${key.bytes.length} bytes: this store takes at most ${keyBytesMax}`,
      'FARSIDE_KEY',
    );
    const server = this.serverOf(key);
    const reply = yield* caller.call(
      this.serverNode(server),
      requestPort,
      newKeyRequest(operations.query, key, 0, this.site.context.incarnation),
    );
    const isKnown = replyHead.field.status.get(reply, 0) === statuses.ok;
    if (isKnown) yield* compute('update');
    const cursor = isKnown ? this.learn(key, reply, epoch, startedFrom) : undefined;
    if (!isKnown) this.cursors.remove(key.text);
    caller.release();
    return cursor;
  }

  /** Takes in the chain that a reply describes, and where it stands. */
  learn(key: Key, reply: Uint8Array, epoch: number, startedFrom: Reference): Cursor {
    const chain = replyHead.field.chain.get(reply, 0);
    const refs = entriesAt(reply, replyHead.sizeBytes, this.layout.replicas);
    const sequence = sequenceAt(reply, replyHead.sizeBytes);
    const known = this.cursors.find(key.text);
    if (known !== undefined && known.chain === chain) {
      known.advance(startedFrom, refs, sequence, epoch, this.layout);
      return known;
    }
    const server = this.serverOf(key);
    const cursor = new Cursor(key.text, server, chain, refs, sequence, epoch, this.layout);
    this.cursors.add(cursor);
    return cursor;
  }

  /**
   * A server proposes an epoch. From now on it is this node's; the consent waits until every operation
   * that began before has ended, since it may hold references older than the cursors' limit allows.
   * New operations are not held up. After the wait's bound the answer is no, and the server asks again.
   */
  *#acknowledgeEpoch(request: Message): Program<Uint8Array> {
    const server = this.#servers.indexOf(request.from);
    const epoch = requestHead.field.number.get(request.body, 0);
    const isWhole = request.body.length >= requestHead.sizeBytes;
    if (
      server < 0 ||
      !isWhole ||
      requestHead.field.operation.get(request.body, 0) !== operations.epoch
    ) {
      this.events.malformed++;
      return newReply(statuses.refused);
    }
    this.epochs[server] = Math.max(this.epochs[server] as number, epoch);
    const underWay = this.#clients
      .filter((client) => client.isBusy)
      .map((client) => ({ client, serial: client.serial }));
    const deadlineNs = this.site.context.nowNs() + this.config.epochNs;
    while (underWay.some(({ client, serial }) => client.serial === serial)) {
      if (this.site.context.nowNs() > deadlineNs) return newReply(statuses.refused);
      yield* sleep(consentPollNs);
    }
    if (this.hasUnknownVerbs) return newReply(statuses.refused);
    this.cursors.removeUnusedSince(server, epoch - epochsUnusedMax + 1);
    this.events.epochsAcknowledged++;
    return newReply(statuses.ok);
  }

  #statistics(): SystemStatistics {
    const { events, cursors, free, retire, layout } = this;
    return {
      get events() {
        return {
          ...events,
          evictions: cursors.evictions,
          waitedRequests: free.waitedRequests,
          exhaustedWaits: free.exhaustedWaits,
          shortcutWrites: retire.shortcutWrites,
          linksRetired: retire.linksRetired,
        };
      },
      /** Per cursor: R pointers, the chain's number, epoch, and the key. */
      get metadataBytes() {
        return cursors.size * (8 * layout.replicas + 16) + cursors.keyBytes;
      },
    };
  }
}
