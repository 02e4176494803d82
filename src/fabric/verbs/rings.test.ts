import { afterEach, expect, test } from 'vitest';
import {
  allAccess,
  type BenchOptions,
  describeOnFake,
  drain,
  openBench,
  submitBytes,
  submitWord,
  type VerbsBench,
  wordVerb,
} from '../../../test/support/verbs.ts';
import { access, wcStatus } from './native.ts';
import { describeStatus, flushType, outcomeOf, ringFlag, ringOp, slotWord } from './rings.ts';

describeOnFake('rings', () => {
  let bench: VerbsBench;
  const open = (options?: BenchOptions): VerbsBench => {
    bench = openBench(options);
    return bench;
  };
  afterEach(() => bench.close());

  test('READ and WRITE move bytes, inline and not', () => {
    const { ring, local, remote } = open({ qp: { maxInlineData: 64 } });
    for (const [length, localOffset] of [
      [8, 0],
      [64, 8],
      [72, 128],
      [4096, 1024],
    ] as const) {
      local.fill(length & 0xff, localOffset, localOffset + length);
      submitBytes(ring, ringOp.write, 512, length, localOffset);
      submitBytes(ring, ringOp.read, 512, length, 32768);
      expect(drain(ring, 2).map(({ status }) => status)).toEqual([0, 0]);
      expect(remote.subarray(512, 512 + length)).toEqual(
        local.subarray(localOffset, localOffset + length),
      );
      expect(local.subarray(32768, 32768 + length)).toEqual(remote.subarray(512, 512 + length));
    }
  });

  test('word verbs give the old word and act on the new one', () => {
    const { ring } = open();
    const word = 0xfedcba9876543210n;
    wordVerb(ring, ringOp.write, 64, { operand: word });
    expect(wordVerb(ring, ringOp.read, 64)).toBe(word);
    expect(wordVerb(ring, ringOp.cas, 64, { compare: 1n, operand: 2n })).toBe(word);
    expect(wordVerb(ring, ringOp.read, 64)).toBe(word);
    expect(wordVerb(ring, ringOp.cas, 64, { compare: word, operand: 2n })).toBe(word);
    expect(wordVerb(ring, ringOp.faa, 64, { operand: 2n ** 64n - 1n })).toBe(2n);
    expect(wordVerb(ring, ringOp.read, 64)).toBe(1n);
  });

  test('a batch is one doorbell a queue, and signals its last verb alone', () => {
    const { ring, native } = open({ queuePairs: 2 });
    const before = native.fakeCounters();
    for (let i = 0; i < 16; i++) submitWord(ring, ringOp.faa, 0, { operand: 1n, queue: i % 2 });
    expect(drain(ring, 16)).toHaveLength(16);
    const after = native.fakeCounters();
    expect(after.posts - before.posts).toBe(2);
    expect(after.works - before.works).toBe(16);
    expect(ring.statistics).toMatchObject({ posted: 16, doorbells: 2, signalled: 2, inFlight: 0 });
    expect(ring.statistics.completionEntries).toBe(2);
    expect(wordVerb(ring, ringOp.read, 0)).toBe(16n);
  });

  test('a verb that asks to be signalled completes before the rest of its batch', () => {
    const { ring, native, pairs } = open();
    const near = pairs[0]?.near as (typeof pairs)[0]['near'];
    native.fakeHold(near);
    const slots = [0, 1, 2, 3].map((i) =>
      submitWord(ring, ringOp.faa, 0, { operand: 1n, flags: i === 1 ? ringFlag.signalled : 0 }),
    );
    expect(ring.postAndPoll()).toBe(0);
    native.fakeRelease(near, 1);
    expect(ring.postAndPoll()).toBe(0);
    native.fakeRelease(near, 1);
    expect(drain(ring, 2).map(({ slot }) => slot)).toEqual(slots.slice(0, 2));
    native.fakeRelease(near);
    expect(drain(ring, 2).map(({ slot }) => slot)).toEqual(slots.slice(2));
  });

  test('more verbs than the send queue holds wait for room, in order', () => {
    const { ring, native, pairs } = open({ capacity: 64, qp: { maxSendWr: 4 } });
    const near = pairs[0]?.near as (typeof pairs)[0]['near'];
    native.fakeHold(near);
    for (let i = 0; i < 64; i++) {
      submitWord(ring, ringOp.cas, 8, { compare: BigInt(i), operand: BigInt(i + 1) });
    }
    expect(ring.take()).toBe(-1);
    expect(ring.postAndPoll()).toBe(0);
    expect(ring.statistics.posted).toBe(4);
    native.fakeRelease(near);
    const done = drain(ring, 64);
    expect(done.every(({ status }) => status === 0)).toBe(true);
    // Out of order, a CAS would have found another number and left the rest to fail.
    expect(wordVerb(ring, ringOp.read, 8)).toBe(64n);
    expect(ring.free).toBe(64);
  });

  test('the smallest ring works', () => {
    const { ring } = open({ capacity: 16 });
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 16; i++) submitWord(ring, ringOp.faa, 0, { operand: 1n });
      expect(drain(ring, 16, 1000)).toHaveLength(16);
    }
    expect(() => openBench({ capacity: 24 })).toThrow(/capacity must be a multiple of 16/);
  });

  test('READs and atomics outstanding can be bounded below the send queue', () => {
    const { ring, native, pairs } = open({ readsMax: 2 });
    const near = pairs[0]?.near as (typeof pairs)[0]['near'];
    native.fakeHold(near);
    for (let i = 0; i < 6; i++) submitWord(ring, i < 2 ? ringOp.write : ringOp.read, 8 * i);
    ring.postAndPoll();
    expect(ring.statistics.posted).toBe(4);
    native.fakeRelease(near);
    expect(drain(ring, 6)).toHaveLength(6);
    expect(ring.statistics.posted).toBe(6);
  });

  test.each([
    ['it took effect, the acknowledgement was lost', true, 6n],
    ['it never arrived', false, 5n],
  ])('a fault ends its verb, those before it are done: %s', (_, execute, count) => {
    const { ring, native, pairs } = open();
    const near = pairs[0]?.near as (typeof pairs)[0]['near'];
    native.fakeFault(near, { after: 5, status: wcStatus('RETRY_EXC_ERR'), execute });
    const slots = Array.from({ length: 8 }, () => submitWord(ring, ringOp.faa, 0, { operand: 1n }));
    const done = new Map(drain(ring, 8).map((entry) => [entry.slot, entry]));
    const outcomes = slots.map((slot) => outcomeOf(done.get(slot)?.status ?? -1));
    expect(outcomes).toEqual(['ok', 'ok', 'ok', 'ok', 'ok', 'unknown', 'unknown', 'unknown']);
    const fault = done.get(slots[5] as number);
    expect(describeStatus(fault?.status ?? 0, fault?.detail ?? 0)).toBe(
      'RETRY_EXC_ERR, vendor error 0xfa',
    );
    expect(new DataView(bench.remote.buffer).getBigUint64(0, true)).toBe(count);
    expect(native.queryQp(near).state).toBe('err');
    // The queue is broken for good: what is submitted later never leaves this node.
    submitWord(ring, ringOp.faa, 0, { operand: 1n });
    const [later] = drain(ring, 1);
    expect(describeStatus(later?.status ?? 0, later?.detail ?? 0)).toBe('not posted: ENOTCONN');
    expect(outcomeOf(later?.status ?? 0)).toBe('failed');
    expect(ring.free).toBe(ring.capacity);
  });

  test('a batch that is refused half way ends whole, and nothing after it is posted', () => {
    const { ring, native, pairs } = open();
    const near = pairs[0]?.near as (typeof pairs)[0]['near'];
    native.fakeFault(near, { after: 2, refuse: 5 });
    const slots = Array.from({ length: 4 }, () => submitWord(ring, ringOp.faa, 0, { operand: 1n }));
    const done = new Map(drain(ring, 4).map((entry) => [entry.slot, entry.status]));
    expect(slots.map((slot) => outcomeOf(done.get(slot) ?? -1))).toEqual([
      'unknown',
      'unknown',
      'failed',
      'failed',
    ]);
    expect(describeStatus(done.get(slots[3] as number) ?? 0, 0)).toBe('not posted: EIO');
    expect(new DataView(bench.remote.buffer).getBigUint64(0, true)).toBe(2n);
  });

  test('one queue that breaks leaves the others alone', () => {
    const { ring, native, pairs } = open({ queuePairs: 2 });
    native.fakeFault(pairs[0]?.near as (typeof pairs)[0]['near'], {});
    submitWord(ring, ringOp.faa, 0, { operand: 1n, queue: 0 });
    submitWord(ring, ringOp.faa, 0, { operand: 1n, queue: 1 });
    expect(drain(ring, 2).map(({ status }) => outcomeOf(status))).toEqual(['unknown', 'ok']);
    submitWord(ring, ringOp.faa, 0, { operand: 1n, queue: 1 });
    expect(drain(ring, 1)[0]?.status).toBe(0);
  });

  test('completions that are lost leave their verbs in flight until the queue pair is closed', () => {
    const { ring, native, pairs } = open();
    const near = pairs[0]?.near as (typeof pairs)[0]['near'];
    native.fakeLose(near);
    submitWord(ring, ringOp.faa, 0, { operand: 1n });
    expect(drain(ring, 1, 50)).toEqual([]);
    expect(ring.statistics.inFlight).toBe(1);
    native.close(near);
    expect(drain(ring, 1).map(({ status }) => outcomeOf(status))).toEqual(['unknown']);
    expect(ring.statistics.inFlight).toBe(0);
  });

  test('a queue pair that is closed gives its slots back, and its place in the completion queue', () => {
    const { ring, native, device, pd, cq, pairs } = open({ cqe: 160 });
    const near = pairs[0]?.near as (typeof pairs)[0]['near'];
    native.fakeHold(near);
    for (let i = 0; i < 20; i++) submitWord(ring, ringOp.faa, 0, { operand: 1n });
    ring.postAndPoll();
    const another = native.createQp(pd, cq);
    expect(() => ring.addQp(another)).toThrow(/exceed the completion queue's 160 entries/);
    native.close(near);
    expect(drain(ring, 20).map(({ status }) => outcomeOf(status))).toEqual(
      new Array(20).fill('unknown'),
    );
    expect(ring.addQp(another)).toBe(1);
    void device;
  });

  test('a wrong slot is a RangeError, and nothing of its batch is posted', () => {
    const { ring, native } = open();
    const before = native.fakeCounters().works;
    const wrong: [RegExp, (slot: number) => void][] = [
      [/no such op/, (slot) => ring.fill(slot, 200, 0, 8, 0, 0)],
      [/no such queue/, (slot) => ring.fill(slot, ringOp.read | ringFlag.word, 7, 8, 0, 0)],
      [/no such remote region/, (slot) => ring.fill(slot, ringOp.read, 0, 8, 9, 0)],
      [/no such local region/, (slot) => ring.fill(slot, ringOp.read, 0, 8, 0, 0, 9)],
      [/length is 0/, (slot) => ring.fill(slot, ringOp.read, 0, 0, 0, 0)],
      [/outside its remote region/, (slot) => ring.fill(slot, ringOp.read, 0, 8, 0, 1 << 16)],
      [/outside its remote region/, (slot) => ring.fill(slot, ringOp.read, 0, 16, 0, 65528)],
      [/outside its local region/, (slot) => ring.fill(slot, ringOp.read, 0, 16, 0, 0, 0, 65528)],
      [/a multiple of 8/, (slot) => ring.fill(slot, ringOp.cas, 0, 8, 0, 4)],
      [/a word has 8 bytes/, (slot) => ring.fill(slot, ringOp.read | ringFlag.word, 0, 16, 0, 0)],
      [/has no FLUSH/, (slot) => ring.fill(slot, ringOp.flush, 0, 8, 0, 0)],
    ];
    for (const [message, fill] of wrong) {
      const good = submitWord(ring, ringOp.faa, 0, { operand: 1n });
      const slot = ring.take();
      fill(slot);
      ring.submit(slot);
      expect(() => ring.postAndPoll()).toThrow(RangeError);
      ring.submit(good);
      ring.submit(slot);
      expect(() => ring.postAndPoll()).toThrow(message);
      ring.release(slot);
      ring.release(good);
    }
    expect(native.fakeCounters().works).toBe(before);
    expect(ring.statistics.inFlight).toBe(0);
    const twice = submitWord(ring, ringOp.faa, 0, { operand: 1n });
    ring.submit(twice);
    expect(() => ring.postAndPoll()).toThrow(/in flight, or twice/);
  });

  test('rights are checked by the responder: a refused verb is definitely not done', () => {
    const { ring } = open({ regionAccess: access.localWrite | access.remoteRead });
    submitWord(ring, ringOp.write, 0, { operand: 1n });
    const [refused] = drain(ring, 1);
    expect(describeStatus(refused?.status ?? 0, 0)).toBe('REM_ACCESS_ERR');
    expect(outcomeOf(refused?.status ?? 0)).toBe('failed');
  });

  test('unflushed words may be lost, flushed ones may not', () => {
    const { ring, native, remote, remoteMr } = open({
      regionAccess: allAccess | access.flushGlobal | access.flushPersistent,
      qp: { flush: true },
    });
    const words = new BigUint64Array(remote.buffer, 0, 64);
    for (let i = 0; i < 64; i++) submitWord(ring, ringOp.write, 8 * i, { operand: 7n });
    drain(ring, 64);
    const slot = ring.take();
    ring.fill(slot, ringOp.flush, 0, 256, 0, 0);
    ring.setWord(slot, slotWord.immediate, flushType.persistent, 0);
    ring.submit(slot);
    expect(drain(ring, 1)[0]?.status).toBe(0);
    const { unflushedWords, lostWords } = native.fakePowerLoss(native.queryMr(remoteMr).rkey, 42);
    expect(unflushedWords).toBe(32);
    expect(lostWords).toBeGreaterThan(4);
    expect(lostWords).toBeLessThan(28);
    expect([...words.subarray(0, 32)]).toEqual(new Array(32).fill(7n));
    expect([...words.subarray(32)].filter((word) => word === 0n)).toHaveLength(lostWords);
  });

  test('ATOMIC_WRITE stores a word', () => {
    const { ring } = open({ qp: { atomicWrite: true } });
    wordVerb(ring, ringOp.atomicWrite, 16, { operand: 99n });
    expect(wordVerb(ring, ringOp.read, 16)).toBe(99n);
  });

  test('an immediate arrives at the ring of the peer, as often as it is sent', () => {
    const near = openBench();
    const far = open({ qp: { maxRecvWr: 8 } });
    const [receiver] = far.pairs;
    // Crosswise: the far ring listens on the pair whose other end the near ring would post on.
    const sender = near.native.createQp(near.pd, near.cq);
    const target = far.native.createQp(far.pd, far.cq, { maxRecvWr: 8 });
    connect(near, sender, target);
    const queue = near.ring.addQp(sender);
    const listening = far.ring.addQp(target);
    far.ring.postReceives(listening, 8);
    near.ring.setRemote(1, far.native.queryMr(far.remoteMr));
    for (let i = 0; i < 20; i++) {
      const slot = near.ring.take();
      near.ring.fill(slot, ringOp.writeImm | ringFlag.word, queue, 8, 1, 8 * i);
      near.ring.setWord(slot, slotWord.operand, i + 1, 0);
      near.ring.setWord(slot, slotWord.immediate, 1000 + i, 0);
      near.ring.submit(slot);
      expect(drain(near.ring, 1)[0]?.status).toBe(0);
      expect(drain(far.ring, 1)).toEqual([{ slot: 0xffffffff, status: 0, detail: 1000 + i }]);
    }
    expect(far.remote[8 * 19]).toBe(20);
    expect(receiver).toBeDefined();
    near.close();
  });
});

function connect(from: VerbsBench, a: Parameters<VerbsBench['native']['queryQp']>[0], b: typeof a) {
  const { native } = from;
  for (const [own, peer] of [
    [a, b],
    [b, a],
  ] as const) {
    native.modifyQp(own, { state: 'init' });
    native.modifyQp(own, { state: 'rtr', destQpNum: native.queryQp(peer).qpNum });
    native.modifyQp(own, { state: 'rts' });
  }
}
