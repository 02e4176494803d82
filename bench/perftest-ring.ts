import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { CmHub } from '../src/fabric/verbs/cm-hub.ts';
import { connectQueuePair } from '../src/fabric/verbs/connect.ts';
import { decodeDirectory, type RegionDescriptor } from '../src/fabric/verbs/directory.ts';
import { access, loadAddon } from '../src/fabric/verbs/index.ts';
import { ringFlag, ringOp, slotWord, VerbRing } from '../src/fabric/verbs/rings.ts';

type Op = 'read' | 'write' | 'cas';

/** One queue pair to a memory node in another process, and loops over it as perftest's are. */
export interface PerftestRing {
  /**
   * Microseconds from one post to the next, one verb at a time: what perftest calls latency. One reading of
   * the clock an iteration, as there.
   */
  latenciesUs(op: Op, sizeBytes: number, rounds: number): number[];
  /** With so many outstanding: whatever has completed is posted again, in one doorbell. */
  verbsPerS(op: Op, sizeBytes: number, outstanding: number, rounds: number): number;
  close(): void;
}

const regionBytes = 1 << 20;
const targetBytes = 4096;
const capacity = 256;

export async function openPerftestRing(device: string, host: string): Promise<PerftestRing> {
  const native = loadAddon();
  const { port, stop } = await memoryNode(host);
  const handle = native.openDevice(device);
  const limits = native.queryDevice(handle);
  const pd = native.allocPd(handle);
  const cq = native.createCq(handle, capacity);
  const ring = new VerbRing(native, pd, cq, capacity);
  const local = new Uint8Array(new SharedArrayBuffer(regionBytes));
  ring.setLocal(0, native.regMr(pd, local, access.localWrite));
  const hub = new CmHub(native);
  hub.watch();
  const qp = native.createQp(pd, cq, { maxSendWr: 129 });
  const connected = await connectQueuePair(hub, {
    host,
    port,
    incarnation: Date.now(),
    maxRdAtomic: Math.min(limits.maxQpRdAtom, limits.maxQpInitRdAtom), // as perftest
    queuePair: () => qp,
  });
  const queue = ring.addQp(qp);
  const region = readDirectory(ring, queue, connected.welcome.directory, local);
  ring.setRemote(0, region);
  const submit = submitter(ring, queue);
  return {
    latenciesUs(op, sizeBytes, rounds) {
      const times = new Float64Array(rounds + 1);
      for (let i = 0; i <= rounds; i++) {
        times[i] = performance.now();
        submit(op, ring.take(), sizeBytes);
        let completed = ring.postAndPoll();
        while (completed === 0) completed = ring.pollCq();
        retire(ring, completed);
      }
      return Array.from({ length: rounds }, (_, i) => {
        return ((times[i + 1] as number) - (times[i] as number)) * 1e3;
      });
    },
    verbsPerS(op, sizeBytes, outstanding, rounds) {
      const start = performance.now();
      let posted = 0;
      for (let done = 0; done < rounds; ) {
        for (; posted < rounds && posted - done < outstanding; posted++) {
          submit(op, ring.take(), sizeBytes);
        }
        const completed = ring.postAndPoll();
        retire(ring, completed);
        done += completed;
      }
      return (rounds / (performance.now() - start)) * 1e3;
    },
    close() {
      connected.close();
      hub.close();
      native.close(handle);
      stop();
    },
  };
}

function submitter(ring: VerbRing, queue: number) {
  return (op: Op, slot: number, sizeBytes: number): void => {
    const offset = (slot & 127) * targetBytes;
    if (op === 'cas') {
      ring.fill(slot, ringOp.cas | ringFlag.word, queue, 8, 0, offset);
      ring.setWord(slot, slotWord.operand, 0, 0);
      ring.setWord(slot, slotWord.compare, 0, 0);
    } else {
      ring.fill(slot, ringOp[op], queue, sizeBytes, 0, offset, 0, offset);
    }
    ring.submit(slot);
  };
}

function retire(ring: VerbRing, completed: number): void {
  for (let i = 0; i < completed; i++) {
    const status = ring.completedStatus(i);
    if (status !== 0) throw new Error(`a verb ended with status ${status}`);
    ring.release(ring.completedSlot(i));
  }
}

function readDirectory(
  ring: VerbRing,
  queue: number,
  directory: { address: bigint; lengthBytes: number; rkey: number },
  local: Uint8Array,
): RegionDescriptor {
  ring.setRemote(0, directory);
  const slot = ring.take();
  ring.fill(slot, ringOp.read, queue, directory.lengthBytes, 0, 0, 0, 0);
  ring.submit(slot);
  let completed = ring.postAndPoll();
  while (completed === 0) completed = ring.pollCq();
  retire(ring, completed);
  const [region] = decodeDirectory(local.slice(0, directory.lengthBytes));
  if (region === undefined) throw new Error('the memory node has no region');
  return region;
}

/** A passive process, as perftest's server is. */
async function memoryNode(host: string): Promise<{ port: number; stop: () => void }> {
  const farside = fileURLToPath(new URL('../src/cli/main.js', import.meta.url));
  const region = `bench:dram:${regionBytes}`;
  const args = [farside, 'memory-node', '--listen', `${host}:0`, '--region', region];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const { ready } = JSON.parse(line.toString()) as { ready: string };
  return { port: Number(ready.split(':').at(-1)), stop: () => child.kill() };
}
