import { ownerNumber } from '../pointer.ts';

/** How often it is asked whether a compute node that owes an answer has been lost. */
export const lookNs = 50_000;

/**
 * Which compute nodes a metadata server reckons with, and by which incarnation. A lost incarnation is
 * refused everything from the moment the server hears of it, so a request of its that lies in a mailbox
 * still, or in the network, changes nothing after recovery has looked: an `ask` would leak the buffers
 * that it is given, an `open` would name a key by buffers that have just been reclaimed.
 */
export class Members {
  readonly #incarnations = new Map<number, number>();
  readonly #lost = new Set<number>();
  readonly #lostOwners = new Set<number>();

  constructor(computeNodes: readonly number[]) {
    // A node's first incarnation is its id. A later one makes itself known by its first request.
    for (const node of computeNodes) this.#incarnations.set(node, node);
  }

  remembers(): unknown {
    return [this.#incarnations, this.#lost];
  }

  /** Nodes whose consent an epoch needs. */
  get nodes(): readonly number[] {
    return [...this.#incarnations.keys()];
  }

  incarnationOf(node: number): number | undefined {
    return this.#incarnations.get(node);
  }

  /** A request of that incarnation has come; false where it must be refused. */
  admit(node: number, incarnation: number): boolean {
    if (this.#lost.has(incarnation)) return false;
    this.#incarnations.set(node, incarnation);
    return true;
  }

  lose(node: number, incarnation: number): void {
    this.#lost.add(incarnation);
    this.#lostOwners.add(ownerNumber(incarnation));
    if (this.#incarnations.get(node) === incarnation) this.#incarnations.delete(node);
  }

  isLost(incarnation: number): boolean {
    return this.#lost.has(incarnation);
  }

  /** Whether the writer of that number (pointer.ts) is lost. */
  isLostOwner(owner: number): boolean {
    return this.#lostOwners.has(owner);
  }
}
