import { expect, test } from 'vitest';
import {
  atomicWrite,
  batch,
  cas,
  faa,
  fenced,
  type Program,
  post,
  read,
  readWord,
  sleep,
  wait,
  write,
  writeWord,
} from '../src/core/effect.ts';
import { once, SimBench } from '../test/support/sim.ts';

const words = 32;
const lengthBytes = words * 8;

/** Every word of generation g is (g, g): a mixture inside a word would show. */
function generation(g: number): Uint8Array {
  const bytes = new Uint8Array(lengthBytes);
  new Uint32Array(bytes.buffer).fill(g);
  return bytes;
}

function wordsOf(bytes: Uint8Array): number[] {
  const halves = new Uint32Array(bytes.buffer);
  return Array.from({ length: words }, (_, i) => {
    expect(halves[2 * i]).toBe(halves[2 * i + 1]);
    return halves[2 * i] as number;
  });
}

/** One writer, one reader `laterNs` after it; what the reader saw of generations 1 and 2. */
function race(seed: number, laterNs: number): number[] {
  const bench = new SimBench({ seed }, { computeNodes: 2 });
  const at = bench.base();
  bench.sim.place(at, generation(1));
  const seen = new Uint8Array(lengthBytes);
  bench.node(0).start(once(write(at, generation(2))));
  bench.node(1).start(
    (function* () {
      yield* sleep(laterNs);
      yield* read(at, seen);
    })(),
  );
  bench.sim.run();
  return wordsOf(seen);
}

test('a READ that overlaps a WRITE sees any mixture of words, and never a mixed word', () => {
  const mixtures = new Set<string>();
  const counts = new Set<number>();
  for (let seed = 1; seed <= 30; seed++) {
    for (const laterNs of [-200, 0, 200].map((n) => Math.max(n, 0))) {
      const seen = race(seed, laterNs);
      mixtures.add(seen.join(''));
      counts.add(seen.filter((g) => g === 2).length);
    }
  }
  expect(mixtures.size).toBeGreaterThan(50);
  expect(counts.size).toBeGreaterThan(10);
  // Not only prefixes: some mixture has a new word before an old one, and one the other way round.
  expect([...mixtures].some((m) => m.includes('21'))).toBe(true);
  expect([...mixtures].some((m) => m.includes('12'))).toBe(true);
});

test('a READ after the WRITE has completed sees all of it', () => {
  for (let seed = 1; seed <= 10; seed++) {
    expect(race(seed, 2000)).toEqual(Array.from({ length: words }, () => 2));
  }
});

test('a word seen new stays new', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const bench = new SimBench({ seed }, { computeNodes: 2 });
    const at = bench.base();
    bench.sim.place(at, generation(1));
    bench.node(0).start(once(write(at, generation(2))));
    const first = new Uint8Array(lengthBytes);
    const second = new Uint8Array(lengthBytes);
    // Two READs of one queue pair, in order, both while the WRITE lands.
    bench.node(1).start(
      (function* () {
        yield* sleep(100);
        yield* batch(read(at, first), read(at, second));
      })(),
    );
    bench.sim.run();
    const later = wordsOf(second);
    wordsOf(first).forEach((g, i) => {
      expect(later[i]).toBeGreaterThanOrEqual(g);
    });
  }
});

test('two WRITEs that race leave a mixture behind, and every READ after them agrees on it', () => {
  const mixtures = new Set<string>();
  for (let seed = 1; seed <= 20; seed++) {
    const bench = new SimBench({ seed }, { computeNodes: 3 });
    const at = bench.base();
    bench.node(0).start(once(write(at, generation(1))));
    bench.node(1).start(once(write(at, generation(2))));
    const first = new Uint8Array(lengthBytes);
    const second = new Uint8Array(lengthBytes);
    bench.node(2).start(
      (function* () {
        yield* sleep(3000);
        yield* read(at, first);
        yield* read(at, second);
      })(),
    );
    bench.sim.run();
    expect(second).toEqual(first);
    mixtures.add(wordsOf(first).join(''));
  }
  expect([...mixtures].filter((m) => m.includes('1') && m.includes('2')).length).toBeGreaterThan(
    15,
  );
});

test('WRITEs of one queue pair land in post order', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const bench = new SimBench({ seed });
    const at = bench.base();
    bench.measure(() => batch(write(at, generation(1)), write(at, generation(2))));
    const seen = new Uint8Array(lengthBytes);
    bench.sim.inspect(at, seen);
    expect(new Set(wordsOf(seen))).toEqual(new Set([2]));
  }
});

test('a message is safe: who sees the word that follows a body sees the body', () => {
  let early = 0;
  for (let seed = 1; seed <= 40; seed++) {
    const bench = new SimBench({ seed }, { computeNodes: 2 });
    const at = bench.base();
    bench.node(0).start(once(batch(write(at, generation(2)), writeWord(at + lengthBytes, 1n))));
    bench.node(1).start(
      (function* () {
        yield* sleep(seed * 10);
        const flag = yield* readWord(at + lengthBytes);
        if (flag === 0n) early++;
        else expect(yield* readWord(at)).toBe(0x2_0000_0002n);
      })(),
    );
    bench.sim.run();
  }
  expect(early).toBeGreaterThan(0);
  expect(early).toBeLessThan(40);
});

/** READ, then another verb of the same queue pair that changes what it reads. */
function overtaken(seed: number, isFenced: boolean, verb: (at: number) => unknown): bigint {
  const bench = new SimBench({ seed });
  const at = bench.base();
  const earlier = readWord(at);
  const later = verb(at) as ReturnType<typeof writeWord>;
  bench.measure(() => batch(earlier, isFenced ? fenced(later) : later));
  expect(bench.word(at)).toBe(9n);
  return earlier.word;
}

for (const [name, verb] of [
  ['WRITE', (at: number) => writeWord(at, 9n)],
  ['CAS', (at: number) => cas(at, 0n, 9n)],
  ['FETCH_ADD', (at: number) => faa(at, 9n)],
  ['ATOMIC_WRITE', (at: number) => atomicWrite(at, 9n)],
] as const) {
  test(`a later ${name} may act before an earlier READ, unless it is fenced`, () => {
    const seeds = Array.from({ length: 40 }, (_, i) => i + 1);
    expect(new Set(seeds.map((seed) => overtaken(seed, false, verb)))).toEqual(new Set([0n, 9n]));
    expect(new Set(seeds.map((seed) => overtaken(seed, true, verb)))).toEqual(new Set([0n]));
  });
}

test('a fenced verb waits for the READs before it, and costs their round trip', () => {
  const bench = new SimBench();
  const at = bench.base();
  expect(bench.measure(() => batch(readWord(at), fenced(writeWord(at, 1n)))).ns).toBe(4000);
  expect(bench.measure(() => batch(writeWord(at, 1n), fenced(readWord(at)))).ns).toBe(2000);
});

test('CAS and FETCH_ADD are atomic among each other, over 64 bits; a failed CAS writes nothing', () => {
  const bench = new SimBench({}, { computeNodes: 4 });
  const at = bench.base();
  let swaps = 0;
  function* increment(): Program {
    for (let done = 0; done < 50; ) {
      const old = yield* readWord(at);
      if ((yield* cas(at, old, old + 1n)) === old) {
        done++;
        swaps++;
      }
      yield* faa(at + 8, 0xffff_ffffn);
    }
  }
  for (let i = 0; i < 4; i++) bench.node(i).start(increment());
  bench.sim.run();
  expect(swaps).toBe(200);
  expect(bench.word(at)).toBe(200n);
  expect(bench.word(at + 8) % 0xffff_ffffn).toBe(0n);
  expect(bench.word(at + 8)).toBeGreaterThan(2n ** 32n);
  bench.measure(() => faa(at, 2n ** 64n - 201n));
  expect(bench.word(at)).toBe(2n ** 64n - 1n);
});

test('a WRITE that races a successful CAS on its word may be lost; without the race it never is', () => {
  const outcome = (seed: number, expected: bigint, laterNs: number): bigint => {
    const bench = new SimBench({ seed }, { computeNodes: 2 });
    const at = bench.base();
    bench.node(0).start(once(writeWord(at, 7n)));
    bench.node(1).start(
      (function* () {
        yield* sleep(laterNs);
        yield* cas(at, expected, 1n);
      })(),
    );
    bench.sim.run();
    return bench.word(at);
  };
  const seeds = Array.from({ length: 60 }, (_, i) => i + 1);
  expect(new Set(seeds.map((seed) => outcome(seed, 0n, 10)))).toEqual(new Set([1n, 7n]));
  expect(new Set(seeds.map((seed) => outcome(seed, 5n, 10)))).toEqual(new Set([7n]));
  expect(new Set(seeds.map((seed) => outcome(seed, 7n, 3000)))).toEqual(new Set([1n]));
});

test('a time-out of `wait` leaves the verbs in flight, and a later wait finds them done', () => {
  const bench = new SimBench();
  const at = bench.base();
  const { context } = bench.node();
  const { result } = bench.measure(function* () {
    const tickets = yield* post(writeWord(at, 1n), readWord(at));
    const early = yield* wait(tickets, { timeoutNs: 500 });
    const earlyNs = context.nowNs();
    const one = yield* wait(tickets, { count: 1 });
    yield* sleep(5000);
    return [early, earlyNs, one, context.nowNs(), yield* wait(tickets), context.nowNs()];
  });
  expect(result).toEqual([0, 500, 1, 7000, 2, 7000]);
});
