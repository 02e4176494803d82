import { FarsideError } from '../../core/errors.ts';
import type { SharedNode } from './node.ts';

/**
 * Runs several nodes of the shared fabric in the calling thread, in turns, until no foreground program
 * is left. Deterministic given a deterministic clock; what unit tests of systems use.
 *
 * Where a whole round finds nobody ready, only time can change that: a clock that can skip is moved to
 * the next timer. Without a timer no program will ever be ready again (a message would come from a
 * program of this thread), and that is an error at once.
 */
export function runTogether(nodes: readonly SharedNode[], turnsMax = 10_000_000): void {
  for (let turns = 0; turns < turnsMax; turns++) {
    if (nodes.every((node) => node.foreground === 0)) return;
    let progress = false;
    for (const node of nodes) progress = node.turn() || progress;
    if (!progress) skipToNextTimer(nodes);
  }
  throw new FarsideError('FARSIDE_LIMIT', `programs did not finish within ${turnsMax} turns`);
}

function skipToNextTimer(nodes: readonly SharedNode[]): void {
  let nextNs = Number.POSITIVE_INFINITY;
  for (const node of nodes) nextNs = Math.min(nextNs, node.nextTimerNs);
  if (nextNs === Number.POSITIVE_INFINITY) {
    throw new FarsideError(
      'FARSIDE_LIMIT',
      'every program waits for a message that none of them will send',
    );
  }
  for (const node of nodes) node.skipTo(nextNs);
}
