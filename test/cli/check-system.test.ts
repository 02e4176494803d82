import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { packageRoot } from '../../src/lab/package.ts';
import { runCli } from '../support/cli.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'farside-check-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const twin = path.join(packageRoot, 'dist/test/support/broken-direct.js');
const saved = path.join(folder, 'found.json');

test('a broken twin is found, drawn and saved; the file replays to the same verdict', async () => {
  const found = await runCli(folder, ['check', twin, '--faults', 'none', '--out', saved]);
  expect(found.code).toBe(1);
  expect(found.stdout).toContain('is broken');
  const replays = [await runCli(folder, ['check', '--replay', saved])];
  replays.push(await runCli(folder, ['check', '--replay', saved]));
  expect(replays.map(({ code }) => code)).toEqual([1, 1]);
  expect(replays[0]?.stdout).toBe(replays[1]?.stdout);
});

test('what is right exits 0, and says what was never reached', async () => {
  const args = ['check', 'direct', '--schedules', '200', '--faults', 'none', '--format', 'json'];
  const { code, stdout } = await runCli(folder, args);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ verdict: 'kept', schedules: 200 });
  expect((JSON.parse(stdout) as { gaps: string[] }).gaps).toContain('unflushed words lost');
});

test('a counter of the system is told in words, reached or not', async () => {
  const { stdout } = await runCli(folder, [
    'check',
    'direct',
    '--schedules',
    '50',
    '--faults',
    'none',
  ]);
  expect(stdout).toMatch(/^reached: .*location not cached, looked up in the index [1-9]/m);
  expect(stdout).toMatch(/^gaps \(never reached\): .*get went on to another copy/m);
});

test('bad input is one line and exit 2', async () => {
  const file = JSON.parse(readFileSync(saved, 'utf8')) as { scenario: object };
  const old = path.join(folder, 'old.json');
  writeFileSync(old, JSON.stringify({ ...file, farside: '0.0.1' }));
  const garbled = path.join(folder, 'garbled.json');
  writeFileSync(garbled, JSON.stringify({ ...file, choices: ['fall over'] }));
  const keyless = path.join(folder, 'keyless.json');
  const clients = [[{ operation: 'get', key: 7 }]];
  writeFileSync(keyless, JSON.stringify({ ...file, scenario: { ...file.scenario, clients } }));
  const cases: readonly (readonly [readonly string[], string])[] = [
    [['--replay', old], 'a schedule of farside 0.0.1'],
    [['central', '--replay', saved], 'not of central'],
    [['direct', '--faults', 'crsh'], 'did you mean crash?'],
    [['direct', '--faults', 'lose/writes'], 'only crash and cut can be amid writes'],
    [
      ['direct', '--script', 'put fetch'],
      '"fetch" is no operation: expected insert, get, put, delete',
    ],
    [['direct', '--script', 'get9', '--keys', '2'], 'key 9 is not there'],
    [['direct', '--script', 'get16'], 'key 16 is not there'],
    [
      ['direct', '--script', 'get', '--clients', '2'],
      '--clients 2: it has no effect with --script',
    ],
    [['direct', '--set', 'clover.handlers=2'], 'settings of direct begin with direct.'],
    [['direct', '--out', path.join(folder, 'none', 'x.json')], 'cannot be written (ENOENT)'],
    [['direct', '--record', folder], 'cannot be written (EISDIR)'],
    [['direct', '--states', '9'], '--states 9: it has no effect without --scheduler exhaustive'],
    [
      ['direct', '--scheduler', 'exhaustive', '--schedules', '9'],
      '--schedules 9: it has no effect',
    ],
    [['direct', '--promise', 'linearizable'], 'it has no effect without --history'],
    [['direct', '--history', saved], 'check direct: it has no effect with --history'],
    [['--history', saved, '--seed', '3'], '--seed 3: it has no effect with --history'],
    [['--replay', saved, '--no-recovery'], '--no-recovery: it has no effect with --replay'],
    [['--replay', path.join(folder, 'none.json')], 'none.json: there is no such file'],
    [['--replay', garbled], `garbled.json: "fall over" is no choice`],
    [['--replay', keyless], 'an operation is on a key that is not there'],
    [['direct', '--scheduler', 'exhaustive', '--clients', '6', '--operations', '8'], 'cut it by'],
  ];
  for (const [args, said] of cases) {
    const { code, stderr } = await runCli(folder, ['check', ...args]);
    expect(stderr).toContain(said);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(code).toBe(2);
  }
});
