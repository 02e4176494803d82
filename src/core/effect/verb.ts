import { type Address, formatAddress } from '../address.ts';
import { FarsideError } from '../errors.ts';
import { packWord } from '../word.ts';
import { type Effect, EffectBase, effectKind, handBack, handOver } from './base.ts';

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

/** `Verb.reason` where a memory node refuses a verb because its incarnation is fenced. */
export const fencedReason = 'this incarnation is fenced';

/** A definite (`failed`: it did not happen) or indefinite (`unknown`) error of one verb. */
export class VerbError extends FarsideError {
  readonly outcome: 'failed' | 'unknown';
  readonly op: VerbOp;
  readonly address: Address;

  constructor(verb: Verb<unknown>) {
    const outcome = verb.status === verbStatus.failed ? 'failed' : 'unknown';
    super(
      'FARSIDE_VERB',
      `${verbNames[verb.op]} of ${verb.lengthBytes} B at ${formatAddress(verb.address)}: ${outcome}` +
        (verb.reason === '' ? '' : ` (${verb.reason})`),
    );
    this.outcome = outcome;
    this.op = verb.op;
    this.address = verb.address;
  }
}

/**
 * One verb. It is also the ticket of that verb after `post`. The interpreter fills `status`, `low`,
 * `high`, `reason`, `start` and what is its own; a verb object is used once, or made ready again.
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
  // What every verb has comes first, words behind it: so a READ of bytes stays in two cache lines.
  readonly kind = effectKind.verb;
  readonly op: VerbOp;
  protected override yielded = false;
  /** Waits, at its queue pair, for every earlier READ, atomic and FLUSH (IBV_SEND_FENCE). */
  fenced = false;
  status: VerbStatus = verbStatus.idle;
  address: Address;
  lengthBytes: number;
  /** Read or filled at any moment between post and completion, as a NIC does. */
  buffer: Uint8Array | undefined;
  /** Why it did not end ok; for people. */
  reason = '';
  /** Interpreter: length of the chain of dependent waits before this verb was posted. */
  depth = 0;
  /** Interpreter: the fabric's own record of this verb in flight. */
  flight: unknown = undefined;
  private readonly givesWord: boolean;
  /** The word read or replaced, as two unsigned halves: no bigint unless someone asks for one. */
  low = 0;
  high = 0;
  operand: bigint;
  compare: bigint;
  /**
   * Of an `unknown` verb: which start of its memory node the queue pair was made for, as the fault
   * `memoryRestarted` numbers them. Once that node has started anew after that, the verb is over. 0 on
   * fabrics where memory nodes do not start anew.
   */
  start = 0;

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
    this.givesWord = givesWord;
  }

  /**
   * Makes the verb ready to be posted once more, at another address and with another buffer: spares
   * the paths of a get and a put their allocations. Only before it was posted or after it has completed;
   * whoever still holds it as a ticket holds the new one.
   */
  again(address: Address, buffer: Uint8Array | undefined = this.buffer): this {
    if (this.status === verbStatus.posted) throw stillInFlight(this as Verb<unknown>);
    this.address = address;
    this.buffer = buffer;
    if (buffer !== undefined) this.lengthBytes = buffer.length;
    this.yielded = false;
    this.status = verbStatus.idle;
    this.reason = '';
    return this;
  }

  /** As `again`, for a CAS. */
  againWith(address: Address, expected: bigint, desired: bigint): this {
    this.compare = expected;
    this.operand = desired;
    return this.again(address);
  }

  /** The same verb, not posted yet; its bytes are the same memory. */
  copy(): Verb<T> {
    const { op, address, lengthBytes, buffer, operand, compare, givesWord } = this;
    return new Verb<T>(op, address, lengthBytes, buffer, operand, compare, givesWord);
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
    return (this.givesWord ? this.word : undefined) as T;
  }
}

const zero = 0n;

function stillInFlight({ op, address }: Verb<unknown>): FarsideError {
  return new FarsideError(
    'FARSIDE_USAGE',
    `${verbNames[op]} at ${formatAddress(address)} is in flight: it cannot be used again`,
  );
}

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
