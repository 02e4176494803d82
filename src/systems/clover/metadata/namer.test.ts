import { expect, test } from 'vitest';
import { CloverStore } from '../../../../test/support/clover-store.ts';
import { noReference, type Reference, reference } from '../pointer.ts';
import type { Chain } from './chain.ts';
import { Namer } from './namer.ts';
import { acceptLink } from './retire.ts';

const retired: Reference[] = [];
const retiring = { retire: (target: Reference) => retired.push(target), setAside: () => {} };

function newNamer(
  memoryNodes = 2,
  replicas = 2,
): { namer: Namer; refs: (n: number) => Reference[] } {
  const store = new CloverStore({ memoryNodes, replicas });
  const { layout } = store.servers[0] as CloverStore['servers'][0];
  const refs = (n: number): Reference[] =>
    Array.from({ length: replicas }, (_, r) => reference(layout.handle(r, 0, n), 1));
  return { namer: new Namer(layout, 0), refs };
}

test('chains stand in their rows, however many there are, and no number leads to the row of another', () => {
  const { namer, refs } = newNamer();
  const chains = Array.from({ length: 300 }, (_, n) =>
    namer.prepare(`key ${n}`, n, refs(n % 50), n),
  ) as Chain[];
  expect(new Set(chains.map(({ row }) => row)).size).toBe(chains.length);
  for (const [n, chain] of chains.entries()) {
    expect([chain.refs, chain.sequence, chain.rows]).toEqual([refs(n % 50), n, namer.rows]);
    expect(namer.rowOf(chain.number)).toBe(chain.row);
    expect(namer.chainAt(chain.row)).toBe(chain);
    // The next chain of the slot, which there is not yet, and one long before all.
    expect(namer.rowOf(2 * chain.number)).toBe(-1);
  }
  expect([0, 1, 2 ** 52].map((number) => namer.rowOf(number))).toEqual([-1, -1, -1]);
});

test('a chain that is forgotten stays as it was, and the next one of its slot starts from nothing', () => {
  const { namer, refs } = newNamer();
  const chain = namer.prepare('key', 0, refs(0), 1) as Chain;
  const { number, row } = chain;
  expect(acceptLink(namer.rows, row, refs(2)[0]!, refs(3), 4, retiring, 0)).toBe(false);
  namer.rows.setNumbered(row);
  chain.tombstone = refs(3)[0]!;
  chain.isOver = true;
  namer.forget(chain);
  expect([namer.rowOf(number), namer.chain(number)]).toEqual([-1, undefined]);
  expect([chain.number, chain.refs, chain.sequence]).toEqual([number, refs(0), 1]);
  expect([chain.tombstone, chain.isOver, chain.pending?.size]).toEqual([refs(3)[0], true, 1]);
  const next = namer.prepare('other', 0, refs(5), 9) as Chain;
  expect([next.row, next.refs, next.pending]).toEqual([row, refs(5), undefined]);
  expect([next.tombstone, next.isOver, namer.rows.isNumbered(row)]).toEqual([
    noReference,
    false,
    false,
  ]);
  expect(namer.rowOf(next.number)).toBe(row);
});

test('a chain that recovery has found brings its state along, links that wait as well', () => {
  const { namer, refs } = newNamer();
  const found = newNamer().namer.prepare('key', 7, refs(0), 1) as Chain;
  acceptLink(found.rows, found.row, refs(1)[0]!, refs(2), 3, retiring, 0);
  namer.adopt(found);
  retired.length = 0;
  expect(found.rows).toBe(namer.rows);
  expect(acceptLink(namer.rows, found.row, refs(0)[0]!, refs(1), 2, retiring, 0)).toBe(true);
  expect([found.refs, found.sequence, found.pending]).toEqual([refs(2), 3, undefined]);
  expect(retired).toEqual([...refs(0), ...refs(1)]);
});
