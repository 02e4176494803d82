import { nodeOf } from '../../../core/address.ts';
import { compute, type Program, reconnect, spawn, until, VerbError } from '../../../core/effect.ts';
import { assert, FarsideError } from '../../../core/errors.ts';
import type { Message } from '../../../core/message.ts';
import {
  bufferAt,
  buffersAt,
  buffersInto,
  inDoubtMark,
  keyIn,
  newReply,
  operationIn,
  operations,
  replyHead,
  requestHead,
  retireHead,
  retireRecordBytes,
  sequenceAt,
  statuses,
  storeEntry,
} from '../messages.ts';
import { noReference, type Reference } from '../pointer.ts';
import { buffersPerRequest, sizeClassCount } from '../pools.ts';
import type { Chain } from './chain.ts';
import { acceptLink, RetiredBuffers } from './retire.ts';
import type { MetadataState } from './state.ts';

const bodyAt = requestHead.sizeBytes;
const openPollNs = 500;

/**
 * What compute nodes ask of a metadata server. A handler changes tables only between two yields, so they
 * need no locks; what a request costs is charged by `compute` before the change.
 */
export class Requests {
  readonly #state: MetadataState;
  /** Keys that are being opened, and (false) those of which an opening has failed. */
  readonly #opening = new Map<string, boolean>();
  /** Of the link that is being taken in. */
  readonly #refs: Reference[];

  constructor(state: MetadataState) {
    this.#state = state;
    this.#refs = new Array<Reference>(state.layout.replicas).fill(noReference);
  }

  remembers(): unknown {
    return this.#opening;
  }

  /** Throws at once where the request makes no sense: no generator between the handler and the work. */
  perform(request: Message): Program<Uint8Array> {
    const { body } = request;
    const operation = operationIn(body, this.#state.layout.replicas);
    switch (operation) {
      case operations.query:
        return this.#query(request);
      case operations.open:
        return this.#open(request);
      case operations.remove:
        return this.#remove(body);
      case operations.ask:
        return this.#ask(request);
      case operations.retire:
        return this.#retire(request);
      case operations.report:
        return this.#report(request);
      default:
        throw new FarsideError(
          'FARSIDE_CORRUPT',
          `node ${request.from} asks a metadata server for operation ${operation}`,
        );
    }
  }

  *#report({ from, body }: Message): Program<Uint8Array> {
    this.#state.loads.accept(from, body);
    return newReply(statuses.ok);
  }

  /** Asked anew after every yield that comes before a change. */
  #isRefused({ from, body }: Message): boolean {
    const isRefused = !this.#state.members.admit(from, requestHead.field.number.get(body, 0));
    if (isRefused) this.#state.events.refused++;
    return isRefused;
  }

  *#query(request: Message): Program<Uint8Array> {
    const { body } = request;
    this.#state.events.queriesServed++;
    yield* compute('lookup');
    if (this.#isRefused(request)) return newReply(statuses.refused);
    const chain = this.#state.namer.find(keyIn(body, 0).text);
    return chain === undefined ? newReply(statuses.absent) : this.#describe(statuses.ok, chain);
  }

  #describe(status: number, chain: Chain): Uint8Array {
    const { number, refs, sequence } = chain;
    const reply = newReply(status, refs.length);
    replyHead.field.chain.set(reply, 0, number);
    for (const [r, copy] of refs.entries()) {
      storeEntry(reply, replyHead.sizeBytes + 8 * r, copy, sequence);
    }
    return reply;
  }

  *#open(request: Message): Program<Uint8Array> {
    const { body } = request;
    this.#state.events.opens++;
    const { replicas } = this.#state.layout;
    yield* compute('lookup');
    yield* compute('update');
    const key = keyIn(body, 8 * replicas);
    const refs = buffersAt(body, bodyAt, replicas, this.#state.layout);
    // One after another: of two chains with one key, a successor could not tell which one was named.
    if (this.#opening.get(key.text) === true) {
      yield* until(() => this.#opening.get(key.text) !== true, openPollNs);
    }
    if (this.#isRefused(request)) return newReply(statuses.refused);
    if (this.#opening.has(key.text)) return newReply(statuses.reserved);
    const { namer, allocator } = this.#state;
    const present = namer.find(key.text);
    if (present !== undefined) return this.#describe(statuses.exists, present);
    const chain = namer.prepare(key.text, key.hash, refs, sequenceAt(body, bodyAt));
    if (chain === undefined) return newReply(statuses.full);
    allocator.settleLeases(refs);
    this.#opening.set(key.text, true);
    // Named only after its shortcut is there: a put of the named key would WRITE the shortcut as well,
    // and this WRITE could land after that one and take it back to a version already retired.
    const isStored = yield* this.#storeNew(chain);
    if (isStored && this.#state.namer === namer) {
      this.#opening.delete(key.text);
      namer.name(chain);
      return this.#describe(statuses.ok, chain);
    }
    // The key stays reserved until what may have been WRITTEN of the chain is gone.
    this.#opening.set(key.text, false);
    yield* spawn(this.#abandon(chain, this.#state.end(chain)), 'an opening that failed');
    return newReply(statuses.unavailable);
  }

  /** The chain's shortcut and its entry in the table of heads, in one round trip. */
  *#storeNew(chain: Chain): Program<boolean> {
    const state = this.#state;
    const writes = state.shortcutWrites(chain, chain.refs, chain.sequence);
    try {
      yield* state.heads.store([chain], writes);
      return true;
    } catch (error) {
      if (!(error instanceof VerbError)) throw error;
      state.events.interrupted++;
      state.late.note(writes, chain.refs);
      yield* reconnect(nodeOf(error.address));
      return false;
    }
  }

  *#abandon(chain: Chain, end: Program<void>): Program<void> {
    yield* end;
    this.#opening.delete(chain.text);
  }

  /** The key's tombstone is linked: from now on the key may be inserted again, as a new chain. */
  *#remove(body: Uint8Array): Program<Uint8Array> {
    this.#state.events.removes++;
    yield* compute('lookup');
    yield* compute('update');
    const chain = this.#state.namer.chain(requestHead.field.number.get(body, 0));
    if (chain === undefined || chain.tombstone !== noReference) return newReply(statuses.absent);
    const tombstone = bufferAt(body, bodyAt, this.#state.layout);
    assert(
      chain.text === keyIn(body, 8).text,
      () => `chain ${chain.number} belongs to another key`,
      'FARSIDE_CORRUPT',
    );
    this.#state.namer.unname(chain);
    chain.tombstone = tombstone;
    if (chain.hasEnded) yield* spawn(this.#state.end(chain), 'end of a chain');
    return newReply(statuses.ok);
  }

  *#ask(request: Message): Program<Uint8Array> {
    const { body } = request;
    this.#state.events.bufferRequests++;
    const f = requestHead.field;
    const sizeClass = f.sizeClass.get(body, 0);
    const bucket = f.bucket.get(body, 0);
    assert(
      sizeClass < sizeClassCount && bucket < this.#state.layout.buckets,
      () => `class ${sizeClass} of memory node ${bucket} is asked for`,
      'FARSIDE_CORRUPT',
    );
    const asked = buffersPerRequest(this.#state.config, sizeClass);
    const count =
      this.#state.config.loadBalance === 'load' ? this.#state.loads.scale(bucket, asked) : asked;
    yield* compute('allocate', count);
    if (this.#isRefused(request)) return newReply(statuses.refused);
    const nowNs = this.#state.nowNs();
    const incarnation = f.number.get(body, 0);
    const taken = this.#state.allocator.take(bucket, sizeClass, count, nowNs, incarnation);
    const reply = newReply(statuses.ok, taken.length);
    for (const [i, target] of taken.entries()) {
      storeEntry(reply, replyHead.sizeBytes + 8 * i, target, 0);
    }
    return reply;
  }

  *#retire(request: Message): Program<Uint8Array> {
    const { body } = request;
    this.#state.events.retireMessages++;
    const count = requestHead.field.count.get(body, 0);
    yield* compute('update', 3 * count);
    if (this.#isRefused(request)) return newReply(statuses.refused);
    const { heads, allocator, namer } = this.#state;
    const retired = new RetiredBuffers();
    const moved: number[] = [];
    let ended: Chain[] | undefined;
    const recordBytes = retireRecordBytes(this.#state.layout.replicas);
    for (let i = 0; i < count; i++) {
      const row = this.#acceptRecord(body, bodyAt + i * recordBytes, retired);
      if (row < 0) continue;
      moved.push(row);
      if (namer.rows.hasEnded(row)) (ended ??= []).push(namer.chainAt(row));
    }
    if (moved.length > 0) {
      for (const row of moved) heads.noteMove(namer.rows, row);
      // What the table of heads still names must not be handed out again.
      yield* heads.follow();
      retired.hand(allocator, this.#state.nowNs());
    }
    for (const chain of ended ?? []) yield* spawn(this.#state.end(chain), 'end of a chain');
    return newReply(statuses.ok);
  }

  /** Gives the row of the chain that has moved by it; -1 where none has. */
  #acceptRecord(body: Uint8Array, at: number, retired: RetiredBuffers): number {
    const { layout, namer, allocator, events } = this.#state;
    const refs = this.#refs;
    buffersInto(refs, body, at + retireHead.sizeBytes, layout);
    // Without a lease, somebody has told of this version before: a recovery in the writer's place.
    if (allocator.lesseeOf(refs[0] as Reference) === undefined) return -1;
    const number = retireHead.field.chain.get(body, at);
    const row = namer.rowOf(number);
    assert(
      row >= 0,
      () => `a link of chain ${number}, which has ended or never began`,
      'FARSIDE_CORRUPT',
    );
    const oldAt = at + retireHead.field.old.offsetBytes;
    const old = bufferAt(body, oldAt, layout);
    const isInDoubt = sequenceAt(body, oldAt) === inDoubtMark;
    const sequence = sequenceAt(body, at + retireHead.sizeBytes);
    events.linksAccepted++;
    allocator.settleLeases(refs);
    const nowNs = this.#state.nowNs();
    const hasMoved = acceptLink(namer.rows, row, old, refs, sequence, retired, nowNs, isInDoubt);
    return hasMoved ? row : -1;
  }
}
