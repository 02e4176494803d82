import type { Program } from '../../src/core/effect.ts';
import { FarsideError } from '../../src/core/errors.ts';
import type { StoreClient } from '../../src/systems/system.ts';
import type { InThreadStore } from './in-thread.ts';

/** A value of that length whose every byte follows from `seed`, so that mixed values show. */
export function patterned(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (seed * 31 + i * 7 + (i >>> 8)) & 0xff);
}

/** Whether the bytes are `patterned` of that seed; much faster than a deep comparison. */
export function isPatterned(bytes: Uint8Array, seed: number): boolean {
  return bytes.every((byte, i) => byte === ((seed * 31 + i * 7 + (i >>> 8)) & 0xff));
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

/**
 * The error that the program ends with. It is caught inside: an error that leaves a program ends
 * the run, and the store could not be used again.
 */
export function failureOf(
  store: InThreadStore,
  program: (client: StoreClient) => Program<unknown>,
  node = 0,
): FarsideError {
  return once(
    store,
    function* (client) {
      try {
        yield* program(client);
      } catch (error) {
        if (error instanceof FarsideError) return error;
        throw error;
      }
      throw new Error('the program was expected to fail');
    },
    node,
  );
}
