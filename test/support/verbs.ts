import { describe } from 'vitest';
import { loadAddon } from '../../src/fabric/verbs/addon.ts';
import { connectLoopback } from '../../src/fabric/verbs/loopback.ts';
import {
  access,
  type CompChannel,
  type Cq,
  type Device,
  type Mr,
  type Native,
  type Pd,
  type Qp,
  type QpOptions,
} from '../../src/fabric/verbs/native.ts';
import { ringFlag, type ringOp, slotWord, VerbRing } from '../../src/fabric/verbs/rings.ts';

/** `fake`, or a device of this machine by its name: tests of both run over the same bench. */
export interface BenchOptions {
  readonly provider?: 'fake' | 'system';
  readonly device?: string;
  readonly capacity?: number;
  readonly cqe?: number;
  readonly regionBytes?: number;
  readonly regionAccess?: number;
  readonly qp?: QpOptions;
  readonly queuePairs?: number;
  readonly channel?: boolean;
  readonly readsMax?: number;
  readonly inlineBytesMax?: number;
}

/** A pair of connected queue pairs; the ring posts on `near`, whose peer is `far`. */
export interface Pair {
  readonly near: Qp;
  readonly far: Qp;
  readonly queue: number;
}

export interface VerbsBench {
  readonly native: Native;
  readonly device: Device;
  readonly pd: Pd;
  readonly cq: Cq;
  readonly channel: CompChannel | undefined;
  readonly ring: VerbRing;
  /** The region that verbs act on (remote 0), and the local one beside it (local 0). */
  readonly remote: Uint8Array;
  readonly remoteMr: Mr;
  readonly local: Uint8Array;
  readonly pairs: readonly Pair[];
  close(): void;
}

export const allAccess =
  access.localWrite | access.remoteRead | access.remoteWrite | access.remoteAtomic;

export function sharedBytes(length: number): Uint8Array {
  return new Uint8Array(new SharedArrayBuffer(length));
}

export function openBench(options: BenchOptions = {}): VerbsBench {
  const native = loadAddon();
  const provider = options.provider ?? 'fake';
  const device = native.openDevice(options.device ?? 'fake0', { provider });
  const pd = native.allocPd(device);
  const channel = options.channel === true ? native.createCompChannel(device) : undefined;
  const cq = native.createCq(device, options.cqe ?? 1024, channel);
  const farCq = native.createCq(device, 1024);
  const ring = new VerbRing(native, pd, cq, options.capacity ?? 64);
  const remote = sharedBytes(options.regionBytes ?? 1 << 16);
  const local = sharedBytes(1 << 16);
  const remoteMr = native.regMr(pd, remote, options.regionAccess ?? allAccess);
  ring.setLocal(0, native.regMr(pd, local, access.localWrite));
  ring.setRemote(0, native.queryMr(remoteMr));
  const pairs: Pair[] = [];
  for (let i = 0; i < (options.queuePairs ?? 1); i++) {
    const near = native.createQp(pd, cq, options.qp);
    const far = native.createQp(pd, farCq, { maxRecvWr: 16 });
    connectLoopback(native, device, near, far);
    const { readsMax, inlineBytesMax } = options;
    const queue = ring.addQp(near, {
      ...(readsMax === undefined ? {} : { readsMax }),
      ...(inlineBytesMax === undefined ? {} : { inlineBytesMax }),
    });
    pairs.push({ near, far, queue });
  }
  const close = (): void => native.close(device);
  return { native, device, pd, cq, channel, ring, remote, remoteMr, local, pairs, close };
}

export interface Completed {
  readonly slot: number;
  readonly status: number;
  readonly detail: number;
}

/** Posts and reaps until `count` have completed, and releases their slots; gives up after a while. */
export function drain(ring: VerbRing, count: number, timeoutMs = 20_000): Completed[] {
  const done: Completed[] = [];
  const end = performance.now() + timeoutMs;
  while (done.length < count && performance.now() < end) {
    const completed = ring.postAndPoll();
    for (let i = 0; i < completed; i++) {
      const slot = ring.completedSlot(i);
      done.push({ slot, status: ring.completedStatus(i), detail: ring.completedDetail(i) });
      if (slot !== 0xffffffff) ring.release(slot);
    }
  }
  return done;
}

/** Takes a slot for a word verb (READ, WRITE, CAS, FETCH_ADD …) at `offset`, and submits it. */
export function submitWord(
  ring: VerbRing,
  op: number,
  offset: number,
  words: { operand?: bigint; compare?: bigint; queue?: number; flags?: number } = {},
): number {
  const slot = ring.take();
  ring.fill(slot, op | ringFlag.word | (words.flags ?? 0), words.queue ?? 0, 8, 0, offset);
  const set = (word: number, value: bigint): void =>
    ring.setWord(slot, word, Number(value & 0xffffffffn), Number(value >> 32n));
  set(slotWord.operand, words.operand ?? 0n);
  set(slotWord.compare, words.compare ?? 0n);
  ring.submit(slot);
  return slot;
}

/** One word verb alone: gives the word that came back. */
export function wordVerb(
  ring: VerbRing,
  op: number,
  offset: number,
  words: { operand?: bigint; compare?: bigint } = {},
): bigint {
  const slot = submitWord(ring, op, offset, words);
  const [completed] = drain(ring, 1);
  if (completed?.status !== 0) throw new Error(`status ${completed?.status}`);
  return (BigInt(ring.resultHigh(slot)) << 32n) | BigInt(ring.resultLow(slot));
}

/** A READ or WRITE of bytes between local 0 and remote 0, submitted. */
export function submitBytes(
  ring: VerbRing,
  op: typeof ringOp.read | typeof ringOp.write,
  remoteOffset: number,
  lengthBytes: number,
  localOffset: number,
  queue = 0,
): number {
  const slot = ring.take();
  ring.fill(slot, op, queue, lengthBytes, 0, remoteOffset, 0, localOffset);
  ring.submit(slot);
  return slot;
}

/** Why the tests of the addon cannot run here; undefined where they can. */
export function addonAbsent(): string | undefined {
  try {
    loadAddon();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Tests over the fake device: left out, and the title says why, where the addon cannot be loaded. */
export function describeOnFake(title: string, tests: () => void): void {
  const absent = addonAbsent();
  describe.skipIf(absent !== undefined)(
    absent === undefined ? title : `${title} (${absent})`,
    tests,
  );
}
