import type { FabricKind } from '../../core/context.ts';

/** In virtual time, enough to fill the queues. */
const verbsInSim = 1000;
/** Where time is real, verbs come before the measured ones, for caches and compilers: so many, or so long. */
const verbsEnough = 100_000;
const nsAtLeast = 5e9;
const nsMost = 30e9;
const lookNs = 1e9;
/** A rate that rises by less from one look to the next has stopped rising, as far as noise lets one tell. */
const rise = 1.25;

/**
 * Tells when verbs have warmed up. On a slow or busy machine five seconds are over long before V8 has
 * compiled what runs: in an emulated guest whose host is shared, a READ took 2.2 ms in the first three
 * seconds and 0.33 ms after ten. So it also takes until the rate has ceased to rise.
 */
export class WarmUp {
  readonly #fabric: FabricKind;
  #startNs: number | undefined;
  #lookedNs = 0;
  #verbsBefore = 0;
  #rateBefore = 0;

  constructor(fabric: FabricKind) {
    this.#fabric = fabric;
  }

  /** `verbs`: completed since its first call; true once they are enough. */
  isWarm(verbs: number, nowNs: number): boolean {
    if (this.#fabric === 'sim') return verbs >= verbsInSim;
    this.#startNs ??= this.#lookedNs = nowNs;
    const sinceNs = nowNs - this.#startNs;
    if (verbs >= verbsEnough || sinceNs >= nsMost) return true;
    return this.#isLevel(verbs, nowNs) && sinceNs >= nsAtLeast;
  }

  /** Whether a look is due, and the rate since the last is not much higher than before that. */
  #isLevel(verbs: number, nowNs: number): boolean {
    const spanNs = nowNs - this.#lookedNs;
    if (spanNs < lookNs) return false;
    const rate = (verbs - this.#verbsBefore) / spanNs;
    const isLevel = rate <= this.#rateBefore * rise;
    this.#lookedNs = nowNs;
    this.#verbsBefore = verbs;
    this.#rateBefore = rate;
    return isLevel;
  }
}
