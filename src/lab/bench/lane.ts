import type { Address } from '../../core/address.ts';
import { type Batch, batch, cas, faa, flush, read, type Verb, write } from '../../core/effect.ts';
import type { BenchOptions } from './options.ts';

/**
 * A post list: verbs that are posted together and waited for together, again and again, each on a target of
 * its own. A FLUSH has a WRITE before it in the list: one that finds nothing to make durable would say
 * nothing of a device.
 */
export class Lane {
  readonly #verbs: readonly Verb<unknown>[];
  readonly #alone: Verb<unknown> | undefined;
  readonly #batch: Batch;

  /** `targets`: one address for each verb of the list. */
  constructor(options: BenchOptions, targets: readonly Address[]) {
    this.#verbs = targets.flatMap((target) => verbsOf(options, target));
    this.#alone = this.#verbs.length === 1 ? this.#verbs[0] : undefined;
    this.#batch = batch(...this.#verbs);
  }

  /** To be yielded: posts the list and waits for all of it; a VerbError where one does not end ok. */
  again(): Verb<unknown> | Batch {
    for (const verb of this.#verbs) verb.again(verb.address);
    return this.#alone ?? this.#batch.again();
  }
}

function verbsOf({ verb, sizeBytes }: BenchOptions, target: Address): Verb<unknown>[] {
  const buffer = (): Uint8Array => new Uint8Array(sizeBytes);
  switch (verb) {
    case 'read':
      return [read(target, buffer())];
    case 'write':
      return [write(target, buffer())];
    case 'cas':
      return [cas(target, 0n, 0n)];
    case 'faa':
      return [faa(target, 1n)];
    case 'flush':
      return [write(target, buffer()), flush(target, sizeBytes)];
  }
}
