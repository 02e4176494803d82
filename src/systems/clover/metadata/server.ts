import {
  batch,
  compute,
  flush,
  type Program,
  spawn,
  type Verb,
  writeWord,
} from '../../../core/effect.ts';
import { assert, FarsideError } from '../../../core/errors.ts';
import type { Message, Port } from '../../../core/message.ts';
import { serve } from '../../../core/rpc.ts';
import { packWord } from '../../../core/word.ts';
import type { Site, SystemServer, SystemStatistics } from '../../system.ts';
import type { CloverConfig } from '../config.ts';
import { CloverLayout } from '../layout.ts';
import {
  entriesAt,
  entryAt,
  keyIn,
  newReply,
  operations,
  replyHead,
  requestHead,
  requestPort,
  retireHead,
  retireRecordBytes,
  sequenceAt,
  statuses,
  storeEntry,
} from '../messages.ts';
import { entryLow, handleOf, highHalfFor, noReference, type Reference } from '../pointer.ts';
import { buffersPerRequest } from '../pools.ts';
import { reuseDelayNs } from '../timing.ts';
import { Allocator } from './allocator.ts';
import { passEpochs } from './epochs.ts';
import { LoadReports } from './load-reports.ts';
import { type Chain, Namer } from './namer.ts';
import { acceptLink, hasEnded } from './retire.ts';

const bodyAt = requestHead.sizeBytes;

/**
 * A metadata server: names and chains of its share of the keys, free lists, retired versions. It never
 * reads data and is on no path of a get or put with a cursor; the only verbs that it posts itself WRITE
 * the shortcut of a chain when it is opened and when it ends.
 *
 * `handlers` programs poll one port. A handler changes tables only between two yields, so they need no
 * locks; what a request costs is charged by `compute` before the change.
 */
export class MetadataServer implements SystemServer {
  readonly programs: readonly Program<unknown>[];
  readonly statistics: SystemStatistics;
  readonly namer: Namer;
  readonly allocator: Allocator;
  readonly #site: Site;
  readonly #config: CloverConfig;
  readonly #layout: CloverLayout;
  readonly #loads: LoadReports;
  readonly #events = {
    queries: 0,
    opens: 0,
    removes: 0,
    bufferRequests: 0,
    retireMessages: 0,
    linksAccepted: 0,
    epochs: 0,
    epochsRefused: 0,
  };

  constructor(site: Site, config: CloverConfig, index: number) {
    const { context, cluster, shape } = site;
    this.#site = site;
    this.#config = config;
    this.#layout = new CloverLayout(cluster, shape, config);
    this.#loads = new LoadReports(this.#layout.buckets);
    this.namer = new Namer(this.#layout, index);
    this.allocator = new Allocator(this.#layout, index, reuseDelayNs(context));
    const port = context.hub.openPort();
    assert(port.id === requestPort, () => `the request port is ${port.id}, not ${requestPort}`);
    const computeNodes = cluster.withRole('compute').map((node) => node.id);
    this.programs = [
      ...Array.from({ length: config.handlers }, () => this.#handle(port)),
      passEpochs(context, this.allocator, computeNodes, config.epochNs, this.#events),
    ];
    this.statistics = this.#statistics();
  }

  #handle(port: Port): Program<never> {
    const { context } = this.#site;
    return serve(
      context,
      port,
      (request) => this.#answer(request),
      function* (request) {
        context.hub.release(request);
      },
    );
  }

  *#answer(request: Message): Program<Uint8Array> {
    const { body } = request;
    const operation = requestHead.field.operation.get(body, 0);
    switch (operation) {
      case operations.query:
        return yield* this.#query(body);
      case operations.open:
        return yield* this.#open(body);
      case operations.remove:
        return yield* this.#remove(body);
      case operations.ask:
        return yield* this.#ask(body);
      case operations.retire:
        return yield* this.#retire(body);
      case operations.report:
        this.#loads.accept(request.from, body);
        return newReply(statuses.ok);
      default:
        throw new FarsideError(
          'FARSIDE_CORRUPT',
          `node ${request.from} asks a metadata server for operation ${operation}`,
        );
    }
  }

  *#query(body: Uint8Array): Program<Uint8Array> {
    this.#events.queries++;
    yield* compute('lookup');
    const chain = this.namer.find(keyIn(body, 0).text);
    return chain === undefined ? newReply(statuses.absent) : this.#describe(statuses.ok, chain);
  }

  #describe(status: number, chain: Chain): Uint8Array {
    const reply = newReply(status, chain.refs.length);
    replyHead.field.chain.set(reply, 0, chain.number);
    for (const [r, copy] of chain.refs.entries()) {
      storeEntry(reply, replyHead.sizeBytes + 8 * r, copy, chain.sequence);
    }
    return reply;
  }

  *#open(body: Uint8Array): Program<Uint8Array> {
    this.#events.opens++;
    const { replicas } = this.#layout;
    yield* compute('lookup');
    yield* compute('update');
    const key = keyIn(body, 8 * replicas);
    const present = this.namer.find(key.text);
    if (present !== undefined) return this.#describe(statuses.exists, present);
    const refs = entriesAt(body, bodyAt, replicas);
    const chain = this.namer.prepare(key.text, key.hash, refs, sequenceAt(body, bodyAt));
    if (chain === undefined) return newReply(statuses.full);
    // Named only after its shortcut is there: a put of the named key would WRITE the shortcut as well,
    // and this WRITE could land after that one and take it back to a version already retired.
    yield* this.#writeShortcut(chain, refs, chain.sequence);
    const winner = this.namer.find(key.text);
    if (winner === undefined) {
      this.namer.name(chain);
      return this.#describe(statuses.ok, chain);
    }
    yield* this.#clearShortcut(chain);
    this.namer.forget(chain);
    return this.#describe(statuses.exists, winner);
  }

  *#writeShortcut(chain: Chain, refs: readonly Reference[], sequence: number): Program<void> {
    const at = this.#layout.shortcutAddressOf(chain.number);
    const verbs: Verb<unknown>[] = refs.map((copy, r) =>
      writeWord(
        at + 8 * r,
        copy === noReference ? 0n : packWord(highHalfFor(handleOf(copy)), entryLow(copy, sequence)),
      ),
    );
    if (this.#site.context.durability === 'flush') verbs.push(flush(at, 8 * refs.length));
    yield* batch(...verbs);
  }

  *#clearShortcut(chain: Chain): Program<void> {
    yield* this.#writeShortcut(chain, new Array<Reference>(chain.refs.length).fill(noReference), 0);
  }

  /** The key's tombstone is linked: from now on the key may be inserted again, as a new chain. */
  *#remove(body: Uint8Array): Program<Uint8Array> {
    this.#events.removes++;
    yield* compute('lookup');
    yield* compute('update');
    const chain = this.namer.chain(requestHead.field.number.get(body, 0));
    if (chain === undefined || chain.tombstone !== noReference) return newReply(statuses.absent);
    assert(
      chain.text === keyIn(body, 8).text,
      () => `chain ${chain.number} belongs to another key`,
      'FARSIDE_CORRUPT',
    );
    this.namer.unname(chain);
    chain.tombstone = entryAt(body, bodyAt);
    if (hasEnded(chain)) yield* spawn(this.#end(chain), 'end of a chain');
    return newReply(statuses.ok);
  }

  /**
   * The last of a removed chain. All its links have arrived, and a compute node reports a link only
   * after its shortcut WRITE, so nobody writes this shortcut any more: it is cleared, or a recovery
   * that starts from shortcuts would find the key again, and then the tombstone may be recycled.
   */
  *#end(chain: Chain): Program<void> {
    yield* this.#clearShortcut(chain);
    for (const copy of chain.refs) this.allocator.retire(copy, this.#site.context.nowNs());
    this.namer.forget(chain);
  }

  *#ask(body: Uint8Array): Program<Uint8Array> {
    this.#events.bufferRequests++;
    const f = requestHead.field;
    const sizeClass = f.sizeClass.get(body, 0);
    const bucket = f.bucket.get(body, 0);
    const asked = buffersPerRequest(this.#config, sizeClass);
    const count = this.#config.loadBalance === 'load' ? this.#loads.scale(bucket, asked) : asked;
    yield* compute('allocate', count);
    const taken = this.allocator.take(bucket, sizeClass, count, this.#site.context.nowNs());
    const reply = newReply(statuses.ok, taken.length);
    for (const [i, target] of taken.entries()) {
      storeEntry(reply, replyHead.sizeBytes + 8 * i, target, 0);
    }
    return reply;
  }

  *#retire(body: Uint8Array): Program<Uint8Array> {
    this.#events.retireMessages++;
    const { replicas } = this.#layout;
    const count = requestHead.field.count.get(body, 0);
    yield* compute('update', 3 * count);
    for (let i = 0; i < count; i++) {
      const at = bodyAt + i * retireRecordBytes(replicas);
      const number = retireHead.field.chain.get(body, at);
      const chain = this.namer.chain(number);
      assert(
        chain !== undefined,
        () => `a link of chain ${number}, which has ended or never began`,
        'FARSIDE_CORRUPT',
      );
      const old = entryAt(body, at + retireHead.field.old.offsetBytes);
      const refs = entriesAt(body, at + retireHead.sizeBytes, replicas);
      const sequence = sequenceAt(body, at + retireHead.sizeBytes);
      const nowNs = this.#site.context.nowNs();
      this.#events.linksAccepted++;
      if (acceptLink(chain, old, refs, sequence, this.allocator, nowNs)) {
        yield* spawn(this.#end(chain), 'end of a chain');
      }
    }
    return newReply(statuses.ok);
  }

  #statistics(): SystemStatistics {
    const { namer, allocator } = this;
    const { replicas } = this.#layout;
    const events = this.#events;
    return {
      get events() {
        return { ...events };
      },
      /** Per key: text, R pointers, shortcut, and the links of both tables. */
      get metadataBytes() {
        return namer.keys * (8 * replicas + 32) + namer.keyBytes;
      },
      get remote() {
        return { dataBytes: allocator.usedBytes, metadataBytes: namer.chains * 8 * replicas };
      },
    };
  }
}
