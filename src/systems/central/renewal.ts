import { type Program, reconnect } from '../../core/effect.ts';
import type { MemoryNodes } from './memory-nodes.ts';

/**
 * Renews the queue pairs of one handler to memory nodes that have started anew. A handler that has had
 * nothing to do since before the node stopped does not notice: its next WRITE goes to the former start,
 * and its outcome is `unknown` for ever, since the restart that would have settled it is past. The entry
 * would stay unsettled, and every delete of that key wait.
 */
export class Renewal {
  readonly #nodes: MemoryNodes;
  #seen = 0;

  constructor(nodes: MemoryNodes) {
    this.#nodes = nodes;
  }

  get isDue(): boolean {
    return this.#seen < this.#nodes.restarts.length;
  }

  /** After it, and before the next yield, no restart that the coordinator was told of is unheeded. */
  *renew(): Program<void> {
    while (this.isDue) yield* reconnect(this.#nodes.restarts[this.#seen++] as number);
  }
}
