import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import type { MemoryNodeReport } from '../src/lab/memory-node.ts';
import { packageRoot } from '../src/lab/package.ts';
import type { ExperimentResult } from '../src/lab/result.ts';

/**
 * How passive a memory node is: CPU time of its process during a run of Direct under YCSB A, from before the
 * nodes connect to after the last verb, and which part of it was connecting. The kernel acts for rdma_rxe in
 * soft interrupts, which are nobody's CPU time; on the fake device (`--fake`) a thread of the process acts
 * for it, whose time is not counted.
 *
 * Beside it stands in which seconds the process woke up at all, and how often, by /proc: a host that takes
 * the cores of an emulated guest away makes the guest's times longer, and wakes nobody.
 *
 *   node dist/bench/memory-passive.js --listen 10.77.0.1:7471 [--seconds 60] [--threads]
 *   node dist/bench/memory-passive.js --fake
 */
const targetMs = 10;

const { values } = parseArgs({
  options: {
    listen: { type: 'string', default: '127.0.0.1:7471' },
    seconds: { type: 'string', default: '60' },
    fake: { type: 'boolean', default: false },
    threads: { type: 'boolean', default: false },
  },
});
if (values.fake) process.env.FARSIDE_FAKE_NETWORK = `passive-${process.pid}`;

const main = path.join(packageRoot, 'dist/src/cli/main.js');
const folder = mkdtempSync(path.join(tmpdir(), 'farside-passive-'));
const regions = ['copy0:dram:16MiB', 'index:dram:4MiB', 'pool:dram:4MiB'];
const memory = spawn(
  process.execPath,
  [
    '--no-memory-reducer',
    main,
    ...['memory-node', '--listen', values.listen],
    ...regions.flatMap((one) => ['--region', one]),
  ],
  { stdio: ['ignore', 'pipe', 'inherit'] },
);
const lines = createInterface(memory.stdout);
await once(lines, 'line');

const began = performance.now();
const awake = watchSleep(memory.pid as number);
const out = path.join(folder, 'out');
const run = spawn(
  process.execPath,
  [
    main,
    ...['run', 'direct', '--fabric', 'verbs', '--memory', values.listen, '--memory-nodes', '1'],
    ...['--set', 'cluster.medium=dram', '--compute-nodes', '2', '--clients', '1'],
    ...['--workload', 'a', '--keys', '1000', '--warmup', '100'],
    ...['--duration', `${values.seconds}s`, '--quiet', '--out', out],
    ...(values.threads ? [] : ['--processes']),
  ],
  { stdio: ['ignore', 'ignore', 'inherit'] },
);
const [code] = (await once(run, 'exit')) as [number];
if (code !== 0) throw new Error(`the run ended with exit code ${code}`);

console.log(`seconds since ready in which it woke up: ${awake.stop().join('; ')}`);
memory.kill('SIGTERM');
const [last] = (await once(lines, 'line')) as [string];
const { cpuMicroseconds } = JSON.parse(last) as MemoryNodeReport;
const results = readFileSync(path.join(out, 'results.json'), 'utf8');
const [result] = (JSON.parse(results) as ExperimentResult).runs;
rmSync(folder, { recursive: true });
const [node] = result?.memoryNodes ?? [];
const cpuMs = (node?.cpuNs ?? Number.NaN) / 1e6;
const connectingMs = (node?.connectingNs ?? Number.NaN) / 1e6;
const seconds = (result?.durationNs ?? 0) / 1e9;
const verdict = cpuMs < targetMs ? 'reached' : 'missed';
console.log(
  `memory node: ${cpuMs.toFixed(2)} ms of CPU, of which ${connectingMs.toFixed(2)} ms connecting, ` +
    `in a run of ${seconds.toFixed(1)} s with ` +
    `${result?.verbs} verbs (target: under ${targetMs} ms: ${verdict}); ` +
    `${(cpuMicroseconds / 1000).toFixed(2)} ms from ready to its end`,
);

/** Of a process: seconds in which it gave up its core, which it does once for each time that it was woken. */
function watchSleep(pid: number): { stop(): string[] } {
  const said: string[] = [];
  let last = sleepsOf(pid);
  const look = (): void => {
    const now = sleepsOf(pid);
    const second = Math.round((performance.now() - began) / 1000);
    const ms = (now.runNs - last.runNs) / 1e6;
    if (now.sleeps > last.sleeps) {
      said.push(`${second}: ${now.sleeps - last.sleeps} times, ${ms.toFixed(1)} ms`);
    }
    last = now;
  };
  const timer = setInterval(look, 1000);
  return {
    stop() {
      clearInterval(timer);
      look();
      return said;
    },
  };
}

function sleepsOf(pid: number): { sleeps: number; runNs: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const run = readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0];
  return {
    sleeps: Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)?.[1]),
    runNs: Number(run),
  };
}
