import type { NodeContext } from '../../core/context.ts';
import { RpcCaller } from '../../core/rpc.ts';

/** Callers for background programs that come and go; each has a port, and ports are never closed. */
export class CallerPool {
  readonly #context: NodeContext;
  readonly #idle: RpcCaller[] = [];

  constructor(context: NodeContext) {
    this.#context = context;
  }

  remembers(): unknown {
    return this.#idle;
  }

  take(): RpcCaller {
    return this.#idle.pop() ?? new RpcCaller(this.#context);
  }

  giveBack(caller: RpcCaller): void {
    this.#idle.push(caller);
  }
}
