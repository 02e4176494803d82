import { FarsideError } from '../../core/errors.ts';
import type { SharedNode } from './node.ts';

/**
 * Runs several nodes of the shared fabric in the calling thread, in turns, until no foreground program
 * is left. Deterministic given a deterministic clock; what unit tests of systems use.
 */
export function runTogether(nodes: readonly SharedNode[], turnsMax = 10_000_000): void {
  for (let turns = 0; turns < turnsMax; turns++) {
    if (nodes.every((node) => node.foreground === 0)) return;
    for (const node of nodes) node.turn();
  }
  throw new FarsideError('FARSIDE_LIMIT', `programs did not finish within ${turnsMax} turns`);
}
