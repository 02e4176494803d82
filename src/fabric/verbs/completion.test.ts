import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { afterEach, expect, test } from 'vitest';
import {
  describeOnFake,
  openBench,
  sharedBytes,
  submitWord,
  type VerbsBench,
} from '../../../test/support/verbs.ts';
import { CompletionWaiter } from './completion.ts';
import type { CompChannel, Qp } from './native.ts';
import { ringOp } from './rings.ts';

describeOnFake('completion channels and threads', () => {
  let bench: VerbsBench;
  const waiter = (): CompletionWaiter =>
    new CompletionWaiter(bench.native, bench.ring, bench.cq, bench.channel as CompChannel);
  const near = (): Qp => bench.pairs[0]?.near as Qp;
  afterEach(() => bench.close());

  test('a completion that comes while asleep wakes', async () => {
    bench = openBench({ channel: true });
    bench.native.fakeHold(near());
    for (let round = 0; round < 3; round++) {
      const slot = submitWord(bench.ring, ringOp.faa, 0, { operand: 1n });
      setTimeout(() => bench.native.fakeRelease(near(), 1), 5);
      expect(await waiter().completions()).toBe(1);
      expect(bench.ring.completedSlot(0)).toBe(slot);
      bench.ring.release(slot);
    }
  });

  test('a completion that is there already needs no event', async () => {
    bench = openBench({ channel: true });
    submitWord(bench.ring, ringOp.faa, 0, { operand: 1n });
    expect(await waiter().completions()).toBe(1);
  });

  test('a completion between the last poll and the request is not slept beside', async () => {
    bench = openBench({ channel: true });
    const { native, ring } = bench;
    native.fakeHold(near());
    submitWord(ring, ringOp.faa, 0, { operand: 1n });
    // The race made certain: the device acts when it is asked to notify, before the request counts.
    const racing = Object.create(native) as typeof native;
    racing.reqNotifyCq = (cq) => {
      native.fakeRelease(near());
      native.reqNotifyCq(cq);
    };
    const wait = new CompletionWaiter(racing, ring, bench.cq, bench.channel as CompChannel);
    expect(await wait.completions()).toBe(1);
  });

  test('a thread can block for a completion, and gives up in time', () => {
    bench = openBench({ channel: true });
    bench.native.fakeHold(near());
    submitWord(bench.ring, ringOp.faa, 0, { operand: 1n });
    const start = performance.now();
    expect(waiter().completionsWithin(20)).toBe(0);
    expect(performance.now() - start).toBeGreaterThan(18);
    bench.native.fakeRelease(near());
    expect(waiter().completionsWithin(1000)).toBe(1);
  });

  test('an error in the callback is an uncaught exception, not a crash', async () => {
    bench = openBench({ channel: true });
    const code = `
        const { openBench, submitWord } = await import(process.argv[1]);
        const bench = openBench({ channel: true });
        bench.native.watchCompChannel(bench.channel, () => { throw new Error('from the callback'); });
        bench.native.reqNotifyCq(bench.cq);
        submitWord(bench.ring, 3, 0, { operand: 1n });
        process.on('uncaughtException', (error) => { console.log(error.message); bench.close(); });
        bench.ring.postAndPoll();`;
    const { execFileSync } = await import('node:child_process');
    const support = new URL('../../../test/support/verbs.js', import.meta.url).href;
    const text = execFileSync(process.execPath, ['--input-type=module', '-e', code, support]);
    expect(text.toString()).toBe('from the callback\n');
  });

  test('threads come and go with everything open, and leave nothing behind', async () => {
    bench = openBench();
    const before = bench.native.fakeCounters();
    const support = new URL('../../../test/support/verbs.js', import.meta.url).href;
    const code = `
        const { parentPort, workerData } = require('node:worker_threads');
        import(workerData).then(({ openBench, submitWord }) => {
          const bench = openBench({ channel: true, queuePairs: 4 });
          bench.native.watchCompChannel(bench.channel, () => {});
          bench.native.reqNotifyCq(bench.cq);
          bench.native.fakeHold(bench.pairs[1].near);
          for (let i = 0; i < 16; i++) submitWord(bench.ring, 3, 0, { operand: 1n, queue: i % 4 });
          bench.ring.postAndPoll();
          parentPort.postMessage(bench.native.fakeCounters().queuePairs);
          setInterval(() => {}, 1000);
        });`;
    for (let round = 0; round < 4; round++) {
      const workers = [0, 1].map(() => new Worker(code, { eval: true, workerData: support }));
      const counts = await Promise.all(workers.map((worker) => once(worker, 'message')));
      expect(Math.max(...counts.map(([count]) => count as number))).toBeGreaterThan(
        before.queuePairs + 7,
      );
      await Promise.all(workers.map((worker) => worker.terminate()));
    }
    expect(bench.native.fakeCounters()).toMatchObject({
      queuePairs: before.queuePairs,
      regions: before.regions,
    });
  });

  test('the collector closes nothing: what is dropped stays open until its parent is closed', async () => {
    bench = openBench();
    const { native, pd, cq } = bench;
    const before = native.fakeCounters();
    for (let i = 0; i < 100; i++) {
      native.createQp(pd, cq, { maxSendWr: 1 });
      native.regMr(pd, sharedBytes(64), 0);
    }
    const { setFlagsFromString } = await import('node:v8');
    const { runInNewContext } = await import('node:vm');
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    for (let i = 0; i < 5; i++) {
      collect();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(native.fakeCounters().queuePairs).toBe(before.queuePairs + 100);
    expect(native.fakeCounters().regions).toBe(before.regions + 100);
    native.close(pd);
    expect(native.fakeCounters().queuePairs).toBeLessThanOrEqual(before.queuePairs);
    expect(native.fakeCounters().regions).toBeLessThan(before.regions + 100);
  });
});
