import type { Program } from '../../core/effect.ts';
import { FarsideError } from '../../core/errors.ts';
import { Key, keyOf } from '../../core/key.ts';
import type { ClusterMap } from '../../memory/cluster.ts';
import type { StoreClient } from '../../systems/system.ts';
import type { PreparedStore } from '../engine/node-job.ts';
import type { AsyncNode } from './async-node.ts';

/** A key as an application has it: a string stands for its UTF-8 bytes, 1 to 255 of them. */
export type KeyLike = string | Uint8Array | Key;

const utf8 = new TextEncoder();

/**
 * A key-value store for applications. Operations may overlap; each is linearizable or not, durable
 * or not, exactly as the system promises, whatever awaits it here. Errors reject the operation's
 * promise: FARSIDE_KEY and FARSIDE_VALUE for arguments, FARSIDE_VERB with `outcome` where memory
 * did not answer.
 */
export class Store {
  /**
   * The compute node that the store runs on: `await store.node.run(program)` runs any program
   * there.
   */
  readonly node: AsyncNode;
  readonly cluster: ClusterMap;
  readonly #valueBytesMax: number;
  readonly #close: () => Promise<void>;
  /** Clients that serve no operation now, each with a buffer for a value, and who waits for one. */
  readonly #free: Seat[];
  readonly #waiting: ((seat: Seat) => void)[] = [];
  #operating = 0;
  #onIdle: () => void = () => {};
  #closing: Promise<void> | undefined;

  /** Made by `openStore`. */
  constructor(
    node: AsyncNode,
    { cluster, shape }: PreparedStore,
    clients: readonly StoreClient[],
    close: () => Promise<void>,
  ) {
    this.node = node;
    this.cluster = cluster;
    this.#valueBytesMax = shape.valueBytesMax;
    this.#free = clients.map((client) => ({ client, buffer: undefined }));
    this.#close = close;
  }

  /** The value, as a copy of its own; undefined where there is no such key. */
  get(key: KeyLike): Promise<Uint8Array | undefined> {
    return this.#operate(async (seat) => {
      const buffer = (seat.buffer ??= new Uint8Array(this.#valueBytesMax));
      const length = await this.node.run(seat.client.get(keyFrom(key), buffer));
      return length === undefined ? undefined : buffer.slice(0, length);
    });
  }

  /** As `get`, into a buffer of the caller's; gives the length in bytes. It allocates nothing. */
  getInto(key: KeyLike, into: Uint8Array): Promise<number | undefined> {
    return this.#run((client) => client.get(keyFrom(key), into));
  }

  /** False where the key exists already. */
  insert(key: KeyLike, value: Uint8Array): Promise<boolean> {
    return this.#run((client) => client.insert(keyFrom(key), value));
  }

  /** Replaces the value; false where there is no such key. */
  put(key: KeyLike, value: Uint8Array): Promise<boolean> {
    return this.#run((client) => client.put(keyFrom(key), value));
  }

  /** False where there was no such key. */
  delete(key: KeyLike): Promise<boolean> {
    return this.#run((client) => client.delete(keyFrom(key)));
  }

  /**
   * Waits for the operations that have been started, then ends the servers. Until then they keep
   * the process alive.
   */
  close(): Promise<void> {
    this.#closing ??= this.#finish();
    return this.#closing;
  }

  async #finish(): Promise<void> {
    if (this.#operating > 0) await new Promise<void>((idle) => (this.#onIdle = idle));
    await this.node.close();
    await this.#close();
  }

  #run<T>(operation: (client: StoreClient) => Program<T>): Promise<T> {
    return this.#operate(({ client }) => this.node.run(operation(client)));
  }

  /** A client serves one operation at a time: who finds none free waits for the next, in order. */
  async #operate<T>(operation: (seat: Seat) => Promise<T>): Promise<T> {
    if (this.#closing !== undefined) {
      throw new FarsideError('FARSIDE_USAGE', 'the store is closed: open another');
    }
    this.#operating++;
    const seat =
      this.#free.pop() ?? (await new Promise<Seat>((resolve) => this.#waiting.push(resolve)));
    try {
      return await operation(seat);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free.push(seat);
      else next(seat);
      if (--this.#operating === 0) this.#onIdle();
    }
  }
}

interface Seat {
  readonly client: StoreClient;
  buffer: Uint8Array | undefined;
}

function keyFrom(key: KeyLike): Key {
  if (key instanceof Key) return key;
  return keyOf(typeof key === 'string' ? utf8.encode(key) : key);
}
