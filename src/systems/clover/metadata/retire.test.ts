import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Reference, reference } from '../pointer.ts';
import type { Allocator } from './allocator.ts';
import { Chain } from './chain.ts';
import { acceptLink } from './retire.ts';

const versions = 12;
const copiesOf = (n: number): Reference[] => [reference(10 + n, 1), reference(100 + n, 7)];

function recorder(): { allocator: Allocator; retired: Reference[] } {
  const retired: Reference[] = [];
  return { retired, allocator: { retire: (ref: Reference) => retired.push(ref) } as never };
}

/** Links n -> n + 1, reported in that order. Gives whether the chain had ended after each. */
function report(chain: Chain, order: readonly number[], allocator: Allocator): boolean[] {
  const { rows, row } = chain;
  return order.map((n) => {
    const [stood] = chain.refs;
    const old = copiesOf(n)[0] as Reference;
    const hasMoved = acceptLink(rows, row, old, copiesOf(n + 1), n + 1, allocator, 0);
    expect(hasMoved).toBe(chain.refs[0] !== stood);
    return chain.hasEnded;
  });
}

test('links reported in any order retire every version but the last, oldest first', () => {
  const inOrder = Array.from({ length: versions }, (_, n) => n);
  fc.assert(
    fc.property(fc.shuffledSubarray(inOrder, { minLength: versions }), (order) => {
      const chain = new Chain('key', 1, copiesOf(0), 0);
      const { allocator, retired } = recorder();
      const ended = report(chain, order, allocator);
      expect(retired).toEqual(inOrder.flatMap((n) => copiesOf(n)));
      expect(chain.refs).toEqual(copiesOf(versions));
      expect([chain.sequence, chain.pending]).toEqual([versions, undefined]);
      expect(ended).not.toContain(true);
    }),
  );
});

test('nothing is retired while an earlier link is missing', () => {
  const chain = new Chain('key', 1, copiesOf(0), 0);
  const { allocator, retired } = recorder();
  report(chain, [3, 1, 2], allocator);
  expect([retired, chain.refs]).toEqual([[], copiesOf(0)]);
  report(chain, [0], allocator);
  expect(retired).toHaveLength(8);
});

test('a removed chain has ended when its tombstone is all that is left', () => {
  const chain = new Chain('key', 1, copiesOf(0), 0);
  const { allocator } = recorder();
  chain.tombstone = copiesOf(2)[0] as Reference;
  expect(chain.hasEnded).toBe(false);
  expect(report(chain, [1, 0], allocator)).toEqual([false, true]);
});

test('a version that is superseded twice is corruption', () => {
  const chain = new Chain('key', 1, copiesOf(0), 0);
  const { allocator } = recorder();
  expect(() => report(chain, [5, 5], allocator)).toThrow('superseded twice');
});
