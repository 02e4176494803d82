import type { NodeContext } from '../../../core/context.ts';
import { type Program, sleep } from '../../../core/effect.ts';
import { RpcCaller } from '../../../core/rpc.ts';
import type { CloverConfig } from '../config.ts';
import { newRequest, operations, replyHead, requestPort, statuses } from '../messages.ts';
import type { Allocator } from './allocator.ts';
import { lookNs, type Members } from './members.ts';

/** What passing epochs needs of its metadata server. */
export interface EpochHost {
  readonly context: NodeContext;
  readonly config: CloverConfig;
  readonly allocator: Allocator;
  readonly members: Members;
  readonly events: { epochs: number; epochsRefused: number; rounds: number; nodesExpelled: number };
}

/**
 * Lets epochs pass while buffers wait for them.
 *
 * The server proposes epoch e + 1 to every compute node; a node answers ok once none of its
 * operations began before it heard of it, and treats cursors unused for two epochs as misses. Only when
 * all have answered ok does the epoch pass. Passing without one that is silent (crashed, cut off or just
 * slow) would let versions start again at 1 under it: a CAS of its that has been in flight all the time
 * could then match a buffer that has come round to the same version for another key. So a silent node
 * holds epochs up until it is fenced: because somebody says that it is lost, or, with `silentNs`, because
 * this server has waited that long and fences it itself. To forget it without fencing would do nothing
 * about its CAS.
 *
 * With `reuse=epochs` every buffer waits for such consent before it is used again, and time plays no
 * part: a *round* asks for the same consent without a new epoch, so that it costs no cursor its life.
 *
 * Nothing waits for this program except allocation of a pool whose buffers have all run out, and
 * operations allocate before they take any reference, so the wait cannot close a circle.
 *
 * `expel` fences a compute node that has not consented for too long, and recovers what it leaves.
 */
export function* passEpochs(
  host: EpochHost,
  expel: (node: number, incarnation: number) => Program<unknown>,
): Program<never> {
  const { context, config, members, events } = host;
  const caller = new RpcCaller(context);
  const byRounds = config.reuse === 'epochs';
  const silence = new Silence(config.silentNs);
  let epochDueNs = context.nowNs() + config.epochNs;
  const nap = sleep(byRounds ? config.roundNs : config.epochNs);
  for (;;) {
    yield* nap;
    const nowNs = context.nowNs();
    const { allocator } = host;
    allocator.settle(nowNs);
    const isEpoch = allocator.overflowing > 0 && nowNs >= epochDueNs;
    if (!isEpoch && !(byRounds && allocator.resting > 0)) continue;
    const proposed = allocator.epoch + (isEpoch ? 1 : 0);
    const round = allocator.beginRound();
    const timeoutNs = config.epochNs + 1000 * context.verbBoundNs;
    const silent = yield* firstSilent(host, caller, proposed, timeoutNs);
    if (silent === undefined) {
      silence.end();
      allocator.endRound(round);
      events.rounds++;
      if (!isEpoch) continue;
      allocator.enter(proposed);
      events.epochs++;
      epochDueNs = nowNs + config.epochNs;
      continue;
    }
    events.epochsRefused++;
    const incarnation = members.incarnationOf(silent);
    if (incarnation === undefined || !silence.isTooLong(incarnation, context.nowNs())) continue;
    events.nodesExpelled++;
    yield* expel(silent, incarnation);
  }
}

/**
 * Asks one after another; gives the first node that does not consent. One that is declared lost is waited for
 * no longer, since nobody needs its consent any more: its recovery may be waiting for what this holds up.
 */
function* firstSilent(
  { context, members }: EpochHost,
  caller: RpcCaller,
  epoch: number,
  timeoutNs: number,
): Program<number | undefined> {
  for (const node of members.nodes) {
    const dueNs = context.nowNs() + timeoutNs;
    for (let consents = false; !consents; ) {
      // Another start of the node is asked anew: it owes a consent of its own.
      const incarnation = members.incarnationOf(node);
      if (incarnation === undefined) break;
      const isGone = (): boolean => members.incarnationOf(node) !== incarnation;
      const isOver = (): boolean => isGone() || context.nowNs() >= dueNs;
      const request = newRequest(operations.epoch, 0, epoch);
      const reply = yield* caller.callUnless(node, requestPort, request, {
        pollNs: lookNs,
        isGone: isOver,
      });
      consents = reply !== undefined && replyHead.field.status.get(reply, 0) === statuses.ok;
      caller.release();
      if (!consents && !isGone()) return node;
    }
  }
  return undefined;
}

/** For how long the same incarnation has now held up what the server proposes. */
class Silence {
  readonly #boundNs: number;
  #incarnation = -1;
  #sinceNs = 0;

  constructor(boundNs: number) {
    this.#boundNs = boundNs;
  }

  end(): void {
    this.#incarnation = -1;
  }

  isTooLong(incarnation: number, nowNs: number): boolean {
    if (incarnation !== this.#incarnation) {
      this.#incarnation = incarnation;
      this.#sinceNs = nowNs;
    }
    return this.#boundNs > 0 && nowNs - this.#sinceNs >= this.#boundNs;
  }
}
