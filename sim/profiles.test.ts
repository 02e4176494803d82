import { describe, expect, test } from 'vitest';
import {
  cas,
  type Program,
  post,
  read,
  readWord,
  settle,
  type Verb,
  wait,
  write,
  writeWord,
} from '../src/core/effect.ts';
import { SimBench, shippedProfile } from '../test/support/sim.ts';

// What the shipped profiles were fitted to, within 5 %: raw verbs only. The systems' own figures follow
// from these and from what each protocol does.

function expectClose(label: string, actual: number, wanted: number, tolerance = 0.05): void {
  const off = Math.abs(actual - wanted) / wanted;
  expect(off, `${label}: ${actual.toFixed(2)}, wanted ${wanted}`).toBeLessThan(tolerance);
}

describe('connectx4-100g', () => {
  const latencyUs = (make: (at: number) => Verb<unknown>, changes = {}): number => {
    const bench = new SimBench({ profile: shippedProfile('connectx4-100g', changes) });
    return bench.measure(() => make(bench.base())).ns / 1000;
  };
  const sizes = [128, 256, 512, 1024, 2048, 4096];

  test('latency of raw READs (pDPM fig. 5)', () => {
    [1.54, 1.56, 1.7, 1.85, 2.24, 3.0].forEach((wanted, i) => {
      const bytes = new Uint8Array(sizes[i] as number);
      expectClose(
        `READ ${bytes.length} B`,
        latencyUs((at) => read(at, bytes)),
        wanted,
      );
    });
  });

  test('latency of raw WRITEs (pDPM fig. 6), the smallest of them inline', () => {
    [0.94, 1.24, 1.36, 1.53, 1.92, 2.65].forEach((wanted, i) => {
      const bytes = new Uint8Array(sizes[i] as number);
      const changes = bytes.length === 128 ? { 'nic.inlineBytesMax': 128 } : {};
      const actual = latencyUs((at) => write(at, bytes), changes);
      expectClose(`WRITE ${bytes.length} B`, actual, wanted);
    });
  });

  test('latency of CAS: 2.07 us from Clover, up to 2.3 us from what Direct leaves (pDPM 4.1)', () => {
    const actual = latencyUs((at) => cas(at, 0n, 1n));
    expect(actual).toBeGreaterThan(2.07);
    expect(actual).toBeLessThan(2.3);
  });

  test('READ ceiling of one memory node: 6.5 to 6.7 GB/s of 1-KiB records', () => {
    const shape = { computeNodes: 4, cores: 8 };
    const bench = new SimBench({ profile: shippedProfile('connectx4-100g') }, shape);
    let bytes = 0;
    function* reader(node: number): Program {
      const into = new Uint8Array(1024);
      while (bench.node(node).context.nowNs() < 300_000) {
        yield* read(bench.base(), into);
        bytes += 1024;
      }
    }
    for (let i = 0; i < 4 * 8 * 4; i++) bench.node(i & 3).start(reader(i & 3), { thread: i >> 2 });
    bench.sim.run();
    const rate = bytes / bench.sim.nowNs;
    expect(rate).toBeGreaterThan(6.5);
    expect(rate).toBeLessThan(6.75);
  });
});

describe('connectx5-100g (pDPM 4.2)', () => {
  type Maker = (at: number, queuePair: number, i: number) => Verb<unknown>;
  const spread = (at: number, queuePair: number, i: number): number =>
    at + ((queuePair * 65_536 + (i % 997) * 8) & 0xffff8);
  const writes: Maker = (at, q, i) => writeWord(spread(at, q, i), 1n);
  const reads: Maker = (at, q, i) => readWord(spread(at, q, i));
  const swaps: Maker = (at, q, i) => cas(spread(at, q, i), 1n, 2n);
  const oneWord: Maker = (at) => cas(at, 1n, 2n);

  /** Million verbs per second of so many queue pairs, one core each, running `body`. */
  function rate(
    queuePairs: number,
    body: (bench: SimBench, queuePair: number, running: () => boolean) => Program<number>,
  ): number {
    const profile = shippedProfile('connectx5-100g');
    const bench = new SimBench({ profile }, { cores: queuePairs, medium: 'dram' });
    const { context } = bench.node();
    let done = 0;
    for (let q = 0; q < queuePairs; q++) {
      const program = (function* (): Program {
        const verbs = yield* body(bench, q, () => context.nowNs() < 150_000);
        done += verbs;
      })();
      bench.node().start(program, { thread: q });
    }
    bench.sim.run();
    return (done / bench.sim.nowNs) * 1000;
  }

  /** Posts `outstanding` verbs at once and waits for all of them, again and again. */
  const lots = (queuePairs: number, outstanding: number, make: Maker): number =>
    rate(queuePairs, function* (bench, q, running) {
      let posted = 0;
      while (running()) {
        const verbs = Array.from({ length: outstanding }, () => make(bench.base(), q, posted++));
        yield* settle(...verbs);
      }
      return posted;
    });

  /** Keeps `outstanding` verbs in flight. */
  const stream = (queuePairs: number, outstanding: number, make: Maker): number =>
    rate(queuePairs, function* (bench, q, running) {
      let posted = 0;
      let open: Verb<unknown>[] = [];
      while (running()) {
        const fresh: Verb<unknown>[] = [];
        while (open.length + fresh.length < outstanding)
          fresh.push(make(bench.base(), q, posted++));
        open.push(...(yield* post(...fresh)));
        yield* wait(open, { count: 1 });
        open = open.filter((verb) => verb.status === 1);
      }
      return posted - open.length;
    });

  test('8-byte WRITEs and READs of 20 queue pairs, 360 outstanding', () => {
    expectClose('WRITE', lots(20, 18, writes), 104);
    // Of 18 READs a queue pair has only 16 outstanding, the device's limit.
    expectClose('READ', lots(20, 16, reads), 84);
  });

  test('one queue pair, and seven of them', () => {
    expectClose('one', stream(1, 64, writes), 18.3);
    expectClose('seven', stream(7, 64, writes), 118);
  });

  test('CAS of distinct words: one queue pair, and all', () => {
    expectClose('one', stream(1, 16, swaps), 2.7);
    expectClose('all', stream(20, 18, swaps), 51.5);
  });

  test('CAS of one word: 16 outstanding, and 240', () => {
    expectClose('16', stream(1, 16, oneWord), 1.14);
    expectClose('240', stream(15, 16, oneWord), 2.46);
  });
});

test('ideal: every verb takes the same round trip', () => {
  const bench = new SimBench();
  const at = bench.base();
  const bytes = new Uint8Array(100_000);
  const verbs: Verb<unknown>[] = [
    readWord(at),
    writeWord(at, 1n),
    cas(at, 1n, 2n),
    read(at, bytes),
  ];
  for (const verb of verbs) {
    expect(bench.measure(() => verb).ns).toBe(2000);
  }
});
