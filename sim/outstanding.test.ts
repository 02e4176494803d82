import { expect, test } from 'vitest';
import {
  fenced,
  type Program,
  post,
  readWord,
  sleep,
  wait,
  writeWord,
} from '../src/core/effect.ts';
import { SimBench, shippedProfile } from '../test/support/sim.ts';

/** Verbs act 1 µs after their post, and complete after another one. */
function endsOf(
  program: (base: number, end: () => void) => Program,
  readsOutstandingMax = 16,
): number[] {
  const profile = shippedProfile('ideal', { 'queuePair.readsOutstandingMax': readsOutstandingMax });
  const bench = new SimBench({ profile });
  const ends: number[] = [];
  const { context } = bench.node();
  bench.measure(() => program(bench.base(), () => ends.push(context.nowNs())));
  return ends;
}

test('a fenced verb waits for a READ that has acted, and whose end its program has not seen', () => {
  const ends = endsOf(function* (base, end) {
    const [early] = yield* post(readWord(base));
    yield* sleep(1500);
    yield* fenced(writeWord(base, 1n));
    end();
    yield* wait([early as never]);
  });
  expect(ends).toEqual([4000]);
});

test('a fenced verb waits for nothing where the program has seen all ends', () => {
  const ends = endsOf(function* (base, end) {
    yield* readWord(base);
    yield* fenced(writeWord(base, 1n));
    end();
  });
  expect(ends).toEqual([4000]);
});

test('of more READs than may be outstanding, those behind wait for the first to complete', () => {
  const ends = endsOf(function* (base, end) {
    // Two have acted, two are on their way, and the fifth is one too many until the first completes.
    const tickets = [...(yield* post(readWord(base), readWord(base)))];
    yield* sleep(1500);
    tickets.push(...(yield* post(readWord(base), readWord(base), readWord(base))));
    for (const ticket of tickets) {
      yield* wait([ticket]);
      end();
    }
    // And so it is from then on.
    const again = yield* post(...Array.from({ length: 6 }, () => readWord(base)));
    for (const ticket of again) {
      yield* wait([ticket]);
      end();
    }
  }, 4);
  expect(ends.slice(0, 5)).toEqual([2000, 2000, 3500, 3500, 4000]);
  expect(ends.slice(5)).toEqual([6000, 6000, 6000, 6000, 8000, 8000]);
});
