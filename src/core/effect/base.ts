import type { Compute } from './compute.ts';
import type { LocalAccess } from './local.ts';
import type { Fence, Reconnect, Sleep, Spawn } from './node.ts';
import type { Batch, Post, Wait } from './posting.ts';
import type { Receive } from './receive.ts';
import type { Verb } from './verb.ts';

/**
 * What a program may yield, and no others (docs/architecture.md, "effects").
 *
 * An effect is its own iterator, so that `const old = yield* cas(a, x, y)` is typed and costs one
 * object: `next()` first hands the effect itself to the interpreter, and when the interpreter resumes
 * the program, `next()` is called again and hands back the outcome, or throws it.
 *
 * Both answers travel in one shared IteratorResult per direction. That is safe because `yield*`
 * passes an inner result through untouched and its consumer reads it before anything else can run;
 * it saves an allocation per verb.
 *
 * `next` stands in the base class once for all effects, and again, word for word, in the three that hot
 * paths yield (Verb, Batch, Compute). V8 collects what it knows of shapes per function: in a function of
 * its own each sees one shape, in a shared one every access is a look-up. A get through a whole store
 * costs a tenth less for it.
 */
export type Program<T = void> = Generator<Effect, T, void>;

/**
 * Programs that run one after another as one root program, on its queue pairs: the operations of a
 * benchmark's client. A generator that ran them with `yield*` would be resumed, and left again, on the
 * way to each of their verbs; here the interpreter resumes the operation itself. Both methods are called
 * while the root program runs, so clock and counters are its own.
 */
export interface ProgramSeries {
  /**
   * The next program, or undefined at the end. `result` is what the one before returned; undefined at
   * the first call.
   */
  advance(result: unknown): Program<unknown> | Steps | undefined;
  /** As `advance`, where the program threw; throws what it cannot deal with. */
  recover(error: unknown): Program<unknown> | Steps | undefined;
  /** What `advance` or `recover` gave last, where it is no generator. */
  readonly steps?: Steps | undefined;
}

/**
 * A program written out as its steps: each call of `next` goes on to the next effect, or to the end. What a
 * generator does too, but to make one, to enter it and to leave it again costs more than such a step does.
 * Only for what is hot and has few steps, and behind a generator for whoever wants one: `yield* steps`.
 */
export interface Steps<T = unknown> extends Iterable<Effect, T, void> {
  next(): IteratorResult<Effect, T>;
  throw(error: unknown): IteratorResult<Effect, T>;
}

export function isSeries(program: Program<unknown> | ProgramSeries): program is ProgramSeries {
  return 'advance' in program;
}

/** Where a series begins: with a program that is over at once. */
export function* beginning(): Program<undefined> {}

export type Effect =
  | Verb<unknown>
  | Batch
  | Post
  | Wait
  | Receive
  | LocalAccess<unknown>
  | Compute
  | Sleep
  | Spawn
  | Fence
  | Reconnect;

/** The discriminant of an effect; interpreters switch on it. */
export const effectKind = {
  verb: 0,
  batch: 1,
  post: 2,
  wait: 3,
  receive: 4,
  local: 5,
  compute: 6,
  sleep: 7,
  spawn: 8,
  fence: 9,
  reconnect: 10,
} as const;

export const handOver: { done: false; value: Effect } = { done: false, value: undefined as never };
export const handBack: { done: true; value: unknown } = { done: true, value: undefined };

export abstract class EffectBase<T> implements Iterable<Effect, T, void> {
  /**
   * Whether the interpreter has had this effect. Every subclass sets it in its own constructor: a field
   * of the base class would be defined on as many shapes as there are effects, which V8 does in its
   * runtime, at more than the cost of all the rest of a verb.
   */
  protected abstract yielded: boolean;

  /** What `yield*` evaluates to; throws where the outcome is an error. */
  protected abstract finish(): T;

  [Symbol.iterator](): Iterator<Effect, T, void> {
    return this;
  }

  next(): IteratorResult<Effect, T> {
    if (!this.yielded) {
      this.yielded = true;
      handOver.value = this as unknown as Effect;
      return handOver;
    }
    handBack.value = this.finish();
    return handBack as IteratorReturnResult<T>;
  }

  /** Lets an interpreter throw into the program where it yielded: `program.throw(error)`. */
  throw(error: unknown): never {
    throw error;
  }
}
