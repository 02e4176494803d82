import { unreachable } from '../errors.ts';
import { type Effect, EffectBase, effectKind, handBack, handOver } from './base.ts';

/**
 * CPU work that a step costs. Units are bytes for `crc`, `crc32c` and `copy`, else a count. Priced by
 * the profile in `sim`, free on real fabrics, where the work itself takes its time.
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

/**
 * The kind's place in `computeKinds`. Comparing a few strings by address costs a third of a look-up by
 * name in an object that is asked for one name after the other.
 */
export function computeIndex(kind: ComputeKind): number {
  switch (kind) {
    case 'request':
      return 0;
    case 'crc':
      return 1;
    case 'crc32c':
      return 2;
    case 'hash':
      return 3;
    case 'lookup':
      return 4;
    case 'copy':
      return 5;
    case 'rpcSend':
      return 6;
    case 'rpcReceive':
      return 7;
    case 'lock':
      return 8;
    case 'allocate':
      return 9;
    case 'update':
      return 10;
    default:
      return unreachable(kind);
  }
}

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
