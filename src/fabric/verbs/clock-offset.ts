import { readFileSync } from 'node:fs';

/** Processes of one boot of one host read one clock; where the kernel does not say, nobody shares one. */
export function ownClockId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return `process ${process.pid}`;
  }
}

/** One round trip: sent and received on the own clock, answered in between on the other's. */
export interface Sample {
  readonly sentNs: bigint;
  readonly answeredNs: bigint;
  readonly receivedNs: bigint;
}

export interface ClockOffset {
  /** The other clock minus the own one. */
  readonly offsetNs: bigint;
  /** How far that may be wrong. */
  readonly errorNs: number;
}

/**
 * Cristian's estimate, from the fastest round trip: the answer was given at some moment between sending and
 * receiving, so the middle of the two is wrong by half their distance at most, however unequal the two ways
 * are.
 */
export function offsetOf(samples: readonly Sample[]): ClockOffset {
  let best: ClockOffset | undefined;
  for (const { sentNs, answeredNs, receivedNs } of samples) {
    const errorNs = Number(receivedNs - sentNs) / 2;
    if (best !== undefined && errorNs >= best.errorNs) continue;
    best = { offsetNs: answeredNs - (sentNs + receivedNs) / 2n, errorNs };
  }
  if (best === undefined) throw new RangeError('an offset needs at least one sample');
  return best;
}

/**
 * How far times that were corrected by `first` may be wrong until `last` was measured: clocks drift, and
 * nobody looked in between.
 */
export function errorBetween(first: ClockOffset, last: ClockOffset): number {
  const driftNs = Math.abs(Number(last.offsetNs - first.offsetNs));
  return Math.max(first.errorNs, last.errorNs + driftNs);
}
