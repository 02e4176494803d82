import type { Address } from '../address.ts';
import { EffectBase, effectKind } from './base.ts';

const zero = 0n;

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
