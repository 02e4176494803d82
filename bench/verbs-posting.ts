import { loadAddon } from '../src/fabric/verbs/addon.ts';
import { connectLoopback } from '../src/fabric/verbs/loopback.ts';
import { access } from '../src/fabric/verbs/native.ts';
import { ringFlag, ringOp, slotWord, VerbRing } from '../src/fabric/verbs/rings.ts';
import { median } from './alternate.ts';

/**
 * What posting costs outside the device: filling slots, the call into the addon, translation, reaping,
 * releasing, over the fake device, which is told to execute nothing. Its own bookkeeping (a lock, a queue
 * entry, an answer to ibv_poll_cq) is part of the figure, since it cannot be told from the addon's; a
 * device's driver would take its place.
 *
 *   node dist/bench/verbs-posting.js [runs]
 */
const runs = Number(process.argv[2] ?? 9);
const verbsPerRun = 1_000_000;
const targetNs = 150;

const native = loadAddon();
native.fakeConfigure({ execute: false });
const device = native.openDevice('fake0', { provider: 'fake' });
const pd = native.allocPd(device);
const cq = native.createCq(device, 4096);
const ring = new VerbRing(native, pd, cq, 256);
const shared = (bytes: number): Uint8Array => new Uint8Array(new SharedArrayBuffer(bytes));
const region = native.regMr(
  pd,
  shared(1 << 20),
  access.localWrite | access.remoteRead | access.remoteWrite | access.remoteAtomic,
);
ring.setLocal(0, region);
ring.setRemote(0, native.queryMr(region));
for (let i = 0; i < 4; i++) {
  const near = native.createQp(pd, cq, { maxInlineData: 64 });
  const far = native.createQp(pd, native.createCq(device, 128));
  connectLoopback(native, device, near, far);
  ring.addQp(near);
}

type Fill = (slot: number, i: number) => void;
const offset = (i: number): number => (Math.imul(i, 2654435761) >>> 12) & ~63;
const verbs: Record<string, Fill> = {
  'READ 64 B': (slot, i) => ring.fill(slot, ringOp.read, i & 3, 64, 0, offset(i), 0, slot * 64),
  'WRITE 64 B, inline': (slot, i) =>
    ring.fill(slot, ringOp.write, i & 3, 64, 0, offset(i), 0, slot * 64),
  'WRITE 4 KiB': (slot, i) => ring.fill(slot, ringOp.write, i & 3, 4096, 0, offset(i) >> 1, 0, 0),
  CAS: (slot, i) => {
    ring.fill(slot, ringOp.cas | ringFlag.word, i & 3, 8, 0, offset(i));
    ring.setWord(slot, slotWord.compare, i, 0);
    ring.setWord(slot, slotWord.operand, i + 1, 0);
  },
};

let sink = 0;

/** Nanoseconds a verb, one batch in flight at a time. */
function measure(fill: Fill, batch: number): number {
  const batches = Math.ceil(verbsPerRun / batch / 4);
  const start = process.hrtime.bigint();
  for (let b = 0; b < batches; b++) {
    for (let i = 0; i < batch; i++) {
      const slot = ring.take();
      fill(slot, b * batch + i);
      ring.submit(slot);
    }
    for (let left = batch; left > 0; ) {
      const completed = ring.postAndPoll();
      for (let i = 0; i < completed; i++) {
        const slot = ring.completedSlot(i);
        if (ring.completedStatus(i) !== 0) throw new Error(`status ${ring.completedStatus(i)}`);
        sink += ring.resultLow(slot);
        ring.release(slot);
      }
      left -= completed;
    }
  }
  return Number(process.hrtime.bigint() - start) / (batches * batch);
}

const batches = [1, 8, 32, 128];
const rows: Record<string, Record<string, number>> = {};
for (const [name, fill] of Object.entries(verbs)) {
  const row: Record<string, number> = {};
  for (const batch of batches) {
    measure(fill, batch);
    const times = Array.from({ length: runs }, () => measure(fill, batch));
    row[`batches of ${batch}`] = Math.round(median(times));
  }
  rows[`${name}, ns a verb`] = row;
}
console.table(rows);
const worst = Math.max(...Object.values(rows).map((row) => row['batches of 32'] as number));
console.log(`worst in batches of 32: ${worst} ns a verb (target: at most ${targetNs} ns)`);
process.exitCode = worst <= targetNs && Number.isFinite(sink) ? 0 : 1;
native.close(device);
