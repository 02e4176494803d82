import { expect, test } from 'vitest';
import { describeOnFake, openBench } from '../../../test/support/verbs.ts';
import { type Piece, Staging } from './staging.ts';

describeOnFake('staging', () => {
  test('pieces do not overlap, and come back to those of their size', () => {
    const bench = openBench();
    const staging = new Staging(bench.native, bench.pd, bench.ring, 8 << 20);
    const pieces = [8, 64, 65, 4096, 1 << 20, 3 << 20, 100].map((n) => staging.take(n) as Piece);
    pieces.forEach((piece, i) => {
      piece.bytes.fill(i + 1);
    });
    pieces.forEach((piece, i) => {
      expect(piece.bytes.every((byte) => byte === i + 1)).toBe(true);
    });
    const [, , , four] = pieces as [Piece, Piece, Piece, Piece];
    staging.give(four);
    const again = staging.take(3000) as Piece;
    expect([again.region, again.offset]).toEqual([four.region, four.offset]);
    bench.close();
  });

  test('at the bound a size has at least one piece, and the next waits for it', () => {
    const bench = openBench();
    const staging = new Staging(bench.native, bench.pd, bench.ring, 1 << 20);
    const small = staging.take(64) as Piece;
    const large = staging.take(2 << 20) as Piece;
    expect([small.bytes.length, large.bytes.length]).toEqual([64, 2 << 20]);
    expect(staging.take(2 << 20)).toBeUndefined();
    staging.give(large);
    expect(staging.take((2 << 20) - 8)).toBeDefined();
    bench.close();
  });
});
