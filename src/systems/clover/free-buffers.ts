import type { NodeContext } from '../../core/context.ts';
import { type Program, sleep, spawn } from '../../core/effect.ts';
import { FarsideError } from '../../core/errors.ts';
import type { RpcCaller } from '../../core/rpc.ts';
import type { CallerPool } from './callers.ts';
import type { CloverConfig } from './config.ts';
import type { CloverLayout } from './layout.ts';
import type { LoadMeter } from './load-meter.ts';
import { entriesAt, newRequest, operations, replyHead, requestHead, statuses } from './messages.ts';
import { noReference, type Reference } from './pointer.ts';
import { buffersPerRequest, classBytes, sizeClassCount } from './pools.ts';
import type { Gate } from './recovery/gate.ts';
import { givenUp, ignoreLoss, type Servers } from './recovery/servers.ts';
import { reuseDelayNs } from './timing.ts';

const emptyRetryNs = 10_000;

class List {
  readonly free: Reference[] = [];
  /** A background request is under way. */
  asked = false;
}

/**
 * Free buffers that a compute node holds, by metadata server, memory node and class. A version of a key
 * lies in a buffer of the key's own server, since that is the server it will be retired to, and whose
 * epochs guard it.
 *
 * Buffers are asked for in the background when a list is half empty, so that a put meets an empty list
 * only when it outruns the server; then it asks itself, and waits.
 */
export class FreeBuffers {
  /** Requests that an operation had to wait for, and waits because every memory node was out. */
  waitedRequests = 0;
  exhaustedWaits = 0;
  readonly #context: NodeContext;
  readonly #config: CloverConfig;
  readonly #layout: CloverLayout;
  readonly #servers: Servers;
  readonly #gate: Gate;
  readonly #callers: CallerPool;
  readonly #loads: LoadMeter | undefined;
  readonly #lists: List[];
  #turn = 0;

  constructor(
    context: NodeContext,
    config: CloverConfig,
    layout: CloverLayout,
    servers: Servers,
    gate: Gate,
    callers: CallerPool,
    loads: LoadMeter | undefined,
  ) {
    this.#context = context;
    this.#config = config;
    this.#layout = layout;
    this.#servers = servers;
    this.#gate = gate;
    this.#callers = callers;
    this.#loads = loads;
    const count = servers.count * layout.buckets * sizeClassCount;
    this.#lists = Array.from({ length: count }, () => new List());
  }

  /**
   * As `take`, for the usual put: without a program, where the lists have what is needed and none of them
   * gets low. Else false, and nothing has happened.
   */
  takeAtHand(server: number, sizeClass: number, refs: Reference[]): boolean {
    const { buckets } = this.#layout;
    const wanted = refs.length;
    if (this.#gate.isClosed || this.#loads !== undefined || wanted > buckets) return false;
    const ahead = this.#config.requestBuffers === 'ahead';
    const least = ahead ? buffersPerRequest(this.#config, sizeClass) / 2 + 1 : 0;
    const first = this.#turn;
    for (let i = 0; i < wanted; i++) {
      const { free, asked } = this.#list(server, (first + i) % buckets, sizeClass);
      if (free.length === 0 || (!asked && free.length <= least)) return false;
    }
    this.#turn++;
    for (let i = 0; i < wanted; i++) {
      refs[i] = this.#list(server, (first + i) % buckets, sizeClass).free.pop() as Reference;
    }
    return true;
  }

  /**
   * Fills `refs` with one buffer on each of `refs.length` different memory nodes. Without a wait where
   * the lists have them. `renew` makes the queue pairs that a pause may have ended. FARSIDE_CAPACITY
   * where the servers have none for far longer than buffers rest before they are used again.
   */
  *take(
    server: number,
    sizeClass: number,
    refs: Reference[],
    caller: RpcCaller,
    renew: () => Program<void>,
  ): Program<void> {
    let deadlineNs = 0;
    for (;;) {
      // Between two attempts nothing is held, so a pause may come; in the middle of one it waits.
      const gate = this.#gate;
      while (gate.isClosed) {
        yield* gate.pass();
        yield* renew();
      }
      gate.working++;
      try {
        if (yield* this.#takeOnce(server, sizeClass, refs, caller)) return;
      } finally {
        gate.working--;
      }
      const nowNs = this.#context.nowNs();
      if (deadlineNs === 0) deadlineNs = nowNs + this.#patienceNs();
      if (nowNs > deadlineNs) throw exhausted(sizeClass, refs.length, this.#patienceNs());
      this.exhaustedWaits++;
      yield* sleep(emptyRetryNs);
    }
  }

  /** Buffers that were written to or not, but never linked: they keep their version. */
  giveBack(server: number, sizeClass: number, refs: readonly Reference[]): void {
    for (const target of refs) {
      this.#list(server, this.#layout.bucketOf(target), sizeClass).free.push(target);
    }
  }

  /** Forgets what it holds of a server, which has taken it back. */
  drop(server: number): void {
    const perServer = this.#layout.buckets * sizeClassCount;
    const own = this.#lists.slice(server * perServer, (server + 1) * perServer);
    for (const list of own) list.free.length = 0;
  }

  *remembers(): Generator<unknown> {
    yield this.#turn;
    for (const [i, { free, asked }] of this.#lists.entries()) {
      if (asked || free.length > 0) yield [i, asked, free];
    }
  }

  /** All of them. */
  *held(): Generator<Reference> {
    for (const list of this.#lists) yield* list.free;
  }

  /** Bytes of the free buffers that this node holds. */
  heldBytes(): number {
    return this.#lists.reduce(
      (sum, list, i) => sum + list.free.length * classBytes(i % sizeClassCount),
      0,
    );
  }

  *#takeOnce(
    server: number,
    sizeClass: number,
    refs: Reference[],
    caller: RpcCaller,
  ): Program<boolean> {
    const { buckets } = this.#layout;
    let taken = 0;
    const first = this.#turn++;
    const order = this.#loads?.lightestFirst();
    for (let i = 0; i < buckets && taken < refs.length; i++) {
      const bucket = order?.[i] ?? (first + i) % buckets;
      const list = this.#list(server, bucket, sizeClass);
      if (list.free.length === 0) {
        this.waitedRequests++;
        yield* this.#ask(server, bucket, sizeClass, list, caller);
      }
      const target = list.free.pop();
      if (target === undefined) continue;
      refs[taken++] = target;
      const low = buffersPerRequest(this.#config, sizeClass) / 2;
      if (this.#config.requestBuffers === 'ahead' && !list.asked && list.free.length <= low) {
        list.asked = true;
        yield* spawn(this.#askAhead(server, bucket, sizeClass, list), 'free buffers');
      }
    }
    if (taken === refs.length) return true;
    for (let i = 0; i < taken; i++) this.giveBack(server, sizeClass, [refs[i] as Reference]);
    refs.fill(noReference);
    return false;
  }

  *#askAhead(server: number, bucket: number, sizeClass: number, list: List): Program<void> {
    const caller = this.#callers.take();
    try {
      yield* ignoreLoss(this.#gate.work(() => this.#ask(server, bucket, sizeClass, list, caller)));
    } finally {
      list.asked = false;
      this.#callers.giveBack(caller);
    }
  }

  *#ask(
    server: number,
    bucket: number,
    sizeClass: number,
    list: List,
    caller: RpcCaller,
  ): Program<void> {
    const request = newRequest(operations.ask, 0, this.#context.incarnation);
    requestHead.field.sizeClass.set(request, 0, sizeClass);
    requestHead.field.bucket.set(request, 0, bucket);
    const reply = yield* this.#servers.call(server, request, caller);
    if (replyHead.field.status.get(reply, 0) === statuses.refused)
      throw givenUp(this.#context.node);
    const count = replyHead.field.count.get(reply, 0);
    list.free.push(...entriesAt(reply, replyHead.sizeBytes, count));
    caller.release();
  }

  /** Longer than retire batches, reuse delay and three epochs can take together. */
  #patienceNs(): number {
    const { epochNs, retireIntervalNs } = this.#config;
    return 100 * (reuseDelayNs(this.#context) + retireIntervalNs + emptyRetryNs) + 20 * epochNs;
  }

  #list(server: number, bucket: number, sizeClass: number): List {
    return this.#lists[
      (server * this.#layout.buckets + bucket) * sizeClassCount + sizeClass
    ] as List;
  }
}

function exhausted(sizeClass: number, replicas: number, waitedNs: number): FarsideError {
  return new FarsideError(
    'FARSIDE_CAPACITY',
    `no free buffer of ${classBytes(sizeClass)} B on ${replicas} different memory nodes for ` +
      `${waitedNs} ns: raise the memory, keysMax or valueBytesMean`,
  );
}
