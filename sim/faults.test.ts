import { expect, test } from 'vitest';
import {
  fence,
  flush,
  type Program,
  post,
  readWord,
  settle,
  sleep,
  type VerbError,
  verbStatus,
  wait,
  write,
  writeWord,
} from '../src/core/effect.ts';
import { once, SimBench } from '../test/support/sim.ts';

const count = 64;
const filled = (value: number): Uint8Array => new Uint8Array(count * 8).fill(value);

function contents(bench: SimBench, memoryNode = 0): Uint8Array {
  const bytes = new Uint8Array(count * 8);
  bench.sim.inspect(bench.base(memoryNode), bytes);
  return bytes;
}

/** WRITEs, flushes the first half, and loses power; gives what the restarted node holds. */
function powerLoss(
  seed: number,
  durability: 'assumed' | 'flush',
  medium: 'pm' | 'dram',
): Uint8Array {
  const bench = new SimBench({ seed, durability }, { medium });
  bench.sim.place(bench.base(), filled(1));
  bench.measure(function* () {
    yield* write(bench.base(), filled(2));
    yield* flush(bench.base(), count * 4);
  });
  bench.sim.crashMemory(0);
  bench.sim.restartMemory(0);
  return contents(bench);
}

test('assumed: what completed survives power loss', () => {
  expect(powerLoss(1, 'assumed', 'pm')).toEqual(filled(2));
});

test('flush: what was flushed survives, and every other word is old or new by itself', () => {
  const tails = new Set<string>();
  for (let seed = 1; seed <= 10; seed++) {
    const kept = powerLoss(seed, 'flush', 'pm');
    expect(kept.subarray(0, count * 4)).toEqual(filled(2).subarray(0, count * 4));
    const tail = kept.subarray(count * 4);
    for (let i = 0; i < tail.length; i += 8) {
      expect([1, 2]).toContain(tail[i]);
      expect(new Set(tail.subarray(i, i + 8)).size).toBe(1);
    }
    tails.add(tail.join(''));
    expect(new Set(tail)).toEqual(new Set([1, 2]));
  }
  expect(tails.size).toBe(10);
});

test('dram is lost whole', () => {
  expect(powerLoss(1, 'assumed', 'dram')).toEqual(filled(0));
  expect(powerLoss(1, 'flush', 'dram')).toEqual(filled(0));
});

test('a FLUSH covers what others wrote, and nothing that came after it', () => {
  for (let seed = 1; seed <= 10; seed++) {
    const bench = new SimBench({ seed, durability: 'flush' }, { computeNodes: 2 });
    bench.node(0).start(once(writeWord(bench.base(), 1n)));
    bench.node(1).start(
      (function* (): Program {
        yield* sleep(5000);
        yield* flush(bench.base(), 8);
        yield* writeWord(bench.base() + 8, 1n);
      })(),
    );
    bench.sim.run();
    bench.sim.crashMemory(0);
    expect(bench.word(bench.base())).toBe(1n);
    expect([0n, 1n]).toContain(bench.word(bench.base() + 8));
  }
});

test('a crashed memory node answers nothing: outstanding verbs are unknown, later ones fail', () => {
  const bench = new SimBench();
  const reasons: unknown[] = [];
  bench.sim.at(1500, () => bench.sim.crashMemory(0));
  bench.measure(function* () {
    const acted = writeWord(bench.base(), 1n);
    yield* settle(acted);
    reasons.push(acted.status);
    const later = readWord(bench.base());
    yield* settle(later);
    reasons.push(later.status);
    try {
      yield* readWord(bench.base());
    } catch (error) {
      reasons.push((error as VerbError).outcome, (error as VerbError).code);
    }
  });
  const { unknown, failed } = verbStatus;
  expect(reasons).toEqual([unknown, failed, 'failed', 'FARSIDE_VERB']);
});

test('a verb that reaches a node that is down ends unknown after all retransmissions', () => {
  const bench = new SimBench();
  bench.sim.crashMemory(0);
  const { result, ns } = bench.measure(function* () {
    const verb = readWord(bench.base());
    yield* settle(verb);
    return verb.status;
  });
  expect(result).toBe(verbStatus.unknown);
  expect(ns).toBe(2000 - 1000 + 6 * 100_000);
});

test('after a restart, queue pairs of before reach nothing and new ones do', () => {
  const bench = new SimBench();
  const seen: unknown[] = [];
  const program = function* (pauseNs: number): Program {
    yield* writeWord(bench.base(), 3n);
    yield* sleep(pauseNs);
    const verb = readWord(bench.base());
    yield* settle(verb);
    seen.push(verb.status, verb.reason, verb.low);
  };
  bench.node().start(program(10_000));
  bench.sim.at(5000, () => bench.sim.crashMemory(0));
  bench.sim.at(6000, () => bench.sim.restartMemory(0));
  bench.sim.run();
  bench.node().start(program(0));
  bench.sim.run();
  expect(seen).toEqual([verbStatus.failed, 'the node has started anew since', 0, 2, '', 3]);
});

test('once a fence has completed, no verb of that incarnation takes effect any more', () => {
  for (let delayNs = 0; delayNs < 14_000; delayNs += 700) {
    const bench = new SimBench({ seed: delayNs + 1 }, { computeNodes: 2 });
    const last: bigint[] = [];
    bench.node(0).start(
      (function* (): Program {
        for (let i = 1n; ; i++) yield* settle(writeWord(bench.base(), i));
      })(),
      { daemon: true },
    );
    bench.node(1).start(
      (function* (): Program {
        yield* sleep(delayNs);
        yield* fence(0, bench.sim.incarnation(1));
        for (let i = 0; i < 10; i++) last.push(yield* readWord(bench.base()));
      })(),
    );
    bench.sim.run();
    expect(last[0]).toBeGreaterThan(0n);
    expect(new Set(last).size).toBe(1);
  }
});

test('fencing one incarnation leaves the others alone', () => {
  const bench = new SimBench({}, { memoryNodes: 2 });
  const { result, ns } = bench.measure(function* () {
    yield* fence(0, 4095);
    yield* writeWord(bench.base(0), 1n);
    yield* fence(0, bench.sim.incarnation(2));
    const refused = writeWord(bench.base(0), 2n);
    const elsewhere = writeWord(bench.base(1), 2n);
    yield* settle(refused, elsewhere);
    return [refused.status, elsewhere.status];
  });
  expect(result).toEqual([verbStatus.failed, verbStatus.ok]);
  expect(ns).toBe(2 * 20_000 + 2 * 2000);
  expect(bench.word(bench.base())).toBe(1n);
});

/** Posts one WRITE a node and a row of words, and crashes while they are under way. */
function crashPrefix(seed: number): { words: number[]; block: Uint8Array } {
  const bench = new SimBench({ seed }, { memoryNodes: 2, computeNodes: 2 });
  bench.node(0).start(
    (function* (): Program {
      const row = Array.from({ length: 8 }, (_, i) => writeWord(bench.base(0) + i * 8, 1n));
      yield* wait(yield* post(...row, write(bench.base(1), filled(5))));
      throw new Error('resumed after its node crashed');
    })(),
  );
  bench.node(1).start(once(sleep(100_000)));
  bench.sim.at(500, () => bench.sim.crashCompute(2));
  bench.sim.run();
  const words = Array.from({ length: 8 }, (_, i) => Number(bench.word(bench.base(0) + i * 8)));
  return { words, block: contents(bench, 1) };
}

test('of a crashed compute node, per queue pair, a prefix lands; its last WRITE may land in part', () => {
  const prefixes = new Set<number>();
  const blocks = new Set<string>();
  for (let seed = 1; seed <= 60; seed++) {
    const { words, block } = crashPrefix(seed);
    const landed = words.lastIndexOf(1) + 1;
    // A word WRITE that ends the prefix may itself be torn off, and nothing before it.
    expect(words.slice(0, landed).every((word) => word === 1)).toBe(true);
    prefixes.add(landed);
    for (let i = 0; i < block.length; i += 8) expect([0, 5]).toContain(block[i]);
    const whole = new Set(block).size === 1;
    blocks.add(whole ? `whole ${block[0]}` : 'in part');
  }
  expect(prefixes.size).toBeGreaterThan(5);
  expect(blocks).toEqual(new Set(['whole 0', 'whole 5', 'in part']));
});

test('a crashed node runs nothing any more, and its own memory is gone', () => {
  const bench = new SimBench({}, { computeNodes: 2 });
  let steps = 0;
  bench.node(0).start(
    (function* (): Program {
      for (;;) {
        yield* sleep(100);
        steps++;
      }
    })(),
  );
  bench.node(1).start(once(sleep(10_000)));
  bench.sim.at(1050, () => bench.sim.crashCompute(1));
  bench.sim.run();
  expect(steps).toBe(10);
  expect(bench.sim.nowNs).toBe(10_000);
});
