import type { CmEvent, CmId, EventChannel, Native, ProviderOption } from './native.ts';

export type CmHandler = (event: CmEvent) => void;

/**
 * The events of one channel of the connection manager, each given to whoever has its id. They come by libuv
 * (`watch`), or where a thread does not return to its loop, by `poll`.
 */
export class CmHub {
  readonly native: Native;
  readonly channel: EventChannel;
  readonly #handlers = new Map<number, CmHandler>();

  constructor(native: Native, options?: ProviderOption) {
    this.native = native;
    this.channel = native.createEventChannel(options);
  }

  /** Events of that id go to `handler`: its own, and requests to one that listens. */
  createId(handler: CmHandler): CmId {
    const id = this.native.createId(this.channel);
    this.#handlers.set(this.native.queryId(id).key, handler);
    return id;
  }

  /** Closes the id; no event of it comes any more. */
  drop(id: CmId): void {
    if (!this.native.isOpen(id)) return;
    this.#handlers.delete(this.native.queryId(id).key);
    this.native.close(id);
  }

  /** Takes what has come; true if there was anything. */
  poll(): boolean {
    let any = false;
    while (this.native.isOpen(this.channel)) {
      const event = this.native.getCmEvent(this.channel);
      if (event === undefined) return any;
      any = true;
      this.#handlers.get(event.listenKey ?? event.key)?.(event);
    }
    return any;
  }

  watch(): void {
    this.native.watchEventChannel(this.channel, () => this.poll());
  }

  close(): void {
    this.#handlers.clear();
    this.native.close(this.channel);
  }
}
