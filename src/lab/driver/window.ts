import type { Share } from '../../workload/workload.ts';
import type { PhaseSpec } from '../spec.ts';

/**
 * When measuring begins and ends, for all clients of one process. Operations are counted by when they
 * end: those that end inside [start, end] are measured, so there is neither ramp-up (warm-up comes
 * first, with the same clients at full load) nor ramp-down (clients stop drawing, and what is still in
 * flight when the last measured operation ends is not counted).
 */
export class MeasuringWindow {
  startNs = Number.NaN;
  endNs = Number.NaN;
  /** Operations that ended inside the window, and all that have ended. */
  measured = 0;
  completed = 0;
  readonly #warmup: number;
  readonly #operations: number;
  readonly #durationNs: number;
  readonly #hooks: WindowHooks;

  /**
   * `share`: which of the run's processes this is; counts are split over them without remainder.
   * `done`: operations that an earlier start of this process has ended.
   */
  constructor(phases: PhaseSpec, share: Share, hooks: WindowHooks, done = 0) {
    const warmup = partOf(phases.warmupOperations, share);
    this.#warmup = Math.max(0, warmup - done);
    const measured = Math.max(0, done - warmup);
    this.#operations =
      phases.operations === undefined
        ? Number.POSITIVE_INFINITY
        : Math.max(0, partOf(phases.operations, share) - measured);
    this.#durationNs = phases.durationNs ?? Number.POSITIVE_INFINITY;
    this.#hooks = hooks;
  }

  /** Called once by the driver before the first operation. */
  open(nowNs: number): void {
    if (this.#warmup === 0) this.#begin(nowNs);
  }

  /** False once the window has closed: clients draw no more operations. */
  get wanted(): boolean {
    return Number.isNaN(this.endNs);
  }

  /** Notes the end of an operation; true where it is to be measured. */
  ended(nowNs: number): boolean {
    this.completed++;
    if (Number.isNaN(this.startNs)) {
      if (this.completed >= this.#warmup) this.#begin(nowNs);
      return false;
    }
    if (!this.wanted) return false;
    if (nowNs - this.startNs > this.#durationNs) {
      this.close(nowNs);
      return false;
    }
    this.measured++;
    if (this.measured >= this.#operations) this.close(nowNs);
    return true;
  }

  /**
   * Ends measuring: by count, by time, or because the sources have run dry. A window with a duration
   * never ends later than that, whenever somebody comes to close it.
   */
  close(nowNs: number): void {
    if (!this.wanted) return;
    if (Number.isNaN(this.startNs)) this.#begin(nowNs);
    if (!this.wanted) return; // A share of nothing has closed where it began.
    this.endNs = Math.min(nowNs, this.startNs + this.#durationNs);
    this.#hooks.onEnd();
  }

  get durationNs(): number {
    return this.endNs - this.startNs;
  }

  #begin(nowNs: number): void {
    this.startNs = nowNs;
    this.#hooks.onStart(nowNs + this.#durationNs);
    if (this.#operations === 0) this.close(nowNs);
  }
}

/** Take snapshots of counters that run on outside the window. */
export interface WindowHooks {
  /**
   * `endNs` is when the window must be closed, or infinity. Whoever has a timer closes it then: the next
   * operation to end may be long in coming, and counters would run on until it does.
   */
  onStart(endNs: number): void;
  onEnd(): void;
}

function partOf(total: number, { index, of }: Share): number {
  return Math.floor(total / of) + (index < total % of ? 1 : 0);
}
