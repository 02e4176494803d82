import { assert } from '../core/errors.ts';
import type { RandomStream } from '../core/random.ts';
import type { Operation } from './workload.ts';

export interface ArrivalSpec {
  readonly arrivals: 'poisson' | 'constant' | 'as-recorded';
  /** Of this client. For `as-recorded` it is not used: the trace brings the times. */
  readonly opsPerS: number;
  /** When the first interval begins, on the run's clock. */
  readonly fromNs: number;
  readonly random: RandomStream;
}

/** Intended starts of an open loop's operations, in order, on the run's clock. */
export interface Arrivals {
  next(operation: Operation): number;
}

/**
 * `poisson`: exponential intervals, as a large crowd of independent users makes them. `constant`:
 * equal intervals; the first operation comes at a random point of the first one, so that a hundred
 * clients do not all start at the same instant for ever. `as-recorded`: when the trace says.
 */
export function intendedStarts(spec: ArrivalSpec): Arrivals {
  if (spec.arrivals === 'as-recorded') {
    return { next: (operation) => spec.fromNs + operation.atNs };
  }
  assert(
    spec.opsPerS > 0 && Number.isFinite(spec.opsPerS),
    () => `a target of ${spec.opsPerS} operations per second: expected more than 0`,
    'FARSIDE_USAGE',
  );
  const intervalNs = 1e9 / spec.opsPerS;
  return spec.arrivals === 'poisson' ? poisson(spec, intervalNs) : constant(spec, intervalNs);
}

function poisson({ fromNs, random }: ArrivalSpec, intervalNs: number): Arrivals {
  let atNs = fromNs;
  return {
    // 1 - unit() lies in (0, 1], so that the logarithm is finite.
    next: () => (atNs += -Math.log(1 - random.unit()) * intervalNs),
  };
}

function constant({ fromNs, random }: ArrivalSpec, intervalNs: number): Arrivals {
  const firstNs = fromNs + random.unit() * intervalNs;
  let index = 0;
  // A product instead of a running sum: no drift over 10^9 operations.
  return { next: () => firstNs + index++ * intervalNs };
}
