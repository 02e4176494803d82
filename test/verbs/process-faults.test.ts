import path from 'node:path';
import { expect, test } from 'vitest';
import { siteForEach, smallRun } from '../support/fake-network.ts';
import { describeOnFake } from '../support/verbs.ts';

const timeoutMs = 240_000;

interface Case {
  readonly what: string;
  readonly system: string;
  readonly fault: string;
  readonly standbys?: string;
  /** More where a process must start before clients are served again: they go on failing meanwhile. */
  readonly operations?: string;
  /** Whose process the fault kills. */
  readonly killed: string;
  /** Another process of that node, or of a standby, went on. */
  readonly isReplaced: boolean;
}

const cases: readonly Case[] = [
  {
    what: 'a compute node at a verb, which starts again',
    system: 'direct',
    fault: 'crash cn1 at verb 200, restart after 20ms',
    killed: 'cn1',
    isReplaced: true,
  },
  {
    what: 'a compute node at a random time, for good',
    system: 'clover',
    fault: 'crash cn1 at random 5ms..60ms',
    killed: 'cn1',
    isReplaced: false,
  },
  {
    what: 'the coordinator, with a standby',
    system: 'central',
    fault: 'crash coordinator at verb 200, standby after 5ms',
    standbys: '1',
    killed: 'coordinator',
    isReplaced: true,
  },
  {
    what: 'the metadata server, which starts again',
    system: 'clover',
    fault: 'crash ms0 at 40ms, restart after 5ms',
    operations: '6000',
    killed: 'ms0',
    isReplaced: true,
  },
];

describeOnFake('faults of nodes as processes, on the fake device', () => {
  const site = siteForEach(timeoutMs);
  const history = path.join(site.dir, 'history.edn');

  test.for(cases)(
    'SIGKILL ends $what',
    { timeout: timeoutMs },
    async ({ system, fault, standbys = '0', killed, isReplaced, operations = '1000' }) => {
      const { code, stderr } = await site.network.run([
        ...[
          'run',
          system,
          ...smallRun(site.memory, site.out, ['--operations', operations]),
          '--processes',
          '--standbys',
          standbys,
        ],
        ...['--fault', fault, '--history', history],
      ]);
      expect({ code, stderr }).toMatchObject({ code: 0 });
      const { faults, perOperation, processes } = site.results[0]!;
      expect(faults?.faults[0]?.atNs).toBeGreaterThan(0);
      expect(faults?.faults[0]?.clientsNeverServed).toBe(0);
      for (const { corrupt } of Object.values(perOperation)) expect(corrupt).toBe(0);
      const done = Object.values(perOperation).reduce((sum, { count }) => sum + count, 0);
      // What a killed compute node had measured went with it; its next start does the rest.
      const half = Number(operations) / 2;
      expect(done).toBeGreaterThanOrEqual(isReplaced ? half + 1 : half);
      expect(processes?.map(({ node }) => node)).toContain(killed);
      // What the killed process had acknowledged is in the history, and nothing acknowledged was lost.
      const checked = await site.network.run(['check', '--history', history]);
      expect(checked).toMatchObject({ code: 0 });
      expect((await site.memory.end()).connections).toBe(0);
    },
  );

  test.for([
    ['partition cn0 from mn0 at 5ms', 'it cannot be done to real memory nodes and networks'],
    ['lose mn0 at 5ms', 'it cannot be done to real memory nodes and networks'],
    ['crash mn0 at 5ms, restart after 1ms', 'it cannot be done to real memory nodes'],
    ['crash cn1 at 5ms', 'over verbs a crash is a process that is killed, and nodes are threads'],
  ] as const)('%s is refused in one line that says what can be', async ([fault, why]) => {
    const args = ['run', 'direct', ...smallRun(site.memory, site.out), '--fault', fault];
    const { code, stderr } = await site.network.run(args);
    expect(code).toBe(2);
    expect(stderr).toContain(`farside: --fault "${fault}": ${why}`);
    expect(stderr).toMatch(/(crash and slow down compute nodes|add --processes)/);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  test('what lands of a process that is killed by time is not for a plan to say', async () => {
    const fault = 'crash cn1 at 5ms, landing none';
    const args = ['run', 'direct', ...smallRun(site.memory, site.out), '--processes'];
    const { code, stderr } = await site.network.run([...args, '--fault', fault]);
    expect(code).toBe(2);
    expect(stderr).toBe(
      `farside: --fault "${fault}": what a killed process has posted lands or not as the device has it: ` +
        'crash it at a verb, or leave out landing none\n',
    );
  });
});
