/** Runs two measurements in turns and compares them: what a shared, noisy machine allows to claim. */
export interface Comparison {
  readonly ours: number;
  readonly theirs: number;
  /** Median of the ratios of the pairs, ours over theirs. */
  readonly ratio: number;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

export async function alternate(
  pairs: number,
  ours: () => number | Promise<number>,
  theirs: () => number | Promise<number>,
): Promise<Comparison> {
  const measured: { ours: number; theirs: number }[] = [];
  for (let i = 0; i < pairs; i++) measured.push({ ours: await ours(), theirs: await theirs() });
  return {
    ours: median(measured.map((m) => m.ours)),
    theirs: median(measured.map((m) => m.theirs)),
    ratio: median(measured.map((m) => m.ours / m.theirs)),
  };
}
