import type { RandomStream } from '../../core/random.ts';

/**
 * A distribution over the integers 0, 1, …: which of the records, counted from the first, comes
 * next.
 */
export interface Distribution {
  next(random: RandomStream): number;
}

/** How many records there are by now, where a distribution follows a store that grows. */
export interface Population {
  readonly count: number;
}
