import { assert, type FarsideError } from '../../core/errors.ts';
import type { NodeOrder } from './messages.ts';

/** The orders of a node, in order: kept until they are asked for. */
export class Orders {
  readonly #orders: NodeOrder[] = [];
  #ended: FarsideError | undefined;
  #wake: () => void = () => {};

  hear(order: NodeOrder): void {
    this.#orders.push(order);
    this.#wake();
  }

  /** Whoever waits for an order gets this error. */
  end(error: FarsideError): void {
    this.#ended = error;
    this.#wake();
  }

  async next<K extends NodeOrder['kind']>(kind: K): Promise<Extract<NodeOrder, { kind: K }>> {
    while (this.#orders.length === 0) {
      if (this.#ended !== undefined) throw this.#ended;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const order = this.#orders.shift() as NodeOrder;
    assert(order.kind === kind, () => `told ${order.kind} before ${kind}`);
    return order as Extract<NodeOrder, { kind: K }>;
  }
}
