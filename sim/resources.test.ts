import { expect, test } from 'vitest';
import {
  batch,
  cas,
  type Program,
  post,
  read,
  readWord,
  write,
  writeWord,
} from '../src/core/effect.ts';
import { once, SimBench, type SimShape, shippedProfile } from '../test/support/sim.ts';
import { Fifo } from './fifo.ts';

// Each test switches on one resource of the ideal profile (2 µs round trip, everything else free).
function ideal(changes: Record<string, number>, shape: SimShape = {}): SimBench {
  return new SimBench({ profile: shippedProfile('ideal', changes) }, shape);
}

function* many(count: number, verb: (i: number) => ReturnType<typeof readWord>): Program {
  yield* batch(...Array.from({ length: count }, (_, i) => verb(i)));
}

test('a FIFO resource serves in order, and a booking ahead of time leaves no hole', () => {
  const fifo = new Fifo();
  expect(fifo.book(0, 0, 10)).toBe(10);
  expect(fifo.book(0, 0, 10)).toBe(20);
  expect(fifo.book(5, 1000, 10)).toBe(1010);
  expect(fifo.book(6, 6, 10)).toBe(40);
  expect(fifo.book(100, 100, 10)).toBe(110);
  expect(fifo.busyPs).toBe(50);
  expect(fifo.overlap(200, 500, 100)).toBe(500);
  expect(fifo.overlap(200, 250, 100)).toBe(400);
});

test('nothing but the ideal round trip', () => {
  const bench = ideal({});
  expect(bench.measure(() => readWord(bench.base())).ns).toBe(2000);
  expect(bench.measure(() => many(1000, (i) => readWord(bench.base() + 8 * i))).ns).toBe(2000);
});

test('NIC message rates, of the requester and of the responder', () => {
  for (const number of ['nic.requesterRate', 'nic.responderRate', 'queuePair.rate']) {
    const bench = ideal({ [number]: 10 });
    const { ns } = bench.measure(() => many(100, () => readWord(bench.base())));
    expect(ns).toBeGreaterThanOrEqual(2000 + 99 * 100);
    expect(ns).toBeLessThanOrEqual(2000 + 101 * 100);
  }
});

test('the rate of a queue pair holds for each of them alone', () => {
  const bench = ideal({ 'queuePair.rate': 10 }, { memoryNodes: 2 });
  const { ns } = bench.measure(() => many(100, (i) => readWord(bench.base(i & 1))));
  expect(ns).toBe(2000 + 49 * 100);
});

test('outstanding READs and atomics are bounded; WRITEs are not', () => {
  const bench = ideal({ 'queuePair.readsOutstandingMax': 16 });
  expect(bench.measure(() => many(16, () => readWord(bench.base()))).ns).toBe(2000);
  expect(bench.measure(() => many(17, () => readWord(bench.base()))).ns).toBe(4000);
  expect(bench.measure(() => many(48, () => cas(bench.base(), 1n, 1n))).ns).toBe(6000);
  const writes = Array.from({ length: 100 }, () => writeWord(bench.base(), 1n));
  expect(bench.measure(() => batch(...writes)).ns).toBe(2000);
});

test('bandwidth of links and PCIe, each direction for itself', () => {
  const bytes = 100_000;
  const into = new Uint8Array(bytes);
  const numbers: [string, 'read' | 'write'][] = [
    ['link.bandwidth', 'read'],
    ['link.bandwidth', 'write'],
    ['pcie.readBandwidth', 'read'],
    ['pcie.writeBandwidth', 'read'],
    ['pcie.writeBandwidth', 'write'],
    ['dram.readBandwidth', 'read'],
    ['dram.writeBandwidth', 'write'],
  ];
  for (const [number, direction] of numbers) {
    const bench = ideal({ [number]: 10 }, { medium: 'dram' });
    const verb = direction === 'read' ? read : write;
    const { ns } = bench.measure(() => verb(bench.base(), into));
    expect([number, Math.round(ns)]).toEqual([number, 2000 + bytes / 10]);
  }
  // The other direction is not in the way: a WRITE and a READ of two nodes pass each other.
  const bench = ideal({ 'link.bandwidth': 10 }, { computeNodes: 2 });
  bench.node(1).start(once(write(bench.base() + 200_000, into)));
  expect(Math.round(bench.measure(() => read(bench.base(), into)).ns)).toBe(12_000);
});

test('a payload that fits the work request is not fetched', () => {
  const changes = { 'pcie.readLatencyNs': 300, 'nic.inlineBytesMax': 64 };
  const bench = ideal(changes);
  expect(bench.measure(() => write(bench.base(), new Uint8Array(64))).ns).toBe(2000);
  expect(bench.measure(() => write(bench.base(), new Uint8Array(72))).ns).toBe(2300);
});

test('media: pm has its own latency and bandwidth, and absorbs a burst of WRITEs', () => {
  const changes = { 'pm.readLatencyNs': 300, 'pm.writeBandwidth': 2, 'pm.writeBufferBytes': 4096 };
  const bench = ideal(changes);
  expect(bench.measure(() => readWord(bench.base())).ns).toBe(2300);
  const page = new Uint8Array(4096);
  expect(bench.measure(() => write(bench.base(), page)).ns).toBe(2000);
  const burst = () => batch(...Array.from({ length: 10 }, () => write(bench.base(), page)));
  expect(bench.measure(() => burst()).ns).toBeCloseTo(2000 + (9 * 4096) / 2, -2);
  const dram = new SimBench({ profile: shippedProfile('ideal', changes) }, { medium: 'dram' });
  expect(dram.measure(() => readWord(dram.base())).ns).toBe(2000);
});

test('atomics: one word is served one at a time, others side by side', () => {
  const bench = ideal({ 'atomics.wordNs': 400, 'atomics.wordSameQueuePairNs': 900 });
  expect(bench.measure(() => many(10, () => cas(bench.base(), 0n, 0n))).ns).toBe(2000 + 9 * 900);
  expect(bench.measure(() => many(10, (i) => cas(bench.base() + 64 * i, 0n, 0n))).ns).toBe(2000);
  const rates = ideal({ 'atomics.queuePairRate': 2, 'atomics.nodeRate': 10 });
  const spread = () => many(10, (i) => cas(rates.base() + 64 * i, 0n, 0n));
  expect(rates.measure(spread).ns).toBe(2000 + 9 * 500);
  const node = ideal({ 'atomics.nodeRate': 10 });
  expect(node.measure(() => many(10, (i) => cas(node.base() + 64 * i, 0n, 0n))).ns).toBe(2900);
});

test('CPU: posting, doorbells and polling delay the program and keep its core busy', () => {
  const changes = { 'cpu.postNs': 10, 'cpu.doorbellNs': 100, 'cpu.pollNs': 5 };
  const bench = ideal(changes, { memoryNodes: 2 });
  const verbs = () => [0, 0, 1].map((i) => readWord(bench.base(i)));
  // The second doorbell rings after both posts, and then three completions are polled.
  expect(bench.measure(() => batch(...verbs())).ns).toBe(2000 + 230 + 15);
  expect(bench.sim.statistics().nodes[2]?.usefulNs).toBe(245);
  expect(bench.measure(() => post(...verbs())).ns).toBe(230);
});
