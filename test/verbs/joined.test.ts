import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { MemoryNodeReady } from '../../src/lab/memory-node.ts';
import type { ExperimentResult } from '../../src/lab/result.ts';
import { type Started, startCli, temporaryFolder } from '../support/cli.ts';
import { line } from '../support/fake-network.ts';
import { deviceAbsent, deviceHost } from '../support/rdma-device.ts';

const absent = deviceAbsent();
const why = absent === undefined ? '' : ` (skipped: ${absent})`;
/** Five processes of an emulated guest load at once. It may stand still for longer than a NIC's packets take. */
const timeoutMs = 240_000;
const operations = 120;
const regions = ['index:dram:1MiB', 'data:dram:8MiB', 'control:dram:64KiB'];

describe.skipIf(absent !== undefined)(
  `processes that join a run over this machine's RDMA device${why}`,
  () => {
    const folder = temporaryFolder();
    const started: Started[] = [];
    const start = (args: readonly string[]): Started => {
      const one = startCli(folder.dir, args);
      started.push(one);
      return one;
    };
    afterEach(() => {
      for (const { child } of started) child.kill('SIGKILL');
      folder.remove();
    });

    test(
      'a coordinator and two compute nodes give whole values and one result',
      async () => {
        const host = deviceHost();
        const at = `${host}:7500`;
        const node = (role: string): Started =>
          start(['node', '--role', role, '--join', at, '--wait', '2m']);
        const nodes = [node('compute'), node('compute'), node('coordinator')];
        const flags = regions.flatMap((region) => ['--region', region]);
        const memory = start(['memory-node', '--listen', `${host}:0`, ...flags]);
        const { ready } = JSON.parse(await line(memory.child)) as MemoryNodeReady;
        const out = path.join(folder.dir, 'out');
        const run = start([
          ...['run', 'central', '--fabric', 'verbs', '--memory', ready, '--memory-nodes', '1'],
          ...['--compute-nodes', '2', '--clients', '1', '--outstanding', '2'],
          ...['--workload', 'a', '--keys', '20', '--value-bytes', '300', '--data-integrity'],
          ...['--operations', String(operations), '--warmup', '0', '--set', 'cluster.medium=dram'],
          ...[
            '--listen',
            at,
            '--join-timeout',
            '2m',
            '--ack-timeout',
            '18',
            '--quiet',
            '--out',
            out,
          ],
        ]);
        const { code, stderr } = await run.ended;
        expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
        for (const { ended } of nodes) {
          const { code: left, stdout } = await ended;
          expect(left).toBe(0);
          expect(JSON.parse(stdout.trim().split('\n').at(-1) as string)).toEqual({ runs: 1 });
        }
        const text = readFileSync(path.join(out, 'results.json'), 'utf8');
        const [result] = (JSON.parse(text) as ExperimentResult).runs;
        expect(result?.operations).toBe(operations);
        expect(result?.processes?.map((one) => one.node).sort()).toEqual([
          'cn0',
          'cn1',
          'coordinator',
        ]);
        expect(new Set(result?.processes?.map(({ pid }) => pid)).size).toBe(3);
        expect(result?.memoryNodes).toMatchObject([{ node: 'mn0', at: ready }]);
        const all = Object.values(result?.perOperation ?? {});
        expect(all.reduce((sum, { latencyNs }) => sum + latencyNs.count, 0)).toBe(operations);
        for (const { corrupt, notFound } of all) {
          expect({ corrupt, notFound }).toEqual({ corrupt: 0, notFound: 0 });
        }
      },
      timeoutMs,
    );
  },
);
