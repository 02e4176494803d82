import type { FailedRun } from '../result.ts';
import { pointLabel, systemLabel } from './names.ts';

/**
 * Failed runs, those of one system with one message together: a hundred points of a sweep often fail
 * for one reason, which is worth one line.
 */
export function failedAlike(failures: readonly FailedRun[]): FailedRun[][] {
  const groups = new Map<string, FailedRun[]>();
  for (const failure of failures) {
    const key = JSON.stringify([failure.system, failure.message]);
    groups.set(key, [...(groups.get(key) ?? []), failure]);
  }
  return [...groups.values()];
}

/** `failed: clover, compute nodes 8, seed 1: …`, and how many more runs say the same. */
export function failureLine(alike: readonly FailedRun[]): string {
  const [{ system, point, seed, message }] = alike as [FailedRun];
  const name = systemLabel(system);
  const where = [name, pointLabel(point), `seed ${seed}`].filter((part) => part !== '').join(', ');
  const others = alike.length - 1;
  const more =
    others === 0 ? '' : ` (and ${others} more ${others === 1 ? 'run' : 'runs'} of ${name})`;
  return `failed: ${where}: ${message}${more}`;
}

export function failureLines(failures: readonly FailedRun[]): string[] {
  return failedAlike(failures).map(failureLine);
}
