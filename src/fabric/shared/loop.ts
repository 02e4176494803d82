import { availableParallelism } from 'node:os';
import { FarsideError } from '../../core/errors.ts';
import { type ControlBlock, stopReason } from './control.ts';
import type { SharedNode } from './node.ts';

/** A timer due sooner than this is spun for: going to sleep and waking costs about as much. */
const spinBelowNs = 50_000;
/** A sleeping node looks around this often, whatever happens. */
export const sleepNsMax = 50_000_000;
/** Idle turns before a node sleeps. */
const spinTurns = { coresForAll: 1000, tooFewCores: 20 } as const;

/** Few where there are more nodes on this host than cores for them to spin on. */
export function spinTurnsFor(nodes: number): number {
  return nodes <= availableParallelism() ? spinTurns.coresForAll : spinTurns.tooFewCores;
}

/**
 * Runs one node in the calling thread until the run stops. Where all programs wait it looks for
 * `spinTurnsMax` turns, then sleeps on its doorbell until a peer rings it or its next timer is due.
 * `onFinished` is called once, when no foreground program is left (there may have been none);
 * daemons go on, because other nodes may still need them.
 */
export function runUntilStopped(
  node: SharedNode,
  control: ControlBlock,
  spinTurnsMax: number,
  onFinished: () => void,
): void {
  const { nowNs } = node.context;
  const somethingCame = (): boolean => node.poll();
  let finished = node.foreground === 0;
  let idleTurns = 0;
  while (control.stopped === stopReason.none) {
    if (node.turn()) {
      idleTurns = 0;
      if (!finished && node.foreground === 0) {
        finished = true;
        onFinished();
      }
      continue;
    }
    if (++idleTurns < spinTurnsMax) continue;
    const aheadNs = node.nextTimerNs - nowNs();
    if (aheadNs < spinBelowNs) continue;
    control.sleep(node.context.node, somethingCame, Math.min(aheadNs, sleepNsMax));
  }
}

/**
 * Runs several nodes of the shared fabric in the calling thread, in turns, until no foreground
 * program is left. Deterministic given a deterministic clock; what unit tests of systems use.
 *
 * Where a whole round finds nobody ready, only time can change that: a clock that can skip is moved
 * to the next timer. Without a timer no program will ever be ready again (a message would come from
 * a program of this thread), and that is an error at once.
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
