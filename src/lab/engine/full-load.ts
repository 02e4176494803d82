/** Operations that one compute node ended while all of them measured, and how long that was. */
export interface FullLoadPart {
  readonly operations: number;
  readonly durationNs: number;
}

/**
 * Where time is real, compute nodes begin and end their windows at different moments, and none knows
 * what the others have left. The total over the time from the first start to the last end is too little:
 * whoever ends early leaves the rest of that time to fewer clients. The sum of the rates of all
 * windows is too much: the last ones had the machine to themselves. So each node notes its rate from
 * when it sees that all have begun to when it sees that one has ended, and throughput is the sum of
 * those rates.
 *
 *   node 0   ···|▒▒▒▒▒▒▒████████████|            ▒ measured: latencies, round trips, bytes
 *   node 1   ··········|████████████▒▒▒▒▒▒▒|     █ and counted for throughput
 */
export class FullLoad {
  readonly #hasBegun: () => boolean;
  readonly #hasEnded: () => boolean;
  #from: Moment | undefined;
  #to: Moment | undefined;

  /** `hasBegun`: all nodes measure, or have measured; `hasEnded`: one of them no longer does. */
  constructor(hasBegun: () => boolean, hasEnded: () => boolean) {
    this.#hasBegun = hasBegun;
    this.#hasEnded = hasEnded;
  }

  /** Called between operations; `measured` so far. The clock is read twice a run. */
  look(nowNs: () => number, measured: number): void {
    if (this.#to !== undefined) return;
    if (this.#hasEnded()) this.#to = { atNs: nowNs(), measured };
    else if (this.#from === undefined && this.#hasBegun()) this.#from = { atNs: nowNs(), measured };
  }

  /** The node's own window has ended. */
  end(atNs: number, measured: number): void {
    this.#to ??= { atNs, measured };
  }

  /** Undefined where there was no moment at which all measured. */
  get part(): FullLoadPart | undefined {
    if (this.#from === undefined || this.#to === undefined) return undefined;
    const durationNs = this.#to.atNs - this.#from.atNs;
    if (durationNs <= 0) return undefined;
    return { operations: this.#to.measured - this.#from.measured, durationNs };
  }
}

interface Moment {
  readonly atNs: number;
  readonly measured: number;
}

/**
 * Operations per second; undefined where some node was never at full load, and for a node alone, whose
 * window is all there is.
 */
export function fullLoadOpsPerS(parts: readonly (FullLoadPart | undefined)[]): number | undefined {
  const known = parts.filter((part) => part !== undefined);
  if (known.length < parts.length || parts.length === 1) return undefined;
  const opsPerS = known.reduce((sum, part) => sum + (part.operations / part.durationNs) * 1e9, 0);
  return opsPerS > 0 ? opsPerS : undefined;
}
