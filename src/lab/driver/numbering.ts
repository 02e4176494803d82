import type { Share } from '../../workload/workload.ts';

/** A message carries the number of its operation in 32 bits; 0 means background. */
const numbersEnd = 2 ** 32;

/**
 * Numbers operations over a whole run: each process counts in steps of their number, so that no two
 * give the same. Starts anew after 2^32, when the operations of that time have long ended.
 */
export function operationNumbers({ index, of }: Share): () => number {
  let number = index + 1 - of;
  return () => {
    number += of;
    if (number >= numbersEnd) number = index + 1;
    return number;
  };
}
