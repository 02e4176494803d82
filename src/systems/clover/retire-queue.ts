import { nodeOf } from '../../core/address.ts';
import type { NodeContext } from '../../core/context.ts';
import {
  atRest,
  Batch,
  flush,
  type Program,
  reconnect,
  sleep,
  type Verb,
  VerbError,
  writeWord,
} from '../../core/effect.ts';
import type { RpcCaller } from '../../core/rpc.ts';
import { packWord } from '../../core/word.ts';
import { Renewal } from '../renewal.ts';
import type { CallerPool } from './callers.ts';
import type { CloverConfig } from './config.ts';
import type { Cursor } from './cursor.ts';
import {
  inDoubtMark,
  newRequest,
  operations,
  requestHead,
  retireHead,
  retireRecordBytes,
  storeEntry,
} from './messages.ts';
import { entryLow, handleOf, highHalfFor, type Reference, sequenceDistance } from './pointer.ts';
import type { Doubts } from './recovery/doubt.ts';
import type { Gate } from './recovery/gate.ts';
import { ignoreLoss, LostError, type Servers } from './recovery/servers.ts';

/** Lanes of a server, 2^n: all versions of a chain take the same one, so its updates stay in order. */
const lanes = 4;

/** `old` (primary copy) was superseded by `refs`. */
interface Link {
  readonly cursor: Cursor;
  /** The cursor's: it may be in no cache any more when its link is sent. */
  readonly server: number;
  readonly chain: number;
  readonly old: Reference;
  readonly refs: readonly Reference[];
  readonly sequence: number;
  /** Verbs of this node may yet act upon the buffers of `old`. */
  readonly isInDoubt: boolean;
}

/** Requests by how many links they tell of: the bytes are used again and again, one call at a time. */
class Requests {
  readonly #known: Uint8Array[] = [];

  /** A request of that length, with whatever records it had before. */
  of(links: number, recordBytes: number, incarnation: number): Uint8Array {
    const known = this.#known[links];
    if (known !== undefined) return known;
    const request = newRequest(operations.retire, links * recordBytes, incarnation);
    requestHead.field.count.set(request, 0, links);
    this.#known[links] = request;
    return request;
  }
}

class Lane {
  readonly links: Link[] = [];
  draining = false;
  readonly requests = new Requests();
}

/**
 * What follows a committed put, in the background: WRITE the shortcut, then tell the metadata server
 * which version is superseded, up to 16 at a time.
 *
 * The server hears of a link only after this node's shortcut WRITE for it has completed. So when a
 * chain ends, nobody is still about to write its shortcut.
 */
export class RetireQueue {
  shortcutWrites = 0;
  linksRetired = 0;
  readonly #context: NodeContext;
  readonly #config: CloverConfig;
  readonly #servers: Servers;
  readonly #gate: Gate;
  /** Memory nodes where a WRITE of this queue is in doubt. */
  readonly #doubts: Doubts;
  readonly #callers: CallerPool;
  /** By server. */
  readonly #lanes: readonly (readonly Lane[])[];
  /** Of what is left over. */
  readonly #requests = new Requests();

  constructor(
    context: NodeContext,
    config: CloverConfig,
    servers: Servers,
    callers: CallerPool,
    gate: Gate,
    doubts: Doubts,
  ) {
    this.#context = context;
    this.#config = config;
    this.#servers = servers;
    this.#gate = gate;
    this.#doubts = doubts;
    this.#callers = callers;
    this.#lanes = Array.from({ length: servers.count }, () =>
      Array.from({ length: lanes }, () => new Lane()),
    );
  }

  /** Gives the program to spawn where a batch is now full and nobody is working on it. */
  add(
    cursor: Cursor,
    old: Reference,
    refs: readonly Reference[],
    sequence: number,
    isInDoubt = false,
  ): Program<void> | undefined {
    const { server, chain } = cursor;
    const lane = this.#laneOf(server, chain);
    lane.links.push({ cursor, server, chain, old, refs, sequence, isInDoubt });
    if (lane.draining || lane.links.length < this.#config.retireBatch) return undefined;
    lane.draining = true;
    return this.#drain(server, lane);
  }

  *remembers(): Generator<unknown> {
    for (const { draining, links } of this.#lanes.flat()) {
      yield draining;
      for (const { cursor, chain, old, refs, sequence, isInDoubt } of links) {
        const { shortcutSequence } = cursor;
        yield [chain, shortcutSequence, old, refs, sequence, isInDoubt];
      }
      yield links.length;
    }
  }

  /** Links that the servers have not been told of. */
  get waiting(): number {
    return this.#lanes.reduce((sum, ofServer) => sum + countOf(ofServer), 0);
  }

  /**
   * Background program: sends batches that do not fill up. `restarts`: see CloverNode. All lanes of a server
   * that nobody works on go into one message: at moderate load each has a few links when the time has come,
   * and a message costs both sides more than all that it tells of.
   */
  *sendLeftovers(restarts: readonly number[]): Program<never> {
    const renewal = new Renewal(restarts);
    for (;;) {
      yield* atRest(sleep(this.#config.retireIntervalNs));
      if (renewal.isDue) yield* renewal.run();
      for (const [server, ofServer] of this.#lanes.entries()) {
        const idle = ofServer.filter(({ draining, links }) => !draining && links.length > 0);
        if (idle.length > 0) yield* this.#drainTogether(server, idle);
      }
    }
  }

  /** Forgets the links of a server, which has found them by itself. */
  drop(server: number): void {
    for (const lane of this.#lanes[server] ?? []) lane.links.length = 0;
  }

  /** Without `%`, for which V8 calls `fmod`. */
  #laneOf(server: number, chain: number): Lane {
    return (this.#lanes[server] as readonly Lane[])[chain & (lanes - 1)] as Lane;
  }

  /** Works on a lane, which is the caller's, until it holds less than a batch. */
  *#drain(server: number, lane: Lane): Program<void> {
    const caller = this.#callers.take();
    try {
      while (lane.links.length >= this.#config.retireBatch) {
        if (!(yield* this.#sendOnce(server, [lane], lane.requests, caller))) return;
      }
    } finally {
      lane.draining = false;
      this.#callers.giveBack(caller);
    }
  }

  /** Sends what is there now. Lanes may fill up again while it is under way: whoever adds sees to that. */
  *#drainTogether(server: number, idle: readonly Lane[]): Program<void> {
    const caller = this.#callers.take();
    for (const lane of idle) lane.draining = true;
    try {
      for (let left = countOf(idle); left > 0; left -= this.#config.retireBatch) {
        if (!(yield* this.#sendOnce(server, idle, this.#requests, caller))) return;
      }
    } finally {
      for (const lane of idle) lane.draining = false;
      this.#callers.giveBack(caller);
    }
  }

  /** Whether a batch was sent. */
  *#sendOnce(
    server: number,
    from: readonly Lane[],
    requests: Requests,
    caller: RpcCaller,
  ): Program<boolean> {
    const sending = this.#gate.work(() => this.#send(server, from, requests, caller));
    return (yield* ignoreLoss(sending)) === true;
  }

  /**
   * Sends one batch; false where a memory node or the server does not answer. The links then wait for
   * better times, or for a recovery that finds them in memory and has this queue forget them.
   */
  *#send(
    server: number,
    from: readonly Lane[],
    requests: Requests,
    caller: RpcCaller,
  ): Program<boolean> {
    const links = takeFrom(from, this.#config.retireBatch);
    // Forgotten while the gate was closed.
    if (links.length === 0) return false;
    const newest = newestOf(links);
    const verbs = this.#shortcutWrites(newest);
    this.shortcutWrites += newest.length;
    try {
      if (verbs.length > 0) yield* new Batch(verbs, true);
      for (const { cursor, sequence } of newest) cursor.shortcutSequence = sequence;
      const request = retireRequest(requests, links, this.#context.incarnation);
      yield* this.#servers.call(server, request, caller);
      caller.release();
      this.linksRetired += links.length;
      return true;
    } catch (error) {
      this.#doubts.note(verbs);
      for (const link of links.toReversed()) {
        this.#laneOf(link.server, link.chain).links.unshift(link);
      }
      if (error instanceof VerbError) {
        yield* reconnect(nodeOf(error.address));
        return false;
      }
      if (error instanceof LostError) return false;
      throw error;
    }
  }

  #shortcutWrites(newest: readonly Link[]): Verb<unknown>[] {
    const isFlushed = this.#context.durability === 'flush';
    const verbs: Verb<unknown>[] = [];
    for (const { cursor, refs, sequence } of newest) {
      const { shortcut } = cursor;
      for (let r = 0; r < refs.length; r++) {
        const copy = refs[r] as Reference;
        const word = packWord(highHalfFor(handleOf(copy)), entryLow(copy, sequence));
        verbs.push(writeWord(shortcut + 8 * r, word));
      }
      if (isFlushed) verbs.push(flush(shortcut, 8 * refs.length));
    }
    return verbs;
  }
}

function countOf(from: readonly Lane[]): number {
  return from.reduce((sum, { links }) => sum + links.length, 0);
}

/** The first links of these lanes, each lane's in their order. */
function takeFrom(from: readonly Lane[], most: number): Link[] {
  const taken: Link[] = [];
  for (const { links } of from) taken.push(...links.splice(0, most - taken.length));
  return taken;
}

/**
 * Of each chain its newest version in the batch, where that is later than its shortcut: the one to be
 * WRITTEN there. Programs of this node finish in any order, so newest is decided by sequence: neither the
 * first nor the last in the queue. In the order in which the batch comes to the chains.
 */
function newestOf(links: readonly Link[]): readonly Link[] {
  const newest: Link[] = [];
  for (const link of links) {
    const { cursor, chain, sequence } = link;
    const at = newest.findIndex((other) => other.chain === chain);
    const since = at < 0 ? cursor.shortcutSequence : (newest[at] as Link).sequence;
    if (sequenceDistance(since, sequence) <= 0) continue;
    if (at < 0) newest.push(link);
    else newest[at] = link;
  }
  return newest;
}

function retireRequest(
  requests: Requests,
  links: readonly Link[],
  incarnation: number,
): Uint8Array {
  const recordBytes = retireRecordBytes((links[0] as Link).refs.length);
  const request = requests.of(links.length, recordBytes, incarnation);
  let at = requestHead.sizeBytes;
  for (const { chain, old, refs, sequence, isInDoubt } of links) {
    retireHead.field.chain.set(request, at, chain);
    storeEntry(request, at + retireHead.field.old.offsetBytes, old, isInDoubt ? inDoubtMark : 0);
    for (let r = 0; r < refs.length; r++) {
      const copyAt = at + retireHead.sizeBytes + 8 * r;
      storeEntry(request, copyAt, refs[r] as Reference, sequence);
    }
    at += recordBytes;
  }
  return request;
}
