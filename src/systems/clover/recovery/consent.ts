import { type Program, reconnect, sleep } from '../../../core/effect.ts';
import type { Message } from '../../../core/message.ts';
import { storeHalf } from '../../../core/word.ts';
import {
  lostPair,
  lostToldMax,
  newReply,
  operations,
  pauseBody,
  pausedBody,
  placementsIn,
  replyHead,
  requestHead,
  resumeBody,
  statuses,
  storePlacements,
} from '../messages.ts';
import type { CloverNode } from '../node.ts';

/** A cursor that no operation has validated for that many epochs is a miss. */
export const epochsUnusedMax = 2;
const pollNs = 1000;
const bodyAt = requestHead.sizeBytes;

/**
 * What metadata servers ask of a compute node: to consent to an epoch, to be at rest while a server
 * rebuilds what it knows, and to go on. One request at a time.
 */
export class Consent {
  readonly #node: CloverNode;
  #placementVersion = 0;

  constructor(node: CloverNode) {
    this.#node = node;
  }

  *answer(request: Message): Program<Uint8Array> {
    const { body, from } = request;
    const isWhole = body.length >= bodyAt;
    const operation = isWhole ? requestHead.field.operation.get(body, 0) : 0;
    const number = isWhole ? requestHead.field.number.get(body, 0) : 0;
    const { servers, events } = this.#node;
    if (operation === operations.epoch && servers.indexOf(from) >= 0) {
      return yield* this.#acknowledgeEpoch(servers.indexOf(from), number);
    }
    if (operation === operations.pause && body.length >= bodyAt + pauseBody.sizeBytes) {
      // One that is lost may have asked before it was: it would never let this node go on.
      const isFormer = servers.isFormer(pauseBody.field.incarnation.get(body, bodyAt));
      if (number < servers.count && !isFormer) return yield* this.#pause(number, from, body);
    }
    if (operation === operations.resume && body.length >= bodyAt + resumeBody.sizeBytes) {
      if (servers.indexOf(from) === number) return this.#resume(number, body);
    }
    if (operation === operations.expel && servers.indexOf(from) >= 0) {
      // Not where it was said of a start of this node before this one.
      if (number === this.#node.site.context.incarnation) this.#node.giveUp();
      return newReply(statuses.ok);
    }
    // A server that has lost its place may still ask, and what makes no sense must not end the run.
    events.malformed++;
    return newReply(statuses.refused);
  }

  /**
   * From now on the epoch is this node's; the consent waits until every operation that began before has
   * ended, since it may hold references older than the cursors' limit allows. New operations are not
   * held up. After the wait's bound the answer is no, and the server asks again.
   *
   * A verb of unknown outcome may take effect at any later time: there is no consent while there is one.
   */
  *#acknowledgeEpoch(server: number, epoch: number): Program<Uint8Array> {
    const node = this.#node;
    node.epochs[server] = Math.max(node.epochs[server] as number, epoch);
    const underWay = node.clients
      .filter((client) => client.isBusy)
      .map((client) => ({ client, serial: client.serial }));
    const { context } = node.site;
    const deadlineNs = context.nowNs() + node.config.epochNs;
    while (underWay.some(({ client, serial }) => client.serial === serial)) {
      if (context.nowNs() > deadlineNs) return newReply(statuses.refused);
      yield* sleep(pollNs);
    }
    if (node.isInDoubt) return newReply(statuses.refused);
    node.cursors.removeUnusedSince(server, epoch - epochsUnusedMax + 1);
    node.events.epochsAcknowledged++;
    return newReply(statuses.ok);
  }

  /**
   * A server asks this node to be at rest: no operation under way, no report, no request for buffers, and
   * then to forget cursors, free buffers and unreported links, since the server will count as free
   * whatever it does not find at the end of a chain. An operation that waits for a server that is lost is
   * given up first (Servers.move), or it would wait for the server that waits for it.
   */
  *#pause(server: number, from: number, body: Uint8Array): Program<Uint8Array> {
    const node = this.#node;
    const { servers, doubts } = node;
    const incarnation = pauseBody.field.incarnation.get(body, bodyAt);
    if (servers.incarnation(server) !== incarnation) {
      // What the lost one has closed, this one opens.
      node.resume(servers.node(server));
      servers.move(server, from, incarnation);
      node.restarts.push(from);
      yield* reconnect(from);
    }
    node.pause(from);
    const { context } = node.site;
    const deadlineNs = context.nowNs() + node.config.epochNs;
    while (node.gate.working > 0 || node.clients.some((client) => client.isBusy)) {
      if (context.nowNs() > deadlineNs) return newReply(statuses.refused);
      yield* sleep(pollNs);
    }
    const healed = pauseBody.field.healed.get(body, bodyAt) - 1;
    doubts.end(healed, pauseBody.field.start.get(body, bodyAt));
    if (node.isInDoubt) return this.#describeDoubts();
    if (healed >= 0) node.restarts.push(healed);
    const all = pauseBody.field.all.get(body, bodyAt) === 1;
    for (let s = 0; s < servers.count; s++) if (all || s === server) node.forget(s);
    return this.#describe();
  }

  #describeDoubts(): Uint8Array {
    const { doubts, lostMemory } = this.#node;
    const at = [...doubts.nodes()].filter((node) => !lostMemory.has(node));
    const reply = newReply(statuses.unavailable, at.length);
    for (const [i, node] of at.entries()) storeHalf(reply, replyHead.sizeBytes + 8 * i, node);
    return reply;
  }

  /** Where everything is and who is lost, for a server that is new here. */
  #describe(): Uint8Array {
    const { layout, site, recovery } = this.#node;
    const lost = recovery.lost.slice(-lostToldMax);
    const listBytes = 8 * layout.buckets + lost.length * lostPair.sizeBytes;
    const reply = newReply(statuses.ok, 0, pausedBody.sizeBytes + listBytes);
    const f = pausedBody.field;
    f.incarnation.set(reply, replyHead.sizeBytes, site.context.incarnation);
    f.placementVersion.set(reply, replyHead.sizeBytes, this.#placementVersion);
    f.lost.set(reply, replyHead.sizeBytes, lost.length);
    const at = replyHead.sizeBytes + pausedBody.sizeBytes;
    storePlacements(reply, at, layout);
    for (const [i, { node, incarnation }] of lost.entries()) {
      const pairAt = at + 8 * layout.buckets + i * lostPair.sizeBytes;
      lostPair.field.node.set(reply, pairAt, node);
      lostPair.field.incarnation.set(reply, pairAt, incarnation);
    }
    return reply;
  }

  #resume(server: number, body: Uint8Array): Uint8Array {
    const node = this.#node;
    const f = resumeBody.field;
    const version = f.placementVersion.get(body, bodyAt);
    const placements = placementsIn(body, bodyAt + resumeBody.sizeBytes, node.layout);
    if (placements === undefined) {
      node.events.malformed++;
      return newReply(statuses.refused);
    }
    if (version > this.#placementVersion) {
      this.#placementVersion = version;
      for (const [bucket, place] of placements.entries()) node.layout.place(bucket, place);
    }
    node.epochs[server] = f.epoch.get(body, bodyAt);
    node.servers.serve(server);
    node.resume(node.servers.node(server));
    return newReply(statuses.ok);
  }
}
