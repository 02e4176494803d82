import {
  type Program,
  readWord,
  reconnect,
  sleep,
  spawn,
  until,
  VerbError,
} from '../../../core/effect.ts';
import { RpcCaller } from '../../../core/rpc.ts';
import { loadHalf } from '../../../core/word.ts';
import {
  lostPair,
  newRequest,
  operations,
  pauseBody,
  pausedBody,
  placementsIn,
  replyHead,
  requestHead,
  requestPort,
  resumeBody,
  statuses,
  storePlacements,
} from '../messages.ts';
import { reference } from '../pointer.ts';
import { lookNs } from './members.ts';
import type { MetadataState } from './state.ts';

const pollNs = 1000;
const doubtPollNs = 20_000;
const bodyAt = requestHead.sizeBytes;

/** A memory node that has started anew, or, after its last start, is lost. */
export interface Healed {
  readonly node: number;
  readonly start: number;
}

interface Answer {
  readonly status: number | undefined;
  readonly doubts: readonly number[];
}

/**
 * Brings every compute node to rest, and lets them go on: around what a server can only rebuild while
 * nobody refers to any buffer. A node that does not answer is waited for, until somebody says that it is
 * lost (it is fenced then), or until it has been silent for `silentNs`. One that has verbs in doubt cannot
 * come to rest: they may take effect when its chains and buffers are others'. It is fenced where one of the
 * memory nodes concerned answers; else the doubt may be about one that is lost, which somebody will say.
 */
export class Pausing {
  readonly #state: MetadataState;
  readonly #expel: (node: number, incarnation: number) => Program<unknown>;
  readonly #callers = new Map<number, RpcCaller>();

  constructor(
    state: MetadataState,
    expel: (node: number, incarnation: number) => Program<unknown>,
  ) {
    this.#state = state;
    this.#expel = expel;
  }

  /** `all`: of all servers' buffers. `healed`: at that memory node, verbs to earlier starts are over. */
  *pause(all: boolean, healed: Healed | undefined): Program<void> {
    const request = newRequest(operations.pause, pauseBody.sizeBytes, this.#state.index);
    pauseBody.field.all.set(request, bodyAt, all ? 1 : 0);
    pauseBody.field.incarnation.set(request, bodyAt, this.#state.context.incarnation);
    pauseBody.field.healed.set(request, bodyAt, healed === undefined ? 0 : healed.node + 1);
    pauseBody.field.start.set(request, bodyAt, healed?.start ?? 0);
    yield* this.#ofAll((node) => this.#pauseNode(node, request));
  }

  *resume(): Program<void> {
    const { layout, allocator, index } = this.#state;
    const moreBytes = resumeBody.sizeBytes + 8 * layout.buckets;
    const request = newRequest(operations.resume, moreBytes, index);
    resumeBody.field.epoch.set(request, bodyAt, allocator.epoch);
    resumeBody.field.placementVersion.set(request, bodyAt, this.#state.placementVersion);
    storePlacements(request, bodyAt + resumeBody.sizeBytes, layout);
    yield* this.#ofAll((node) => this.#askUntilGone(node, request));
  }

  /** Says so to a node that has been fenced and may live: its operations wait for the end of a pause. */
  *sayExpelled(node: number, incarnation: number): Program<void> {
    yield* this.#ask(node, newRequest(operations.expel, 0, incarnation), false, () => false);
  }

  /** At all nodes at once, since each takes as long as its longest operation. */
  *#ofAll(program: (node: number) => Program<unknown>): Program<void> {
    let left = 0;
    for (const node of this.#state.members.nodes) {
      left++;
      yield* spawn(
        (function* () {
          yield* program(node);
          left--;
        })(),
        'pause',
      );
    }
    yield* until(() => left === 0, pollNs);
  }

  *#pauseNode(node: number, request: Uint8Array): Program<void> {
    const state = this.#state;
    const sinceNs = state.nowNs();
    for (;;) {
      const incarnation = state.members.incarnationOf(node);
      if (incarnation === undefined) return;
      const isGone = (): boolean => state.members.incarnationOf(node) !== incarnation;
      const { status, doubts } = yield* this.#ask(node, request, true, isGone);
      if (status === statuses.ok) return;
      const { silentNs } = state.config;
      const isTooLong = silentNs > 0 && state.nowNs() - sinceNs >= silentNs;
      const isInDoubt = status === statuses.unavailable;
      if (isTooLong || (isInDoubt && (yield* this.#doesOneAnswer(doubts)))) {
        yield* this.#expel(node, incarnation);
        return;
      }
      if (isInDoubt) yield* sleep(doubtPollNs);
    }
  }

  /** Verbs at nodes known to be lost concern nobody. A node without buckets counts as one that answers. */
  *#doesOneAnswer(nodes: readonly number[]): Program<boolean> {
    const { layout, lostMemory } = this.#state;
    for (const node of nodes) {
      if (lostMemory.has(node)) continue;
      const bucket = layout.places.findIndex((place) => place.node === node);
      if (bucket < 0) return true;
      try {
        yield* readWord(layout.addressOf(reference(layout.handle(bucket, 0, 0), 1)));
        return true;
      } catch (error) {
        if (!(error instanceof VerbError)) throw error;
        yield* reconnect(node);
      }
    }
    return false;
  }

  *#askUntilGone(node: number, request: Uint8Array): Program<void> {
    const isGone = (): boolean => this.#state.members.incarnationOf(node) === undefined;
    while (!isGone()) {
      if ((yield* this.#ask(node, request, false, isGone)).status !== undefined) return;
    }
  }

  /** The status of the answer, undefined where there is none, and where verbs of the node are in doubt. */
  *#ask(
    node: number,
    request: Uint8Array,
    learns: boolean,
    isGone: () => boolean,
  ): Program<Answer> {
    const { context, config } = this.#state;
    const caller = this.#callers.get(node) ?? new RpcCaller(context);
    this.#callers.set(node, caller);
    const dueNs = context.nowNs() + 2 * config.epochNs + 1000 * context.verbBoundNs;
    const isOver = (): boolean => isGone() || context.nowNs() >= dueNs;
    const reply = yield* caller.callUnless(node, requestPort, request, {
      pollNs: lookNs,
      isGone: isOver,
    });
    if (reply === undefined) return { status: undefined, doubts: [] };
    const status = replyHead.field.status.get(reply, 0);
    if (learns && status === statuses.ok) this.#learn(node, reply);
    const count = status === statuses.unavailable ? replyHead.field.count.get(reply, 0) : 0;
    const doubts = Array.from({ length: count }, (_, i) =>
      loadHalf(reply, replyHead.sizeBytes + 8 * i),
    );
    caller.release();
    return { status, doubts };
  }

  /** A server that is new here does not know which memory node has taken whose place. */
  #learn(node: number, reply: Uint8Array): void {
    const state = this.#state;
    const at = replyHead.sizeBytes;
    state.members.admit(node, pausedBody.field.incarnation.get(reply, at));
    const pairsAt = at + pausedBody.sizeBytes + 8 * state.layout.buckets;
    for (let i = 0; i < pausedBody.field.lost.get(reply, at); i++) {
      const pairAt = pairsAt + i * lostPair.sizeBytes;
      if (pairAt + lostPair.sizeBytes > reply.length) break;
      const f = lostPair.field;
      state.members.lose(f.node.get(reply, pairAt), f.incarnation.get(reply, pairAt));
    }
    const version = pausedBody.field.placementVersion.get(reply, at);
    if (version <= state.placementVersion) return;
    const placements = placementsIn(reply, at + pausedBody.sizeBytes, state.layout);
    if (placements === undefined) return;
    state.placementVersion = version;
    for (const [bucket, place] of placements.entries()) state.layout.place(bucket, place);
  }
}
