import { assert } from '../../../core/errors.ts';
import { noReference, type Reference } from '../pointer.ts';
import type { ChainRows, PendingLink } from './chain-rows.ts';

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
 * Compute nodes report in any order, so a chain advances only along links that meet: where it stands
 * (CURRENT) moves while the link from there is known; others wait (PENDING). Every version that CURRENT
 * leaves goes to `retiring`, all its copies. Reclaiming `old` at once instead would recycle a version that
 * the server itself still hands out as the chain's head.
 *
 * Gives whether the chain has moved. It may then have reached its tombstone (`hasEnded`): the caller ends it.
 */
export function acceptLink(
  rows: ChainRows,
  row: number,
  old: Reference,
  refs: readonly Reference[],
  sequence: number,
  retiring: Retiring,
  nowNs: number,
  isInDoubt = false,
): boolean {
  assert(old !== noReference && refs.length === rows.replicas, 'a link without a predecessor');
  if (old !== rows.ref(row, 0)) {
    awaitOthers(rows, row, old, { refs: refs.slice(), sequence, isInDoubt });
    return false;
  }
  leave(rows, row, retiring, nowNs, isInDoubt);
  rows.standAt(row, refs, sequence);
  if (rows.pending(row) !== undefined) followPending(rows, row, retiring, nowNs);
  return true;
}

function awaitOthers(rows: ChainRows, row: number, old: Reference, link: PendingLink): void {
  const pending = rows.pending(row) ?? new Map<Reference, PendingLink>();
  assert(
    !pending.has(old),
    () => `version ${old} of chain ${rows.number(row)} was superseded twice`,
    'FARSIDE_CORRUPT',
  );
  pending.set(old, link);
  rows.setPending(row, pending);
}

function followPending(rows: ChainRows, row: number, retiring: Retiring, nowNs: number): void {
  const pending = rows.pending(row) as Map<Reference, PendingLink>;
  for (;;) {
    const head = rows.ref(row, 0);
    const link = pending.get(head);
    if (link === undefined) break;
    pending.delete(head);
    leave(rows, row, retiring, nowNs, link.isInDoubt);
    rows.standAt(row, link.refs, link.sequence);
  }
  if (pending.size === 0) rows.setPending(row, undefined);
}

/** All copies of the version where the chain stands. */
function leave(
  rows: ChainRows,
  row: number,
  retiring: Retiring,
  nowNs: number,
  isInDoubt: boolean,
): void {
  for (let r = 0; r < rows.replicas; r++) {
    if (isInDoubt) retiring.setAside(rows.ref(row, r));
    else retiring.retire(rows.ref(row, r), nowNs);
  }
}
