import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { loadAddon } from '../../src/fabric/verbs/addon.ts';
import { CmHub } from '../../src/fabric/verbs/cm-hub.ts';
import { CompletionWaiter } from '../../src/fabric/verbs/completion.ts';
import {
  connectQueuePair,
  cpuMicrosecondsAt,
  fenceAt,
  parseDestination,
} from '../../src/fabric/verbs/connect.ts';
import { decodeDirectory } from '../../src/fabric/verbs/directory.ts';
import { access, type CompChannel, type Native } from '../../src/fabric/verbs/native.ts';
import { probeCapabilities } from '../../src/fabric/verbs/probe.ts';
import {
  describeStatus,
  outcomeOf,
  ringFlag,
  ringOp,
  VerbRing,
} from '../../src/fabric/verbs/rings.ts';
import type { MemoryNodeReady, MemoryNodeReport } from '../../src/lab/memory-node.ts';
import { packageRoot } from '../../src/lab/package.ts';
import { deviceAbsent, deviceHost } from '../support/rdma-device.ts';
import {
  drain,
  openBench,
  sharedBytes,
  submitBytes,
  submitWord,
  type VerbsBench,
  wordVerb,
} from '../support/verbs.ts';

/** User and system time of a process, in hundredths of a second (proc(5), fields 14 and 15 of stat). */
function cpuTicks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return Number(fields[11]) + Number(fields[12]);
}

const reason = deviceAbsent();
const why = reason === undefined ? '' : ` (skipped: ${reason})`;

describe.skipIf(reason !== undefined)(`verbs on this machine's RDMA device${why}`, () => {
  let name = '';
  let bench: VerbsBench;
  beforeAll(() => {
    name = loadAddon().getDeviceList()[0] as string;
  });
  afterEach(() => bench.close());
  const open = (): VerbsBench => {
    bench = openBench({
      provider: 'system',
      device: name,
      channel: true,
      queuePairs: 2,
      qp: { maxInlineData: 256, maxSendWr: 16 },
    });
    return bench;
  };

  test('READ and WRITE move bytes of every length, inline and not', () => {
    const { ring, local, remote } = open();
    for (const length of [8, 64, 256, 264, 4096, 16384]) {
      for (let i = 0; i < length; i++) local[i] = (i * 7 + length) & 0xff;
      submitBytes(ring, ringOp.write, 4096, length, 0);
      submitBytes(ring, ringOp.read, 4096, length, 32768);
      expect(drain(ring, 2).map(({ status, detail }) => describeStatus(status, detail))).toEqual([
        'SUCCESS',
        'SUCCESS',
      ]);
      const sent = Buffer.from(local.subarray(0, length));
      expect(sent.equals(remote.subarray(4096, 4096 + length))).toBe(true);
      expect(sent.equals(local.subarray(32768, 32768 + length))).toBe(true);
    }
  });

  test('CAS and FETCH_ADD give the old word; a failed CAS writes nothing', () => {
    const { ring } = open();
    const word = 0xfedcba9876543210n;
    wordVerb(ring, ringOp.write, 64, { operand: word });
    expect(wordVerb(ring, ringOp.cas, 64, { compare: 1n, operand: 2n })).toBe(word);
    expect(wordVerb(ring, ringOp.cas, 64, { compare: word, operand: 2n })).toBe(word);
    expect(wordVerb(ring, ringOp.faa, 64, { operand: 40n })).toBe(2n);
    expect(wordVerb(ring, ringOp.read, 64)).toBe(42n);
  });

  test('a full ring over two short send queues: every verb once, in order a queue', () => {
    const { ring } = open();
    for (let round = 0; round < 20; round++) {
      for (let i = 0; ring.free > 0; i++) {
        submitWord(ring, ringOp.faa, 8 * (i % 2), { operand: 1n, queue: i % 2 });
      }
      const done = drain(ring, ring.capacity);
      expect(done.every(({ status }) => status === 0)).toBe(true);
    }
    expect(wordVerb(ring, ringOp.read, 0) + wordVerb(ring, ringOp.read, 8)).toBe(20n * 64n);
    expect(ring.statistics.signalled).toBeLessThan(ring.statistics.posted / 4);
  });

  test('a completion wakes one who sleeps on the channel', async () => {
    const { native, ring, cq, channel } = open();
    const waiter = new CompletionWaiter(native, ring, cq, channel as CompChannel);
    for (let i = 0; i < 50; i++) {
      const slot = submitWord(ring, ringOp.faa, 0, { operand: 1n });
      expect(await waiter.completions()).toBe(1);
      ring.release(slot);
    }
  });

  test('a wrong key is refused by the responder, what follows is unknown, another queue goes on', () => {
    const { native, ring, remoteMr, pairs } = open();
    ring.setRemote(1, { ...native.queryMr(remoteMr), rkey: 0x7fffff });
    const bad = ring.take();
    ring.fill(bad, ringOp.write | ringFlag.word, 0, 8, 1, 0);
    ring.submit(bad);
    submitWord(ring, ringOp.faa, 0, { operand: 1n });
    submitWord(ring, ringOp.faa, 8, { operand: 1n, queue: 1 });
    const done = new Map(drain(ring, 3).map(({ slot, status }) => [slot, status]));
    expect(describeStatus(done.get(bad) ?? 0, 0)).toBe('REM_ACCESS_ERR');
    expect([...done.values()].map(outcomeOf).sort()).toEqual(['failed', 'ok', 'unknown']);
    expect(native.queryQp(pairs[0]?.near as (typeof pairs)[0]['near']).state).toBe('err');
  });

  test('the probe finds inline bytes that arrive', () => {
    const { native, device } = open();
    expect(probeCapabilities(native, device).inlineBytes).toBeGreaterThanOrEqual(64);
  });
});

describe.skipIf(reason !== undefined)(`memory node, this machine's RDMA device${why}`, () => {
  let native: Native;
  let hub: CmHub;
  let child: ReturnType<typeof spawn>;
  let ready: MemoryNodeReady;
  let lines: AsyncIterator<string>;

  beforeAll(async () => {
    native = loadAddon();
    const main = path.join(packageRoot, 'dist/src/cli/main.js');
    child = spawn(
      process.execPath,
      [main, 'memory-node', '--listen', `${deviceHost()}:0`, '--region', 'data:dram:1MiB'],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[
      Symbol.asyncIterator
    ]();
    ready = JSON.parse((await lines.next()).value as string) as MemoryNodeReady;
    hub = new CmHub(native);
    hub.watch();
  });
  afterAll(() => {
    hub?.close();
    child?.kill('SIGKILL');
  });

  test('serves READs and atomics without running; a fence cuts off; it says how passive it was', async () => {
    const to = parseDestination(ready.ready);
    const device = native.openDevice(native.getDeviceList()[0] as string);
    const pd = native.allocPd(device);
    const cq = native.createCq(device, 1024);
    const ring = new VerbRing(native, pd, cq, 64);
    const connect = (incarnation: number) =>
      connectQueuePair(hub, { ...to, incarnation, queuePair: () => native.createQp(pd, cq) });
    const { qp, welcome } = await connect(1);
    expect(welcome.incarnation).toBe(ready.incarnation);
    const queue = ring.addQp(qp);
    const local = sharedBytes(4096);
    ring.setLocal(0, native.regMr(pd, local, access.localWrite));
    ring.setRemote(0, welcome.directory);
    const slot = ring.take();
    ring.fill(slot, ringOp.read, queue, welcome.directory.lengthBytes, 0, 0);
    ring.submit(slot);
    expect(drain(ring, 1)[0]?.status).toBe(0);
    const [data] = decodeDirectory(local);
    expect(data).toMatchObject({ name: 'data', lengthBytes: 2 ** 20 });
    ring.setRemote(0, data as NonNullable<typeof data>);
    for (let i = 0; i < 2000; i++) wordVerb(ring, ringOp.faa, 2 ** 20 - 8, { operand: 1n });
    expect(wordVerb(ring, ringOp.read, 2 ** 20 - 8)).toBe(2000n);
    // Connecting costs the node some CPU, verbs none: a tick or two are the kernel's, on its account.
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const before = cpuTicks(child.pid as number);
    for (let i = 0; i < 5000; i++) wordVerb(ring, ringOp.faa, 0, { operand: 1n });
    expect(cpuTicks(child.pid as number) - before).toBeLessThanOrEqual(2);
    expect(await cpuMicrosecondsAt(hub, to)).toBeGreaterThan(0);
    for (let i = 0; i < 50; i++) (await connect(2)).close();
    await fenceAt(hub, to, 1);
    submitWord(ring, ringOp.faa, 0, { operand: 1n });
    expect(drain(ring, 1).map(({ status }) => outcomeOf(status))).toEqual(['unknown']);
    await expect(connect(1)).rejects.toThrow(/was fenced off there/);
    await expect(
      connectQueuePair(hub, {
        ...to,
        port: 1,
        incarnation: 3,
        queuePair: () => native.createQp(pd, cq),
      }),
    ).rejects.toThrow(/nobody listens there/);
    native.close(device);
    child.kill('SIGTERM');
    const report = JSON.parse((await lines.next()).value as string) as MemoryNodeReport;
    expect(report.cpuMicroseconds).toBeGreaterThan(0);
    expect((await once(child, 'exit'))[0]).toBe(0);
  });
});
