import type { RandomStream } from '../core/random.ts';
import type { PropertyReader } from './properties.ts';
import type { OperationKind } from './workload.ts';

/** Which kinds of operations come, each with its share of them; the shares add up to 1. */
export type Mix = readonly { readonly kind: OperationKind; readonly share: number }[];

/**
 * Reads `readproportion`, `updateproportion`, …; they are weights, as in YCSB, and a warning says
 * so where they do not add up to 1.
 */
export function readMix(
  reader: PropertyReader,
  kinds: readonly OperationKind[],
): { readonly mix: Mix; readonly warnings: readonly string[] } {
  const all = kinds.map((kind) => ({ kind, weight: reader.number(`${kind}proportion`) }));
  const sum = all.reduce((total, { weight }) => total + weight, 0);
  if (sum === 0) reader.fail(`${kinds[0]}proportion`, 'at least one proportion above 0');
  const mix = all
    .filter(({ weight }) => weight > 0)
    .map(({ kind, weight }) => ({ kind, share: weight / sum }));
  const given = all.map(({ kind, weight }) => `${kind} ${weight}`).join(', ');
  const total = Number(sum.toPrecision(6));
  const warnings =
    Math.abs(sum - 1) > 1e-9 ? [`proportions add up to ${total}, taken as weights: ${given}`] : [];
  return { mix, warnings };
}

/** `95 % read, 5 % update`. */
export function mixSummary(mix: Mix): string {
  return mix
    .map(({ kind, share }) => `${Number((share * 100).toPrecision(4))} % ${kind}`)
    .join(', ');
}

/** Draws kinds, each from one 32-bit number. */
export class KindChooser {
  readonly #kinds: readonly OperationKind[];
  /** Upper ends of each kind's part of the 32-bit numbers. */
  readonly #limits: Float64Array;

  constructor(mix: Mix) {
    this.#kinds = mix.map(({ kind }) => kind);
    let sum = 0;
    this.#limits = Float64Array.from(mix, ({ share }) => (sum += share) * 2 ** 32);
    // Whatever rounding left of the sum.
    this.#limits[this.#limits.length - 1] = 2 ** 32;
  }

  next(random: RandomStream): OperationKind {
    const draw = random.next32();
    let i = 0;
    while (draw >= (this.#limits[i] as number)) i++;
    return this.#kinds[i] as OperationKind;
  }
}
