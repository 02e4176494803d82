import type { Program } from '../../../core/effect.ts';
import { FarsideError } from '../../../core/errors.ts';
import type { Key } from '../../../core/key.ts';
import type { RpcCaller } from '../../../core/rpc.ts';
import type { RecoveryReport } from '../../recovery.ts';
import { recoveryIn, replyHead, requestPort, statuses } from '../messages.ts';

/** Nobody knows whether what a server was asked for has been done. */
export class LostError extends FarsideError {
  constructor(message: string) {
    super('FARSIDE_TIMEOUT', message);
  }
}

/** What becomes of an insert whose shortcut, or whose entry at a standby, cannot be WRITTEN. */
export function unavailable(key: Key): LostError {
  return new LostError(
    `insert of key ${JSON.stringify(key.text)}: the memory node of its shortcut, or a standby, does ` +
      'not answer, so whether the key exists is unknown',
  );
}

/** What becomes of an insert while another one of the key, which ended like that, is being undone. */
export function reserved(key: Key): FarsideError {
  return new FarsideError(
    'FARSIDE_TIMEOUT',
    `insert of key ${JSON.stringify(key.text)}: an earlier insert could not be completed, and the memory ` +
      'node of its shortcut does not answer yet, so it is not undone; try again later',
  );
}

/** What becomes of the operations of a node that the servers have given up. */
export function givenUp(node: number): LostError {
  return new LostError(
    `node ${node} was silent for so long, or had a verb in doubt when all had to come to rest, that it has ` +
      'been fenced and given up: start it anew',
  );
}

/** Ends without a result where the server that was called is lost. */
export function* ignoreLoss<T>(call: Program<T>): Program<T | undefined> {
  try {
    return yield* call;
  } catch (error) {
    if (error instanceof LostError) return undefined;
    throw error;
  }
}

/** How often a call that has no answer looks whether its server is still there. */
const lookNs = 100_000;

/**
 * The metadata servers of a store, by index, and where each runs now. A call to one that is lost ends
 * with FARSIDE_TIMEOUT (what it asked for may have been done), as does every call until a successor has
 * made itself known; calls are never sent twice, so nothing is done twice.
 */
export class Servers {
  readonly #nodes: number[];
  /** Counts the moves of each server. */
  readonly #moves: number[];
  readonly #isLost: boolean[];
  /** A server's first incarnation is its node. */
  readonly #incarnations: number[];
  /** Incarnations that serve no more, though what they have sent may still arrive. */
  readonly #former = new Set<number>();

  constructor(nodes: readonly number[]) {
    this.#nodes = [...nodes];
    this.#incarnations = [...nodes];
    this.#moves = nodes.map(() => 0);
    this.#isLost = nodes.map(() => false);
  }

  get count(): number {
    return this.#nodes.length;
  }

  remembers(): unknown {
    return [this.#nodes, this.#moves, this.#isLost, this.#incarnations];
  }

  node(server: number): number {
    return this.#nodes[server] as number;
  }

  /** Which server runs on that node; negative where none does. */
  indexOf(node: number): number {
    return this.#nodes.indexOf(node);
  }

  incarnation(server: number): number {
    return this.#incarnations[server] as number;
  }

  isLost(server: number): boolean {
    return this.#isLost[server] as boolean;
  }

  isFormer(incarnation: number): boolean {
    return this.#former.has(incarnation);
  }

  /** Nobody answers there any more: calls under way are given up. */
  lose(server: number): void {
    this.#former.add(this.#incarnations[server] as number);
    this.#isLost[server] = true;
    this.#moves[server] = (this.#moves[server] as number) + 1;
  }

  /**
   * It runs on `node` now, perhaps the same one, started anew, and will serve. Until it does, calls end
   * as before: a report or a walk that is under way would wait for a server that waits for its end.
   */
  move(server: number, node: number, incarnation: number): void {
    this.lose(server);
    this.#nodes[server] = node;
    this.#incarnations[server] = incarnation;
  }

  /** It answers again. */
  serve(server: number): void {
    this.#isLost[server] = false;
  }

  /** Gives the reply, which stays valid until `caller.release()`. */
  *call(server: number, request: Uint8Array, caller: RpcCaller): Program<Uint8Array> {
    const moves = this.#moves[server] as number;
    const isGone = (): boolean =>
      (this.#isLost[server] as boolean) || this.#moves[server] !== moves;
    const node = this.node(server);
    const reply = yield* caller.callUnless(node, requestPort, request, { pollNs: lookNs, isGone });
    if (reply !== undefined) return reply;
    throw new LostError(
      `metadata server ${server} on node ${node} is lost: whether it did what it was asked is unknown`,
    );
  }

  /** A call of which the answer is a report; one that met another fault has to be made again. */
  *askToRecover(server: number, request: Uint8Array, caller: RpcCaller): Program<RecoveryReport> {
    const reply = yield* this.call(server, request, caller);
    const isDone = replyHead.field.status.get(reply, 0) === statuses.ok;
    const report = isDone ? recoveryIn(reply) : undefined;
    caller.release();
    if (report !== undefined) return report;
    throw new LostError(
      `metadata server ${server} on node ${this.node(server)} met another fault during a recovery: ` +
        'it is not done',
    );
  }
}
