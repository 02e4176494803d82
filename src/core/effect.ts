import { type Address, formatAddress } from './address.ts';
import { FarsideError } from './errors.ts';
import type { Message, Port } from './message.ts';
import { packWord } from './word.ts';

/**
 * What a program may yield, and no others (docs/architecture.md, "effects").
 *
 * An effect is its own iterator, so that `const old = yield* cas(a, x, y)` is typed and costs one
 * object: `next()` first hands the effect itself to the interpreter, and when the interpreter
 * resumes the program, `next()` is called again and hands back the outcome, or throws it.
 *
 * Both answers travel in one shared IteratorResult per direction. That is safe because `yield*`
 * passes an inner result through untouched and its consumer reads it before anything else can run;
 * it saves an allocation per verb.
 *
 * `next` stands in the base class once for all effects, and again, word for word, in the three that
 * hot paths yield (Verb, Batch, Compute). V8 collects what it knows of shapes per function: in a
 * function of its own each sees one shape, in a shared one every access is a look-up. A get through
 * a whole store costs a tenth less for it.
 */
export type Program<T = void> = Generator<Effect, T, void>;

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
  | Fence;

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
} as const;

const handOver: { done: false; value: Effect } = { done: false, value: undefined as never };
const handBack: { done: true; value: unknown } = { done: true, value: undefined };

abstract class EffectBase<T> implements Iterable<Effect, T, void> {
  /**
   * Whether the interpreter has had this effect. Every subclass sets it in its own constructor: a
   * field of the base class would be defined on as many shapes as there are effects, which V8 does
   * in its runtime, at more than the cost of all the rest of a verb.
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

// ---------------------------------------------------------------------------------------------
// Verbs

export const verbOp = {
  read: 0,
  write: 1,
  cas: 2,
  faa: 3,
  flush: 4,
  atomicWrite: 5,
} as const;
export type VerbOp = (typeof verbOp)[keyof typeof verbOp];
export const verbNames = ['READ', 'WRITE', 'CAS', 'FETCH_ADD', 'FLUSH', 'ATOMIC_WRITE'] as const;

/** `idle` has not been posted. `unknown`: posted and never confirmed; it may take effect later. */
export const verbStatus = { idle: 0, posted: 1, ok: 2, failed: 3, unknown: 4 } as const;
export type VerbStatus = (typeof verbStatus)[keyof typeof verbStatus];

/** A definite (`failed`: it did not happen) or indefinite (`unknown`) error of one verb. */
export class VerbError extends FarsideError {
  readonly outcome: 'failed' | 'unknown';
  readonly op: VerbOp;
  readonly address: Address;

  constructor(verb: Verb<unknown>) {
    const outcome = verb.status === verbStatus.failed ? 'failed' : 'unknown';
    super(
      'FARSIDE_VERB',
      `${verbNames[verb.op]} of ${verb.lengthBytes} B at ${formatAddress(verb.address)}: ` +
        outcome +
        (verb.reason === '' ? '' : ` (${verb.reason})`),
    );
    this.outcome = outcome;
    this.op = verb.op;
    this.address = verb.address;
  }
}

/** What `yield*` of a verb hands back. */
const yields = { nothing: 0, word: 1 } as const;

/**
 * One verb. It is also the ticket of that verb after `post`. The interpreter fills `status`, `low`,
 * `high` and the fields under "interpreter"; a verb object is used once.
 *
 * | op           | buffer                | operand, compare      | `yield*` gives             |
 * |--------------|-----------------------|-----------------------|----------------------------|
 * | READ         | filled, or none (8 B) |                       | nothing, or the word (8 B) |
 * | WRITE        | source, or none (8 B) | operand = the word    | nothing                    |
 * | CAS          | none                  | operand = new word    | the old word               |
 * | FETCH_ADD    | none                  | operand = the addend  | the old word               |
 * | FLUSH        | none                  |                       | nothing                    |
 * | ATOMIC_WRITE | none                  | operand = the word    | nothing                    |
 */
export class Verb<T = void> extends EffectBase<T> {
  readonly kind = effectKind.verb;
  protected override yielded = false;
  readonly op: VerbOp;
  readonly address: Address;
  readonly lengthBytes: number;
  /** Read or filled at any moment between post and completion, as a NIC does. */
  readonly buffer: Uint8Array | undefined;
  readonly operand: bigint;
  readonly compare: bigint;
  /** Waits, at its queue pair, for every earlier READ, atomic and FLUSH (IBV_SEND_FENCE). */
  fenced = false;
  status: VerbStatus = verbStatus.idle;
  /** Why it did not end ok; for people. */
  reason = '';
  /** The word read or replaced, as two unsigned halves: no bigint unless someone asks for one. */
  low = 0;
  high = 0;
  private readonly gives: 0 | 1;

  // interpreter ------------------------------------------------------------------------------
  /** Length of the chain of dependent waits before this verb was posted. */
  depth = 0;
  /** The fabric's own record of this verb in flight. */
  flight: unknown = undefined;

  constructor(
    op: VerbOp,
    address: Address,
    lengthBytes: number,
    buffer: Uint8Array | undefined,
    operand: bigint,
    compare: bigint,
    givesWord: boolean,
  ) {
    super();
    this.op = op;
    this.address = address;
    this.lengthBytes = lengthBytes;
    this.buffer = buffer;
    this.operand = operand;
    this.compare = compare;
    this.gives = givesWord ? yields.word : yields.nothing;
  }

  /** The word read or replaced. */
  get word(): bigint {
    return packWord(this.high, this.low);
  }

  /** CAS only: whether it swapped. */
  get swapped(): boolean {
    return this.status === verbStatus.ok && this.word === this.compare;
  }

  override next(): IteratorResult<Effect, T> {
    if (!this.yielded) {
      this.yielded = true;
      handOver.value = this as unknown as Effect;
      return handOver;
    }
    handBack.value = this.finish();
    return handBack as IteratorReturnResult<T>;
  }

  override finish(): T {
    if (this.status !== verbStatus.ok) throw new VerbError(this as Verb<unknown>);
    return (this.gives === yields.word ? this.word : undefined) as T;
  }
}

const zero = 0n;

/** READ `into.length` bytes. `into` is 8-byte aligned in address and length. */
export function read(address: Address, into: Uint8Array): Verb<void> {
  return new Verb<void>(verbOp.read, address, into.length, into, zero, zero, false);
}

/** READ one aligned word. */
export function readWord(address: Address): Verb<bigint> {
  return new Verb<bigint>(verbOp.read, address, 8, undefined, zero, zero, true);
}

/** WRITE `from`, which must not change until the verb has completed. */
export function write(address: Address, from: Uint8Array): Verb<void> {
  return new Verb<void>(verbOp.write, address, from.length, from, zero, zero, false);
}

/** WRITE one aligned word; the word travels in the verb, so nothing has to stay unchanged. */
export function writeWord(address: Address, word: bigint): Verb<void> {
  return new Verb<void>(verbOp.write, address, 8, undefined, word, zero, false);
}

/** Compare and swap one aligned word; gives the old word, equal to `expected` where it swapped. */
export function cas(address: Address, expected: bigint, desired: bigint): Verb<bigint> {
  return new Verb<bigint>(verbOp.cas, address, 8, undefined, desired, expected, true);
}

/** FETCH_ADD modulo 2^64; gives the old word. */
export function faa(address: Address, addend: bigint): Verb<bigint> {
  return new Verb<bigint>(verbOp.faa, address, 8, undefined, addend, zero, true);
}

/** Makes durable every byte of the range that is visible when it executes, whoever wrote it. */
export function flush(address: Address, lengthBytes: number): Verb<void> {
  return new Verb<void>(verbOp.flush, address, lengthBytes, undefined, zero, zero, false);
}

/** ATOMIC_WRITE: one aligned word, atomic among remote atomics of that node. */
export function atomicWrite(address: Address, word: bigint): Verb<void> {
  return new Verb<void>(verbOp.atomicWrite, address, 8, undefined, word, zero, false);
}

/** Marks a verb to wait at its queue pair for every earlier READ, atomic and FLUSH. */
export function fenced<T>(verb: Verb<T>): Verb<T> {
  verb.fenced = true;
  return verb;
}

/** A posted verb is its own ticket. */
export type Ticket = Verb<unknown>;

// ---------------------------------------------------------------------------------------------
// Posting and waiting

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
 * Posts all verbs and waits for all of them; throws a VerbError where one did not end ok. Results
 * are read from the verbs themselves (`verb.word`, `verb.low`, `verb.swapped`).
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

/**
 * Until `count` of the tickets have completed (whatever their outcome) or `timeoutNs` has passed.
 */
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

// ---------------------------------------------------------------------------------------------
// Messages, local memory, CPU, time, background work, fencing

/** The next message that a peer WROTE to this port, or undefined after `timeoutNs`. */
export class Receive extends EffectBase<Message | undefined> {
  readonly kind = effectKind.receive;
  protected override yielded = false;
  readonly port: Port;
  readonly timeoutNs: number;
  /** Interpreter: the message. */
  message: Message | undefined = undefined;

  constructor(port: Port, timeoutNs: number) {
    super();
    this.port = port;
    this.timeoutNs = timeoutNs;
  }

  override finish(): Message | undefined {
    return this.message;
  }
}

export function receive(port: Port, options: { readonly timeoutNs?: number } = {}): Receive {
  return new Receive(port, options.timeoutNs ?? Number.POSITIVE_INFINITY);
}

export const localOp = { read: 0, write: 1, cas: 2, persist: 3 } as const;
export type LocalOp = (typeof localOp)[keyof typeof localOp];

/** The CPU's own access to a region of the program's node: no round trip, CPU and medium cost. */
export class LocalAccess<T = void> extends EffectBase<T> {
  readonly kind = effectKind.local;
  protected override yielded = false;
  readonly op: LocalOp;
  readonly address: Address;
  readonly lengthBytes: number;
  readonly buffer: Uint8Array | undefined;
  readonly operand: bigint;
  readonly compare: bigint;
  /** Interpreter: the old word of a `cas`. */
  word = 0n;

  constructor(
    op: LocalOp,
    address: Address,
    lengthBytes: number,
    buffer: Uint8Array | undefined,
    operand: bigint,
    compare: bigint,
  ) {
    super();
    this.op = op;
    this.address = address;
    this.lengthBytes = lengthBytes;
    this.buffer = buffer;
    this.operand = operand;
    this.compare = compare;
  }

  override finish(): T {
    return (this.op === localOp.cas ? this.word : undefined) as T;
  }
}

/** A word that peers CAS must be changed through the fabric, never through `local` (design §3). */
export const local = {
  read: (address: Address, into: Uint8Array): LocalAccess<void> =>
    new LocalAccess<void>(localOp.read, address, into.length, into, zero, zero),
  write: (address: Address, from: Uint8Array): LocalAccess<void> =>
    new LocalAccess<void>(localOp.write, address, from.length, from, zero, zero),
  /** Atomic among `local.cas` of this node only. */
  cas: (address: Address, expected: bigint, desired: bigint): LocalAccess<bigint> =>
    new LocalAccess<bigint>(localOp.cas, address, 8, undefined, desired, expected),
  /** Cache write-back and fence over a range of `pm`; instant in `assumed` durability. */
  persist: (address: Address, lengthBytes: number): LocalAccess<void> =>
    new LocalAccess<void>(localOp.persist, address, lengthBytes, undefined, zero, zero),
} as const;

/**
 * CPU work that a step costs. Units are bytes for `crc`, `crc32c` and `copy`, else a count. Priced
 * by the profile in `sim`, free on real fabrics, where the work itself takes its time.
 *
 * | kind        | what                                                                         |
 * |-------------|------------------------------------------------------------------------------|
 * | request     | a client's loop around one operation: draw it, take the time, record it      |
 * | crc         | table-driven software CRC, a byte at a time (what the pDPM authors run)      |
 * | crc32c      | CRC-32C by the CPU's instruction                                             |
 * | hash, lookup| hashing a key; one probe of a hash table that does not fit the cache         |
 * | copy        | memcpy                                                                       |
 * | rpcSend     | building and sending one message                                             |
 * | rpcReceive  | noticing, checking and dispatching one message                               |
 * | lock        | taking and leaving an uncontended lock in the node's own memory              |
 * | allocate    | taking or returning one buffer of a free list                                |
 * | update      | changing one entry of a table                                                |
 */
export const computeKinds = [
  'request',
  'crc',
  'crc32c',
  'hash',
  'lookup',
  'copy',
  'rpcSend',
  'rpcReceive',
  'lock',
  'allocate',
  'update',
] as const;
export type ComputeKind = (typeof computeKinds)[number];

export class Compute extends EffectBase<void> {
  readonly kind = effectKind.compute;
  protected override yielded = false;
  readonly work: ComputeKind;
  readonly units: number;

  constructor(work: ComputeKind, units: number) {
    super();
    this.work = work;
    this.units = units;
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

  override finish(): void {}
}

export function compute(work: ComputeKind, units = 1): Compute {
  return new Compute(work, units);
}

export class Sleep extends EffectBase<void> {
  readonly kind = effectKind.sleep;
  protected override yielded = false;
  readonly durationNs: number;

  constructor(durationNs: number) {
    super();
    this.durationNs = durationNs;
  }

  override finish(): void {}
}

export function sleep(durationNs: number): Sleep {
  return new Sleep(durationNs);
}

/** Background work of the same node, on the queue pairs of the program that spawns it. */
export class Spawn extends EffectBase<void> {
  readonly kind = effectKind.spawn;
  protected override yielded = false;
  readonly program: Program<unknown>;
  readonly label: string;

  constructor(program: Program<unknown>, label: string) {
    super();
    this.program = program;
    this.label = label;
  }

  override finish(): void {}
}

export function spawn(program: Program<unknown>, label = 'background'): Spawn {
  return new Spawn(program, label);
}

/**
 * Control path: at memory node `node`, destroy the queue pairs of compute-node `incarnation` and
 * refuse it from then on. When it completes, no verb of that incarnation takes effect there any
 * more.
 */
export class Fence extends EffectBase<void> {
  readonly kind = effectKind.fence;
  protected override yielded = false;
  readonly node: number;
  readonly incarnation: number;

  constructor(node: number, incarnation: number) {
    super();
    this.node = node;
    this.incarnation = incarnation;
  }

  override finish(): void {}
}

export function fence(node: number, incarnation: number): Fence {
  return new Fence(node, incarnation);
}
