import { expect, test } from 'vitest';
import {
  compute,
  type Program,
  post,
  readWord,
  receive,
  sleep,
  spawn,
  writeWord,
} from '../src/core/effect.ts';
import { SimBench, shippedProfile } from '../test/support/sim.ts';

const priced = (changes: Record<string, number> = {}) =>
  shippedProfile('ideal', { 'compute.request.fixedNs': 1000, 'compute.crc.unitNs': 2, ...changes });

test('programs of one core queue for it, programs of two do not', () => {
  const ends: [string, number][] = [];
  const bench = new SimBench({ profile: priced() }, { cores: 2 });
  const node = bench.node();
  function* work(name: string): Program {
    yield* compute('request');
    ends.push([name, node.context.nowNs()]);
  }
  node.start(work('a'), { thread: 0 });
  node.start(work('b'), { thread: 2 });
  node.start(work('c'), { thread: 1 });
  bench.sim.run();
  expect(ends).toEqual([
    ['a', 1000],
    ['c', 1000],
    ['b', 2000],
  ]);
  const { cores } = bench.sim.statistics().nodes[1] ?? { cores: [] };
  expect(cores.map((core) => core.usefulNs)).toEqual([2000, 1000]);
});

test('a program that waits holds no core', () => {
  const bench = new SimBench({ profile: priced() });
  const node = bench.node();
  function* work(): Program {
    for (let i = 0; i < 2; i++) {
      yield* compute('request');
      yield* readWord(bench.base());
    }
  }
  for (let i = 0; i < 3; i++) node.start(work(), { thread: 0 });
  bench.sim.run();
  // 3 × 1 µs of computing hide in the 2 µs round trips of the others.
  expect(bench.sim.nowNs).toBe(8000);
});

test('computing delays the verbs of the same step, and not those of other cores', () => {
  const bench = new SimBench({ profile: priced({ 'nic.requesterRate': 1 }) }, { cores: 2 });
  const node = bench.node();
  const ends: number[] = [];
  function* work(units: number): Program {
    yield* compute('crc', units);
    yield* readWord(bench.base());
    ends.push(node.context.nowNs());
  }
  node.start(work(5000), { thread: 0 });
  node.start(work(0), { thread: 1 });
  bench.sim.run();
  expect(ends).toEqual([3000, 13_000]);
});

test('small computations add up without an event each', () => {
  const bench = new SimBench({ profile: priced() });
  const { ns } = bench.measure(function* () {
    for (let i = 0; i < 100; i++) yield* compute('crc', 1);
  });
  expect(ns).toBe(200);
  expect(bench.sim.statistics().events).toBe(1);
});

test('who is ready begins where the one before leaves the core, up to half a microsecond ahead', () => {
  const bench = new SimBench({ profile: priced({ 'compute.crc.fixedNs': 0 }) });
  const node = bench.node();
  const ends: number[] = [];
  function* work(): Program {
    yield* compute('crc', 50);
    ends.push(node.context.nowNs());
  }
  for (let i = 0; i < 12; i++) node.start(work(), { thread: 0 });
  bench.sim.run();
  expect(ends).toEqual(Array.from({ length: 12 }, (_, i) => 100 * (i + 1)));
  // Six begin at most 500 ns ahead; the sixth computes beyond that, so it goes on in an event, and the
  // others behind it; and so does the twelfth.
  expect(bench.sim.statistics().events).toBe(3);
});

test('programs whose steps cost nothing share events, sixteen at most', () => {
  const bench = new SimBench({ profile: priced() });
  const node = bench.node();
  for (let i = 0; i < 40; i++) node.start((function* (): Program {})(), { thread: 0 });
  bench.sim.run();
  expect(bench.sim.statistics().events).toBe(3);
});

test('a READ brings the same, whether or not another program has the core when it ends', () => {
  // On one core the other program leaves it in an event 200 ns before the READ's end, for a time 200 ns
  // behind it. A WRITE may change what is read until the end; so the reader must not go on in that event.
  const seen = (otherThread: number): bigint[] => {
    const profile = priced({ 'compute.crc.fixedNs': 0, 'faults.tearWindowNs': 1000 });
    const bench = new SimBench({ profile }, { cores: 2, computeNodes: 2 });
    const base = bench.base();
    const node = bench.node();
    const words: bigint[] = [];
    function* sleepUntil(atNs: number): Program {
      yield* sleep(atNs - node.context.nowNs());
    }
    function* reader(): Program {
      for (let i = 1; i <= 64; i++) {
        yield* sleepUntil(10_000 * i);
        words.push(yield* readWord(base));
      }
    }
    function* other(): Program {
      for (let i = 1; i <= 64; i++) {
        yield* sleepUntil(10_000 * i + 1800);
        yield* compute('crc', 200);
      }
    }
    function* writer(): Program {
      for (let word = 1n; word < 16_000n; word++) {
        yield* post(writeWord(base, word));
        yield* sleep(41);
      }
    }
    node.start(reader(), { thread: 0 });
    node.start(other(), { thread: otherThread });
    bench.node(1).start(writer());
    bench.sim.run();
    return words;
  };
  const words = seen(0);
  expect(words).toEqual(seen(1));
  expect(new Set(words).size).toBe(64);
});

test('background programs run on cores of their own where the profile has some', () => {
  for (const [spare, expected] of [
    [0, 3000],
    [1, 1000],
  ] as const) {
    const bench = new SimBench({ profile: priced({ 'cpu.backgroundCores': spare }) });
    const { ns } = bench.measure(function* () {
      yield* spawn(
        (function* () {
          yield* compute('request');
          yield* compute('request');
        })(),
      );
      yield* sleep(1);
      yield* compute('request');
    });
    expect(ns).toBeGreaterThanOrEqual(expected);
    expect(ns).toBeLessThanOrEqual(expected + 1);
  }
});

test('an error that nobody catches ends the run, every time it is tried', () => {
  const bench = new SimBench();
  bench.node().start(
    (function* () {
      yield* sleep(5);
      throw new Error('broken program');
    })(),
  );
  expect(() => bench.sim.run()).toThrow('broken program');
  expect(() => bench.sim.run()).toThrow('broken program');
});

test('address errors are thrown into the program, before anything is posted', () => {
  const bench = new SimBench();
  const codes: string[] = [];
  const { context } = bench.node();
  bench.measure(function* () {
    const beyond = bench.base() + (1 << 20);
    for (const address of [beyond, bench.base() + 4, 77 * 2 ** 40]) {
      try {
        yield* readWord(address);
      } catch (error) {
        codes.push((error as { code: string }).code);
      }
    }
    yield* readWord(bench.base());
    expect(context.counters.verbs).toBe(1);
  });
  expect(codes).toEqual(['FARSIDE_ADDRESS', 'FARSIDE_ALIGNMENT', 'FARSIDE_ADDRESS']);
});

test('programs that can never go on are named', () => {
  const bench = new SimBench();
  const port = bench.node().context.hub.openPort();
  bench.node().start(
    (function* () {
      yield* receive(port);
    })(),
    { label: 'lonely' },
  );
  expect(() => bench.sim.run()).toThrow('lonely on node 1');
});

test('a program that never waits is stopped', () => {
  const bench = new SimBench();
  bench.node().start(
    (function* () {
      for (;;) yield* compute('hash');
    })(),
    { label: 'spinner' },
  );
  expect(() => bench.sim.run()).toThrow('spinner yields without ever waiting');
});
