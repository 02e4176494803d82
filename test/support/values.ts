import type { Program } from '../../src/core/effect.ts';
import type { StoreClient } from '../../src/systems/system.ts';
import type { InThreadStore } from './in-thread.ts';

/** A value of that length whose every byte follows from `seed`, so that mixed values show. */
export function patterned(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (seed * 31 + i * 7 + (i >>> 8)) & 0xff);
}

/** Runs one program on one client of a compute node and gives what it returns. */
export function once<T>(
  store: InThreadStore,
  program: (client: StoreClient) => Program<T>,
  node = 0,
): T {
  let result: T | undefined;
  store.run([
    {
      node,
      program: function* (client) {
        result = yield* program(client);
      },
    },
  ]);
  return result as T;
}
