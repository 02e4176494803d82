import { expect, test } from 'vitest';
import { canBeOrdered } from '../../test/support/brute-force.ts';
import { randomHistory, withOneLie } from '../../test/support/random-histories.ts';
import type { History, OperationKind } from './history.ts';
import { findOrder } from './order-search.ts';
import { rowsByKey } from './partition.ts';
import { stepsOf } from './steps.ts';

function search(history: History, left = 1e6): string {
  const [rows = new Int32Array(0)] = rowsByKey(history).values();
  return findOrder(stepsOf(history, rows), { left });
}

const mixes: Readonly<Record<string, readonly OperationKind[]>> = {
  store: ['insert', 'get', 'get', 'put', 'put', 'delete'],
  register: ['get', 'get', 'write', 'write', 'cas'],
  everything: ['insert', 'get', 'get', 'put', 'delete', 'write', 'cas'],
};

/** Most of what a search may get wrong shows in a few operations; the seeds make it likely. */
test.each(
  Object.entries(mixes).flatMap(([name, kinds]) =>
    [undefined, 2, 3].map((values) => ({ name, kinds, values })),
  ),
)('agrees with trying every order: $name, $values values', ({ kinds, values }) => {
  let broken = 0;
  const histories = 3000;
  for (let seed = 0; seed < histories; seed++) {
    const history = randomHistory({
      ...{ seed, operations: 4 + (seed % 6), processes: 2 + (seed % 4), kinds },
      ...(values === undefined ? {} : { values }),
      ...{ failedPercent: 5, unknownPercent: seed % 3 === 0 ? 45 : 15 },
    });
    expect(search(history), `seed ${seed}`).toBe('found');
    const lie = withOneLie(history, seed);
    const expected = canBeOrdered(lie);
    expect(search(lie), `seed ${seed} with a lie`).toBe(expected ? 'found' : 'none');
    if (!expected) broken++;
  }
  // Neither answer is a rarity.
  expect(broken).toBeGreaterThan(histories / 10);
  expect(broken).toBeLessThan(histories - histories / 10);
});

test('long histories with slow operations in between are found to be right', () => {
  for (let seed = 0; seed < 20; seed++) {
    const history = randomHistory({ seed, operations: 3000, processes: 20, unknownPercent: 1 });
    expect(search(history)).toBe('found');
  }
});

test('gives up where the budget ends', () => {
  const history = randomHistory({ seed: 1, operations: 1000, processes: 5 });
  expect(search(history, 100)).toBe('gave up');
});
