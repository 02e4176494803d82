import { assert } from '../../../core/errors.ts';
import { noReference, type Reference } from '../pointer.ts';
import type { Chain, PendingLink } from './namer.ts';

/** Takes the versions that a chain leaves behind. */
export interface Retiring {
  retire(target: Reference, nowNs: number): void;
  /** One that verbs in doubt may yet fall upon. */
  setAside(target: Reference): void;
}

/** Keeps them until the table of heads names none of them any more. */
export class RetiredBuffers implements Retiring {
  readonly #retired: Reference[] = [];
  readonly #aside: Reference[] = [];

  get count(): number {
    return this.#retired.length + this.#aside.length;
  }

  retire(target: Reference): void {
    this.#retired.push(target);
  }

  setAside(target: Reference): void {
    this.#aside.push(target);
  }

  hand(to: Retiring, nowNs: number): void {
    for (const target of this.#retired) to.retire(target, nowNs);
    for (const target of this.#aside) to.setAside(target);
  }
}

/**
 * Takes in "`old` was superseded by `refs`" for one chain.
 *
 * Compute nodes report in any order, so a chain advances only along links that meet: `chain.refs`
 * (CURRENT) moves while the link from where it stands is known; others wait in `chain.pending`
 * (PENDING). Every version that CURRENT leaves goes to `allocator`, all its copies. Reclaiming `old` at
 * once instead would recycle a version that the server itself still hands out as the chain's head.
 *
 * Gives true when the chain has thereby reached its tombstone: the caller ends it.
 */
export function acceptLink(
  chain: Chain,
  old: Reference,
  refs: Reference[],
  sequence: number,
  allocator: Retiring,
  nowNs: number,
  isInDoubt = false,
): boolean {
  assert(old !== noReference && refs.length === chain.refs.length, 'a link without a predecessor');
  if (old !== chain.refs[0]) {
    chain.pending ??= new Map();
    assert(
      !chain.pending.has(old),
      () => `version ${old} of chain ${chain.number} was superseded twice`,
      'FARSIDE_CORRUPT',
    );
    chain.pending.set(old, { refs, sequence, isInDoubt });
    return false;
  }
  advance(chain, { refs, sequence, isInDoubt }, allocator, nowNs);
  followPending(chain, allocator, nowNs);
  return hasEnded(chain);
}

/** Whether nothing but the tombstone is left of a removed chain. */
export function hasEnded(chain: Chain): boolean {
  return chain.tombstone !== noReference && chain.refs[0] === chain.tombstone;
}

function followPending(chain: Chain, allocator: Retiring, nowNs: number): void {
  const { pending } = chain;
  if (pending === undefined) return;
  for (;;) {
    const head = chain.refs[0] as Reference;
    const link = pending.get(head);
    if (link === undefined) break;
    pending.delete(head);
    advance(chain, link, allocator, nowNs);
  }
  if (pending.size === 0) chain.pending = undefined;
}

function advance(
  chain: Chain,
  { refs, sequence, isInDoubt }: PendingLink,
  allocator: Retiring,
  nowNs: number,
): void {
  for (const copy of chain.refs) {
    if (isInDoubt) allocator.setAside(copy);
    else allocator.retire(copy, nowNs);
  }
  chain.refs = refs;
  chain.sequence = sequence;
}
