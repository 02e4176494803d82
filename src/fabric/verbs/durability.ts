import type { Durability } from '../../core/context.ts';
import type { DurabilityUsed } from '../job.ts';

export interface DurabilityAsked {
  readonly durability: Durability;
  /** `read`: the operator declares that on this platform a READ makes earlier WRITEs durable. */
  readonly flushBy?: 'flush' | 'read';
}

/**
 * Where nothing makes WRITEs durable, and no operator says that a READ does, they are assumed to be, and the
 * result says so (design: a platform without FLUSH runs in `assumed` durability).
 */
export function durabilityUsed(
  { durability, flushBy = 'flush' }: DurabilityAsked,
  cannotFlush: string | undefined,
): DurabilityUsed {
  if (flushBy === 'read') return { mode: durability, flushedBy: 'READ' };
  if (cannotFlush === undefined) return { mode: durability, flushedBy: 'FLUSH' };
  const because = `${cannotFlush}; --flush-by read declares that a READ does it here`;
  return { mode: 'assumed', flushedBy: 'READ', because };
}
