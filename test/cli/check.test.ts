import path from 'node:path';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { packageRoot } from '../../src/lab/package.ts';
import { runCli, temporaryFolder } from '../support/cli.ts';

vi.setConfig({ testTimeout: 240_000 });

const folder = temporaryFolder();
afterAll(() => folder.remove());
const golden = (name: string): string => path.join(packageRoot, 'test/golden/histories', name);

describe('farside check --history', () => {
  test('a broken promise exits 1 and shows the operations', async () => {
    const { code, stdout, stderr } = await runCli(folder.dir, [
      ...['check', '--history', golden('lost-put.edn')],
      ...['--promise', 'read committed,data reliability'],
    ]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    expect(stdout).toBe(
      '4 operations of 3 processes on 1 key: 4 ok\n' +
        'holds    read committed\n' +
        'broken   data reliability  key "user17": get by process 2 (90000–95000 ns) found 1, so put 2 ' +
        'by process 1 (5000–9000 ns), which was acknowledged and began after insert 1 by process 0 ' +
        '(0–4000 ns) had ended, is lost.\n' +
        '  insert 1 by process 0 (0–4000 ns) worked\n' +
        '  put 2 by process 1 (5000–9000 ns) worked\n' +
        '  get by process 2 (90000–95000 ns) found 1\n',
    );
  });

  test('what holds, and what cannot be told, exits 0', async () => {
    const { code, stdout } = await runCli(folder.dir, [
      ...['check', '--history', golden('etcd-small-values.edn')],
    ]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^holds {4}linearizable$/m);
    expect(stdout).toMatch(/^unknown {2}read committed {4}the register: 2 was written twice/m);
  });

  test('a history can be written in another format', async () => {
    const file = golden('two-inserts.json');
    const { code, stdout } = await runCli(folder.dir, [
      'check',
      '--history',
      file,
      '--to',
      'jepsen',
    ]);
    expect(code).toBe(0);
    expect(stdout.split('\n')[0]).toBe(
      '{:index 0, :time 0, :process 0, :type :invoke, :f :insert, :value ["x" 1]}',
    );
  });
});
