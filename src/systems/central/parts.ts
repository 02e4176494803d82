import { Calls } from './calls.ts';
import { CentralClient } from './client.ts';
import { Copies } from './copies.ts';
import { PersistentMap } from './persistent-map.ts';
import { Reader } from './reader.ts';
import { Relocation } from './relocation.ts';
import { TakeOver } from './take-over.ts';
import { VoidList } from './void-list.ts';
import { Writer } from './writer.ts';

/**
 * What Central is put together from, so that a variant of it (a wrong one, in tests of the checkers; or
 * an idea to be compared) replaces one part and shares all others.
 */
export const centralParts = {
  Calls,
  CentralClient,
  Copies,
  PersistentMap,
  Reader,
  Relocation,
  TakeOver,
  VoidList,
  Writer,
};

export type CentralParts = typeof centralParts;
