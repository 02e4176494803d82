import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { expect, test } from 'vitest';
import type { RunResult } from '../../src/lab/result.ts';
import { line, siteForEach, smallRun } from '../support/fake-network.ts';
import { describeOnFake } from '../support/verbs.ts';

const timeoutMs = 240_000;

describeOnFake('nodes as processes, on the fake device', () => {
  const site = siteForEach(timeoutMs);

  /** A compute node, which waits until somebody listens there. */
  const join = (at: string) =>
    site.network.start(['node', '--role', 'compute', '--join', at, '--wait', '60s']);

  const isWhole = (run: RunResult): void => {
    const all = Object.values(run.perOperation);
    expect(all.reduce((sum, { count }) => sum + count, 0)).toBe(1000);
    for (const { corrupt, notFound, latencyNs } of all) {
      expect({ corrupt, notFound }).toEqual({ corrupt: 0, notFound: 0 });
      expect(latencyNs.count).toBeGreaterThan(0);
    }
  };

  test(
    'run all systems, one after another, with one result for all processes',
    async () => {
      const args = ['compare', ...smallRun(site.memory, site.out), '--processes'];
      expect(await site.network.run(args)).toMatchObject({ code: 0, stderr: expect.any(String) });
      const runs = site.results;
      const nodes = runs.map((run) => run.processes?.map(({ node }) => node).sort());
      expect(nodes).toEqual([
        ['cn0', 'cn1'],
        ['cn0', 'cn1', 'coordinator'],
        ['cn0', 'cn1', 'ms0'],
      ]);
      for (const run of runs) {
        isWhole(run);
        for (const { clockErrorNs, clockOffsetNs } of run.processes ?? []) {
          // Processes of one host have one clock.
          expect({ clockErrorNs, clockOffsetNs }).toEqual({ clockErrorNs: 0, clockOffsetNs: 0 });
        }
        expect(run.memoryNodes).toMatchObject([{ node: 'mn0', at: site.memory.at }]);
        const [{ cpuNs, connectingNs } = { cpuNs: 0, connectingNs: 0 }] = run.memoryNodes ?? [];
        expect(connectingNs).toBeGreaterThan(0);
        expect(cpuNs).toBeGreaterThanOrEqual(connectingNs);
      }
      // The same processes took part in all three runs.
      const pids = runs.map((run) => run.processes?.find(({ node }) => node === 'cn0')?.pid);
      expect(new Set(runs.flatMap((run) => run.processes?.map(({ pid }) => pid))).size).toBe(4);
      expect(pids).not.toContain(undefined);
      expect((await site.memory.end()).connections).toBe(0);
    },
    timeoutMs,
  );

  test(
    'join from wherever they were started; who is not wanted is told so',
    async () => {
      const at = '127.0.0.1:7500';
      // Nodes come first, as srun may start them.
      const nodes = [join(at), join(at)];
      const run = site.network.start([
        'run',
        'direct',
        ...smallRun(site.memory, site.out).filter(loud),
        '--listen',
        at,
      ]);
      expect(JSON.parse(await line(nodes[0]!.child))).toMatchObject({
        joined: at,
        role: 'compute',
      });
      const { code, stderr } = await run.ended;
      expect({ code, stderr }).toMatchObject({ code: 0 });
      expect(stderr).toMatch(/waiting at 127\.0\.0\.1:7500 for 2 of 2 compute/);
      for (const { ended } of nodes) {
        const { code: left, stdout } = await ended;
        expect(left).toBe(0);
        expect(JSON.parse(stdout.trim().split('\n').at(-1) as string)).toEqual({ runs: 1 });
      }
      isWhole(site.results[0]!);
    },
    timeoutMs,
  );

  test(
    'a role that nobody needs, and one that is taken, are refused',
    async () => {
      const at = '127.0.0.1:7501';
      const run = site.network.start([
        ...['run', 'central', ...smallRun(site.memory, site.out), '--listen', at],
        ...['--join-timeout', '20s'],
      ]);
      const first = join(at);
      expect(JSON.parse(await line(first.child))).toMatchObject({ joined: at });
      const wrong = await site.network.run(['node', '--role', 'metadata', '--join', at]);
      expect(wrong).toMatchObject({ code: 2, stdout: '' });
      expect(wrong.stderr).toBe(
        `farside: ${at}: this run has no node of role metadata (it needs 2 compute, 1 coordinator)\n`,
      );
      const second = site.network.start(['node', '--role', 'compute', '--join', at]);
      await line(second.child);
      const third = await site.network.run(['node', '--role', 'compute', '--join', at]);
      expect(third.code).toBe(2);
      expect(third.stderr).toContain('all compute nodes are there already (it needs 2 compute, 1 ');
      // The coordinator never comes.
      const { code, stderr } = await run.ended;
      expect(code).toBe(2);
      expect(stderr).toMatch(
        /central, seed 1: .*:7501: coordinator did not join within 20 s: start each with farside node/,
      );
      expect(await first.ended).toMatchObject({ code: 0 });
    },
    timeoutMs,
  );

  test(
    'one that is killed ends the run with one line; the others end too',
    async () => {
      const at = '127.0.0.1:7502';
      const run = site.network.start([
        ...[
          'run',
          'direct',
          ...smallRun(site.memory, site.out, ['--duration', '60s']),
          '--listen',
          at,
        ],
      ]);
      const nodes = [join(at), join(at)];
      await Promise.all(nodes.map(({ child }) => line(child)));
      await new Promise((resolve) => setTimeout(resolve, 4000));
      nodes[1]!.child.kill('SIGKILL');
      const { code, stderr } = await run.ended;
      expect({ code, stderr }).toMatchObject({ code: 2 });
      expect(stderr).toMatch(
        /^farside: .*direct, seed 1: cn[01] \(host .*, process \d+\) is gone: the connection ended$/m,
      );
      expect((await nodes[0]!.ended).code).toBe(0);
      expect((await site.memory.end()).connections).toBe(0);
    },
    timeoutMs,
  );

  test(
    'that lose the one who started the run end with one line',
    async () => {
      const at = '127.0.0.1:7503';
      const run = site.network.start([
        'run',
        'central',
        ...smallRun(site.memory, site.out),
        '--listen',
        at,
      ]);
      const node = join(at);
      await line(node.child);
      run.child.kill('SIGKILL');
      const { code, stderr } = await node.ended;
      expect({ code, stderr }).toEqual({
        code: 2,
        stderr: `farside: ${at}: the one who started the run is gone: the connection ended\n`,
      });
    },
    timeoutMs,
  );

  test(
    'nobody who waits, and an address in use, are said',
    async () => {
      const alone = await site.network.run([
        ...['node', '--role', 'compute', '--join', '127.0.0.1:7504', '--wait', '200ms'],
      ]);
      expect(alone).toMatchObject({ code: 2, stdout: '' });
      expect(alone.stderr).toBe(
        'farside: --join 127.0.0.1:7504: nobody listens there (waited 0.2 s): start farside run ' +
          '--listen 127.0.0.1:7504 first\n',
      );
      const other = createServer().listen(0, '127.0.0.1');
      await once(other, 'listening');
      const taken = `127.0.0.1:${(other.address() as AddressInfo).port}`;
      const late = await site.network.run([
        ...['run', 'direct', ...smallRun(site.memory, site.out), '--listen', taken],
      ]);
      other.close();
      expect(late).toMatchObject({ code: 2, stdout: '' });
      expect(late.stderr).toContain(
        `cannot listen at ${taken}: another process listens there; choose another port\n`,
      );
    },
    timeoutMs,
  );
});

const loud = (arg: string): boolean => arg !== '--quiet';
