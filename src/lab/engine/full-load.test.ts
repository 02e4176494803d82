import { describe, expect, test } from 'vitest';
import { FullLoad, type FullLoadPart, fullLoadOpsPerS } from './full-load.ts';

/** Two nodes whose windows are `[from, to]`, each ending an operation every `stepNs`. */
function twoNodes(
  windows: readonly (readonly [from: number, to: number])[],
  stepsNs: readonly number[],
): (FullLoadPart | undefined)[] {
  let now = 0;
  const nodes = windows.map(([from, to], i) => ({
    from,
    to,
    stepNs: stepsNs[i] as number,
    measured: 0,
    load: new FullLoad(
      () => windows.every(([begin]) => now >= begin),
      () => windows.some(([, end]) => now >= end),
    ),
  }));
  for (now = 0; now <= 2000; now++) {
    for (const node of nodes) {
      if (now % node.stepNs !== 0) continue;
      if (now > node.from && now <= node.to) node.measured++;
      if (now === node.to) node.load.end(now, node.measured);
      node.load.look(() => now, node.measured);
    }
  }
  return nodes.map(({ load }) => load.part);
}

describe('throughput of nodes with windows of their own', () => {
  test('is the sum of their rates while all measured', () => {
    const parts = twoNodes(
      [
        [100, 900],
        [200, 1600],
      ],
      [10, 20],
    );
    expect(parts).toEqual([
      { operations: 70, durationNs: 700 },
      { operations: 35, durationNs: 700 },
    ]);
    expect(fullLoadOpsPerS(parts)).toBeCloseTo(1e9 / 10 + 1e9 / 20, 3);
  });

  test('is not known where one had ended before the other began', () => {
    const parts = twoNodes(
      [
        [100, 200],
        [500, 900],
      ],
      [10, 10],
    );
    expect(parts).toEqual([undefined, undefined]);
    expect(fullLoadOpsPerS(parts)).toBeUndefined();
  });

  test('a node alone needs none of it', () => {
    expect(fullLoadOpsPerS([{ operations: 5, durationNs: 10 }])).toBeUndefined();
  });
});
