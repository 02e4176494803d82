import { type Address, nodeOf } from '../../core/address.ts';
import {
  flush,
  type Program,
  reconnect,
  settle,
  sleep,
  type Verb,
  verbStatus,
  writeWord,
} from '../../core/effect.ts';
import { FarsideError } from '../../core/errors.ts';
import type { Site } from '../system.ts';
import { membership, stateAddress } from './control.ts';
import { controlRegionName } from './settings.ts';

/**
 * `down`: it does not answer, or its content is being checked; it may come back. `left`: it does not
 * belong to the store, for good. A spare is one that does not belong to it yet.
 */
export type NodeStatus = 'serving' | 'down' | 'spare' | 'left';

/** Pauses between attempts at what a memory node does not let happen now; all together, about a minute. */
export const patience = { firstNs: 2000, lastNs: 200_000, roundsMax: 300_000 } as const;

/** Which memory nodes there are, and what the coordinator knows of each. */
export class MemoryNodes {
  readonly ids: readonly number[];
  /** Those that have started anew, in the order in which the coordinator was told. */
  readonly restarts: number[] = [];
  readonly #status = new Map<number, NodeStatus>();
  readonly #site: Site;

  constructor(site: Site) {
    this.#site = site;
    this.ids = site.cluster.withRole('memory').map((node) => node.id);
    for (const [index, id] of this.ids.entries()) {
      this.#status.set(id, index < site.shape.memoryNodes ? 'serving' : 'spare');
    }
  }

  /** No node has been down, started anew, or taken another's place. */
  get isUntouched(): boolean {
    const { memoryNodes } = this.#site.shape;
    const isAsBefore = (id: number, index: number): boolean =>
      this.status(id) === (index < memoryNodes ? 'serving' : 'spare');
    return this.restarts.length === 0 && this.ids.every(isAsBefore);
  }

  status(node: number): NodeStatus {
    return this.#status.get(node) as NodeStatus;
  }

  set(node: number, status: NodeStatus): void {
    this.#status.set(node, status);
  }

  /** Those that have a control block to be kept: all but those that have left. */
  get present(): readonly number[] {
    return this.ids.filter((id) => this.status(id) !== 'left');
  }

  /** Those that belong to the store, whether they answer or not. */
  get members(): readonly number[] {
    return this.ids.filter((id) => this.status(id) === 'serving' || this.status(id) === 'down');
  }

  get anyDown(): boolean {
    return this.ids.some((id) => this.status(id) === 'down');
  }

  /** Whether a copy with that address lies nowhere, or on a node that has left. */
  isGone(copy: Address): boolean {
    return copy === 0 || this.status(nodeOf(copy)) === 'left';
  }

  control(node: number): Address {
    return this.#site.cluster.region(node, controlRegionName).address;
  }

  /** The states that a control block tells; a word that was never written changes nothing. */
  learn(words: readonly bigint[]): void {
    for (const [index, id] of this.ids.entries()) {
      const state = Number(words[index]);
      if (state === membership.left) this.set(id, 'left');
      else if (state === membership.member && this.status(id) === 'spare') this.set(id, 'serving');
    }
  }

  /** Writes down, on every memory node that is present, that `node` is a member now or has left. */
  *mark(node: number, state: 1 | 2): Program<void> {
    const index = this.ids.indexOf(node);
    for (const id of this.present) {
      const at = stateAddress(this.control(id), index);
      yield* this.surely(id, () => this.durable(writeWord(at, BigInt(state))));
    }
  }

  /** The state words, as this coordinator knows them. */
  states(): bigint[] {
    return this.ids.map((id) => {
      const status = this.status(id);
      if (status === 'left') return BigInt(membership.left);
      return BigInt(status === 'spare' ? membership.initial : membership.member);
    });
  }

  /** A WRITE, and in `flush` durability what makes it durable. */
  durable(verb: Verb<unknown>): Verb<unknown>[] {
    if (this.#site.context.durability !== 'flush') return [verb];
    return [verb, flush(verb.address, verb.lengthBytes)];
  }

  /**
   * Posts verbs for one node, made anew each time, until all have ended ok; false where the node has
   * left meanwhile. They must be such that it does no harm if one of them takes effect twice, now or at any
   * later time; or `inDoubt` sees to that, which is told of each that ended unknown.
   */
  *surely(
    node: number,
    make: () => readonly Verb<unknown>[],
    inDoubt?: (verb: Verb<unknown>, postedNs: number) => void,
  ): Program<boolean> {
    let waitNs: number = patience.firstNs;
    for (let round = 0; round < patience.roundsMax; round++) {
      if (this.status(node) === 'left') return false;
      const verbs = make();
      const postedNs = this.#site.context.nowNs();
      yield* settle(...verbs);
      for (const verb of verbs) if (verb.status === verbStatus.unknown) inDoubt?.(verb, postedNs);
      if (verbs.every((verb) => verb.status === verbStatus.ok)) return true;
      yield* sleep(waitNs);
      waitNs = Math.min(2 * waitNs, patience.lastNs);
      yield* reconnect(node);
    }
    throw new FarsideError('FARSIDE_TIMEOUT', `memory node ${node} does not answer`);
  }
}
