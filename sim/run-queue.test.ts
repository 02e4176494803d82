import { expect, test } from 'vitest';
import { readWord, sleep } from '../src/core/effect.ts';
import { randomStream } from '../src/core/random.ts';
import { SimBench } from '../test/support/sim.ts';
import { RunQueue } from './run-queue.ts';
import type { Task } from './task.ts';

const named = (name: string): Task => ({ label: name }) as Task;

test('leaves by time, and of one time in the order of coming, like a list that is sorted anew', () => {
  const random = randomStream(7, 'run queue');
  const queue = new RunQueue();
  let expected: { readonly name: string; readonly readyPs: number }[] = [];
  for (let step = 0; step < 5000; step++) {
    expect(queue.firstPs).toBe(expected[0]?.readyPs ?? Number.POSITIVE_INFINITY);
    if (random.below(5) < 2 && expected.length > 0) {
      expect(queue.shift().label).toBe(expected.shift()?.name);
      continue;
    }
    if (expected.length > 40) {
      queue.clear();
      expected = [];
    }
    const entry = { name: String(step), readyPs: step / 4 + random.below(8) };
    queue.push(named(entry.name), entry.readyPs);
    expected = [...expected, entry].sort((a, b) => a.readyPs - b.readyPs);
    expect(queue.count).toBe(expected.length);
  }
});

test('who can run first has the core first, whoever was known to be ready before', () => {
  const bench = new SimBench();
  const node = bench.node();
  const order: string[] = [];
  node.start(
    (function* () {
      yield* readWord(bench.base());
      order.push(`read ${node.context.nowNs()}`);
    })(),
    { thread: 0 },
  );
  // Begins to wait when the READ's end is known, and is over before it.
  node.start(
    (function* () {
      for (let i = 0; i < 3; i++) yield* sleep(600);
      order.push(`slept ${node.context.nowNs()}`);
    })(),
    { thread: 0 },
  );
  bench.sim.run();
  expect(order).toEqual(['slept 1800', 'read 2000']);
});
