import { existsSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { temporaryFolder } from '../support/cli.ts';
import { FakeNetwork, line, type ServedMemory, smallRun } from '../support/fake-network.ts';
import { addonAbsent } from '../support/verbs.ts';

const absent = addonAbsent();
const why = absent === undefined ? '' : ` (${absent})`;
const timeoutMs = 120_000;

describe.skipIf(absent !== undefined)(
  `settings of connections, and waiting for nodes, on the fake device${why}`,
  () => {
    const folder = temporaryFolder();
    const out = path.join(folder.dir, 'out');
    let network: FakeNetwork;
    let memory: ServedMemory;

    beforeAll(async () => {
      network = new FakeNetwork(folder.dir);
      memory = await network.memoryNode(7471);
    }, timeoutMs);
    afterAll(() => network.close());

    const direct = (more: readonly string[]): readonly string[] => [
      ...['run', 'direct', ...smallRun(memory, out, ['--operations', '200'])],
      ...more,
    ];

    test.for([
      { nodes: 'threads', flags: [] },
      { nodes: 'processes', flags: ['--processes'] },
    ])(
      'a GID index that cannot work is one line, where nodes are $nodes',
      { timeout: timeoutMs },
      async ({ flags }) => {
        const { code, stdout, stderr } = await network.run(direct(['--gid-index', '7', ...flags]));
        expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
        expect(stderr.trim().split('\n')).toHaveLength(1);
        expect(stderr).toMatch(
          /fake0 port 1 has no GID 7: choose one of 0 \(roce_v1\), 1 \(roce_v2\)$/m,
        );
      },
    );

    test('MTU, GID index and timers that can work do', { timeout: timeoutMs }, async () => {
      const set = ['--mtu', '1024', '--gid-index', '1', '--ack-timeout', '16', '--retries', '3'];
      expect(await network.run(direct(set))).toMatchObject({ code: 0, stderr: '' });
      const wrong = await network.run(direct(['--mtu', '1500']));
      expect(wrong.code).toBe(2);
      expect(wrong.stderr).toMatch(/--mtu 1500: expected one of 256, 512, 1024, 2048, 4096/);
    });

    test('an interrupt ends the waiting: exit 130, nothing written, who has joined goes home', {
      timeout: timeoutMs,
    }, async () => {
      const at = '127.0.0.1:7510';
      const never = path.join(folder.dir, 'never');
      const run = network.start([
        ...['run', 'direct', ...smallRun(memory, never), '--listen', at, '--join-timeout', '100s'],
      ]);
      const node = network.start(['node', '--role', 'compute', '--join', at, '--wait', '60s']);
      await line(node.child);
      run.child.kill('SIGINT');
      const { code, stderr, stdout } = await run.ended;
      expect({ code, stderr }).toEqual({
        code: 130,
        stderr: 'farside: interrupted: writing what is finished (again to stop at once)\n',
      });
      expect(stdout).toContain('no run finished');
      expect(existsSync(never)).toBe(false);
      const { code: left, stdout: said } = await node.ended;
      expect(left).toBe(0);
      expect(JSON.parse(said.trim().split('\n').at(-1) as string)).toEqual({ runs: 0 });
    });
  },
);
