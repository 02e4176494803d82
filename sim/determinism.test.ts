import { expect, test } from 'vitest';
import type { Counters } from '../src/core/counters.ts';
import {
  batch,
  cas,
  faa,
  flush,
  gather,
  type Program,
  post,
  read,
  readWord,
  sleep,
  spawn,
  wait,
  write,
  writeWord,
} from '../src/core/effect.ts';
import type { NodeRuntime } from '../src/fabric/fabric.ts';
import { runTogether } from '../src/fabric/shared/loop.ts';
import { ClusterMap } from '../src/memory/cluster.ts';
import { inThreadNodes } from '../test/support/in-thread.ts';
import { SimBench, shippedProfile } from '../test/support/sim.ts';

/** Some of everything, decided by the node's dice. */
function* mixed(bench: SimBench, node: NodeRuntime, name: string): Program {
  const { context } = node;
  const dice = context.random(name);
  const bytes = new Uint8Array(256);
  for (let i = 0; i < 50; i++) {
    const at = bench.base(dice.below(2)) + dice.below(8) * 64;
    yield* batch(read(at, bytes), cas(at, BigInt(dice.below(2)), BigInt(dice.below(2))));
    yield* write(at + 512, bytes);
    yield* sleep(dice.below(1000));
  }
}

function hashOf(seed: number, slice: number): string {
  const profile = shippedProfile('connectx4-100g');
  const bench = new SimBench({ seed, profile }, { memoryNodes: 2, computeNodes: 2, cores: 2 });
  for (let i = 0; i < 8; i++) {
    const node = bench.node(i & 1);
    node.start(mixed(bench, node, `program ${i}`), { thread: i >> 1 });
  }
  if (slice === 0) bench.sim.run();
  else while (bench.sim.runSlice(slice));
  return bench.sim.eventHash;
}

test('one seed, one sequence of events, however it is stepped', () => {
  const hash = hashOf(7, 0);
  expect(hash).toMatch(/^[0-9a-f]{16}$/);
  expect(hashOf(7, 0)).toBe(hash);
  expect(hashOf(7, 1)).toBe(hash);
  expect(hashOf(7, 1000)).toBe(hash);
  expect(new Set([1, 2, 3, 4, 5].map((seed) => hashOf(seed, 0))).size).toBe(5);
});

test('a run can be stopped at a time and taken up again', () => {
  const bench = new SimBench();
  let rounds = 0;
  bench.node().start(
    (function* () {
      for (; rounds < 10; rounds++) yield* readWord(bench.base());
    })(),
  );
  bench.sim.run({ untilNs: 5000 });
  // The third READ has reached the memory node, and is not back.
  expect([rounds, bench.sim.nowNs]).toEqual([2, 5000]);
  bench.sim.run();
  expect([rounds, bench.sim.nowNs]).toEqual([10, 20_000]);
});

test('daemons do not keep a run going', () => {
  const bench = new SimBench();
  const forever = (function* () {
    for (;;) yield* sleep(100);
  })();
  bench.node().start(forever, { daemon: true });
  expect(bench.measure(() => sleep(1000)).ns).toBe(1000);
});

/** Exercises every counter; gives a copy of them after each step. */
function* counted(at: number, other: number, counters: Counters): Program<object[]> {
  const seen: object[] = [];
  const look = (): void => {
    seen.push({ ...counters });
    counters.reset(counters.operation + 1);
  };
  const bytes = new Uint8Array(24);
  yield* readWord(at);
  look();
  yield* batch(write(at, bytes), cas(other, 0n, 1n), faa(other, 1n), read(at, bytes));
  look();
  const tickets = yield* post(writeWord(at, 1n), readWord(other), flush(at, 8));
  yield* wait(tickets, { count: 3 });
  yield* wait(tickets);
  look();
  yield* gather(readWord(at), readWord(at + 8));
  yield* batch();
  yield* spawn(
    (function* () {
      yield* readWord(at);
      yield* writeWord(at, 1n);
    })(),
  );
  yield* sleep(50_000);
  look();
  return seen;
}

test('counters are those of the shared fabric', () => {
  const bench = new SimBench({}, { memoryNodes: 2 });
  const node = bench.node();
  const { result } = bench.measure(() =>
    counted(bench.base(0), bench.base(1), node.context.counters),
  );
  const [shared] = inThreadNodes(
    new ClusterMap(
      [
        {
          name: 'mn0',
          role: 'memory',
          cores: 0,
          regions: [{ name: 'data', medium: 'pm', sizeBytes: 4096 }],
          peers: [],
        },
        {
          name: 'mn1',
          role: 'memory',
          cores: 0,
          regions: [{ name: 'data', medium: 'pm', sizeBytes: 4096 }],
          peers: [],
        },
        { name: 'cn0', role: 'compute', cores: 1, regions: [], peers: [] },
      ],
      bench.cluster.ring,
    ),
  );
  let expected: object[] = [];
  shared?.start(
    (function* () {
      expected = yield* counted(bench.base(0), bench.base(1), shared.context.counters);
    })(),
  );
  runTogether(shared === undefined ? [] : [shared]);
  expect(expected).toHaveLength(4);
  expect(result).toEqual(expected);
  expect({ ...node.background }).toEqual({ ...shared?.background });
});
