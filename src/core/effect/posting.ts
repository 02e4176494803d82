import { type Effect, EffectBase, effectKind, handBack, handOver, type Program } from './base.ts';
import { type Ticket, type Verb, VerbError, verbStatus } from './verb.ts';

type ResultsOf<V extends readonly Verb<unknown>[]> = {
  [K in keyof V]: V[K] extends Verb<infer T> ? T : never;
};

/** `post` then `wait` for all, one doorbell per memory node named. */
export class Batch extends EffectBase<void> {
  readonly kind = effectKind.batch;
  protected override yielded = false;
  readonly verbs: readonly Verb<unknown>[];
  private readonly throws: boolean;
  /** Interpreter: verbs not yet complete. */
  pending = 0;

  constructor(verbs: readonly Verb<unknown>[], throws: boolean) {
    super();
    this.verbs = verbs;
    this.throws = throws;
  }

  /** Makes the batch ready to be yielded once more, as its verbs are. */
  again(): this {
    this.yielded = false;
    return this;
  }

  override next(): IteratorResult<Effect, void> {
    if (!this.yielded) {
      this.yielded = true;
      handOver.value = this as unknown as Effect;
      return handOver;
    }
    handBack.value = this.finish();
    return handBack as IteratorReturnResult<void>;
  }

  override finish(): void {
    if (!this.throws) return;
    for (const verb of this.verbs) {
      if (verb.status !== verbStatus.ok) throw new VerbError(verb);
    }
  }
}

/**
 * Posts all verbs and waits for all of them; throws a VerbError where one did not end ok. Results are
 * read from the verbs themselves (`verb.word`, `verb.low`, `verb.swapped`).
 */
export function batch(...verbs: readonly Verb<never>[] | readonly Verb<unknown>[]): Batch {
  return new Batch(verbs as readonly Verb<unknown>[], true);
}

/** As `batch`, but never throws: the caller looks at each verb's `status`. */
export function settle(...verbs: readonly Verb<unknown>[]): Batch {
  return new Batch(verbs, false);
}

/** As `batch`, and gives the results in order. */
export function* gather<const V extends readonly Verb<unknown>[]>(
  ...verbs: V
): Program<ResultsOf<V>> {
  yield* new Batch(verbs, true);
  return verbs.map((verb) => verb.finish()) as ResultsOf<V>;
}

/** Posts without waiting; gives the verbs back as tickets. */
export class Post extends EffectBase<readonly Ticket[]> {
  readonly kind = effectKind.post;
  protected override yielded = false;
  readonly verbs: readonly Verb<unknown>[];

  constructor(verbs: readonly Verb<unknown>[]) {
    super();
    this.verbs = verbs;
  }

  override finish(): readonly Ticket[] {
    return this.verbs;
  }
}

export function post(...verbs: readonly Verb<unknown>[]): Post {
  return new Post(verbs);
}

/** Until `count` of the tickets have completed (whatever their outcome) or `timeoutNs` has passed. */
export class Wait extends EffectBase<number> {
  readonly kind = effectKind.wait;
  protected override yielded = false;
  readonly tickets: readonly Ticket[];
  readonly count: number;
  readonly timeoutNs: number;

  constructor(tickets: readonly Ticket[], count: number, timeoutNs: number) {
    super();
    this.tickets = tickets;
    this.count = Math.min(count, tickets.length);
    this.timeoutNs = timeoutNs;
  }

  override finish(): number {
    let completed = 0;
    for (const ticket of this.tickets) if (ticket.status >= verbStatus.ok) completed++;
    return completed;
  }
}

/** Gives how many have completed. Defaults: all of them, without a time-out. */
export function wait(
  tickets: readonly Ticket[],
  options: { readonly count?: number; readonly timeoutNs?: number } = {},
): Wait {
  return new Wait(
    tickets,
    options.count ?? tickets.length,
    options.timeoutNs ?? Number.POSITIVE_INFINITY,
  );
}
