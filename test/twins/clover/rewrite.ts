import {
  type Batch,
  type Effect,
  effectKind,
  type Program,
  post,
  settle,
  spawn,
  type Verb,
  verbStatus,
} from '../../../src/core/effect.ts';
import type { StoreClient } from '../../../src/systems/system.ts';

/** What a wrong variant does in place of an effect: another one, or nothing at all. */
export type Rewrite = (effect: Effect) => Program<boolean>;

/**
 * Runs `program` with some of its effects done otherwise. `rewrite` gives true where it has dealt with
 * the effect, and its outcome lies in the effect's own fields; the program notices nothing.
 */
export function* rewritten<T>(program: Program<T>, rewrite: Rewrite): Program<T> {
  let step = program.next();
  while (step.done !== true) {
    const effect: Effect = step.value;
    if (effect.kind === effectKind.spawn) {
      yield spawn(rewritten(effect.program, rewrite), effect.label);
    } else if (!(yield* rewrite(effect))) {
      yield effect;
    }
    step = program.next();
  }
  return step.value;
}

/** A client all of whose operations are rewritten. */
export function rewrittenClient(client: StoreClient, rewrite: Rewrite): StoreClient {
  return {
    insert: (key, value) => rewritten(client.insert(key, value), rewrite),
    get: (key, into) => rewritten(client.get(key, into), rewrite),
    put: (key, value) => rewritten(client.put(key, value), rewrite),
    delete: (key) => rewritten(client.delete(key), rewrite),
  };
}

export function batchOf(effect: Effect): Batch | undefined {
  return effect.kind === effectKind.batch ? effect : undefined;
}

/** Says that a verb has ended well, whatever became of it. */
export function pretend(verb: Verb<unknown>, low = 0, high = 0): void {
  verb.status = verbStatus.ok;
  verb.low = low;
  verb.high = high;
}

/** Posts these verbs in place of a batch's, and waits for them alone; what fails, the program hears of. */
export function* instead(verbs: readonly Verb<unknown>[]): Program<void> {
  if (verbs.length > 0) yield* settle(...verbs);
}

/** Posts them and goes on at once. */
export function* unawaited(verbs: readonly Verb<unknown>[]): Program<void> {
  if (verbs.length > 0) yield* post(...verbs);
}
