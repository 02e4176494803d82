import { type Program, VerbError } from '../../src/core/effect.ts';
import { FarsideError } from '../../src/core/errors.ts';
import { type Key, keyOf } from '../../src/core/key.ts';
import { randomStream } from '../../src/core/random.ts';
import type { StoreClient } from '../../src/systems/system.ts';
import { isLinearizable, type KeyOperation } from './key-operations.ts';
import { isPatterned, patterned } from './values.ts';

const lengths = [60, 250, 640];

/** A value names itself in each byte's pattern; its length says with it whether its key moves. */
function valueNamed(id: number): Uint8Array {
  return patterned(lengths[id % lengths.length] as number, id);
}

/** Which of the values written this is; NaN where it is none of them, torn or mixed. */
function idOf(bytes: Uint8Array): number {
  for (let id = 1; id < 256; id++) {
    if (bytes.length === lengths[id % lengths.length] && isPatterned(bytes, id)) return id;
  }
  return Number.NaN;
}

/** Clients that insert, get, put and delete few keys, and what they were answered. */
export class MixedLoad {
  readonly keys: readonly Key[];
  readonly histories: KeyOperation[][];
  /** Operations that ended with an error of a verb, and with any other error. */
  readonly failed: string[] = [];
  readonly errors: string[] = [];
  readonly #nowNs: () => number;
  #ids = 0;

  constructor(keys: number, nowNs: () => number) {
    this.keys = Array.from({ length: keys }, (_, i) => keyOf(`key ${i}`));
    this.histories = this.keys.map(() => []);
    this.#nowNs = nowNs;
  }

  /** The history of a key that no order of its operations explains. */
  get unexplained(): string | undefined {
    const wrong = this.histories.find((history) => !isLinearizable(history));
    return wrong === undefined ? undefined : JSON.stringify(wrong);
  }

  /**
   * The same of writes and of what is read from now on: for times in which gets are answered by
   * other copies than the first, which may be ahead of it or behind it.
   */
  unexplainedSince(sinceNs: number): string | undefined {
    const wrong = this.histories
      .map((all) => all.filter((o) => o.operation !== 'get' || o.invokedNs >= sinceNs))
      .find((history) => !isLinearizable(history));
    return wrong === undefined ? undefined : JSON.stringify(wrong);
  }

  /** Gets that were answered with bytes that nobody wrote, or with parts of two values. */
  get torn(): number {
    return this.histories.flat().filter((o) => o.operation === 'get' && Number.isNaN(o.value))
      .length;
  }

  *insertEveryOther(client: StoreClient): Program {
    for (let i = 0; i < this.keys.length; i += 2) yield* this.perform(client, 'insert', i);
  }

  *readAll(client: StoreClient): Program {
    for (let i = 0; i < this.keys.length; i++) yield* this.perform(client, 'get', i);
  }

  *mixed(client: StoreClient, seed: number, operations: number): Program {
    const dice = randomStream(seed, 'client');
    for (let i = 0; i < operations; i++) {
      const which = dice.below(this.keys.length);
      const operation = (['insert', 'get', 'put', 'put', 'delete'] as const)[dice.below(5)];
      yield* this.perform(client, operation ?? 'get', which);
    }
  }

  /** One operation, recorded; one that fails may have taken effect or not, and ends nothing else. */
  *perform(client: StoreClient, operation: KeyOperation['operation'], which: number): Program {
    const key = this.keys[which] as Key;
    const history = this.histories[which] as KeyOperation[];
    const at = history.length;
    const writes = operation === 'insert' || operation === 'put';
    const begun = { operation, value: writes ? ++this.#ids : undefined, invokedNs: this.#nowNs() };
    history.push({ ...begun, returnedNs: Number.POSITIVE_INFINITY });
    try {
      const answer = yield* this.#answer(client, key, begun);
      history[at] = { ...begun, ...answer, returnedNs: this.#nowNs() };
    } catch (error) {
      if (!(error instanceof FarsideError)) throw error;
      const list = error instanceof VerbError ? this.failed : this.errors;
      list.push(`${operation} ${key.text}: ${error.message}`);
    }
  }

  *#answer(
    client: StoreClient,
    key: Key,
    { operation, value }: { operation: KeyOperation['operation']; value: number | undefined },
  ): Program<Partial<KeyOperation>> {
    if (operation === 'get') {
      const into = new Uint8Array(4096);
      const length = yield* client.get(key, into);
      return { value: length === undefined ? undefined : idOf(into.subarray(0, length)) };
    }
    if (operation === 'delete') return { result: yield* client.delete(key) };
    return { result: yield* client[operation](key, valueNamed(value as number)) };
  }
}
