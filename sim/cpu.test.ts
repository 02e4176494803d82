import { expect, test } from 'vitest';
import { compute, type Program, readWord, receive, sleep, spawn } from '../src/core/effect.ts';
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
