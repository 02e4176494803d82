import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { runCli, temporaryFolder } from '../support/cli.ts';

vi.setConfig({ testTimeout: 240_000 });

/**
 * What a user may get wrong: each case ends with exit code 2, one line on stderr that names the
 * flag or the place, nothing on stdout, no stack trace and nothing written.
 */
const folder = temporaryFolder();
afterAll(() => folder.remove());

interface BadInput {
  readonly what: string;
  readonly args: string;
  /** The only line on stderr, or its beginning. */
  readonly says: RegExp;
  /** Files beside the command, by name. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
}

const cases: readonly BadInput[] = [
  {
    what: 'an unknown command',
    args: 'compere',
    says: /^farside: unknown command compere; did you mean compare\?$/,
  },
  {
    what: 'an unknown system',
    args: 'run dirct',
    says: /^farside: run dirct: there is no system dirct; did you mean direct\?/,
  },
  { what: 'no system', args: 'run', says: /^farside: run: expected one system, such as/ },
  {
    what: 'two systems for one run',
    args: 'run direct --system central',
    says: /^farside: run: expected one system/,
  },
  {
    what: 'too many arguments',
    args: 'run direct central',
    says: /^farside: too many arguments for run\. Expected 1 .* got 2\. \(farside run --help\)$/,
  },
  {
    what: 'an unknown flag',
    args: 'run direct --replcas 2',
    says: /^farside: unknown option --replcas; did you mean --replicas\?$/,
  },
  {
    what: 'a flag without its value',
    args: 'run direct --replicas',
    says: /^farside: option --replicas <count> argument missing \(farside run --help\)$/,
  },
  {
    what: 'a count that is none',
    args: 'run direct --clients many',
    says: /^farside: --clients many: expected a whole number from 1 to 256/,
  },
  {
    what: 'a duration without unit',
    args: 'run direct --duration 10',
    says: /^farside: --duration 10: expected a time with its unit, such as 500ms, 10s or 2m$/,
  },
  {
    what: 'an unknown fabric',
    args: 'run direct --fabric simm',
    says: /^farside: --fabric simm: expected one of sim, shared, verbs; did you mean sim\?$/,
  },
  {
    what: 'a fabric that is not there',
    args: 'run direct --fabric verbs',
    says: /^farside: --fabric verbs: RDMA is not part of this version: use --fabric sim or/,
  },
  {
    what: 'more replicas than memory nodes',
    args: 'run direct --replicas 3 --memory-nodes 2',
    says: /^farside: --replicas 3: 3 replicas need 3 memory nodes and there are 2; raise/,
  },
  {
    what: 'more replicas than memory nodes at one point of a sweep',
    args: 'run direct --replicas 1,2 --memory-nodes 1,2',
    says: /^farside: --replicas 1,2: 2 replicas need 2 memory nodes and there are 1/,
  },
  {
    what: 'values larger than a store takes',
    args: 'run direct --value-bytes 33KiB',
    says: /^farside: --value-bytes 33KiB: expected a size in bytes from 1 to 32768/,
  },
  {
    what: 'values larger than a store takes, in fields',
    args: 'run direct -p fieldcount=100 -p fieldlength=1000',
    says: /^farside: .*100000.*32768/,
  },
  {
    what: 'keys longer than a store takes',
    args: `run direct -p keyprefix=${'x'.repeat(250)}`,
    says: /^farside: .*keyprefix .*expected a prefix that keeps keys within 255 bytes/,
  },
  {
    what: 'a region too small for the data',
    args: 'run direct --keys 10k --set cluster.memoryBytes=1MiB',
    says: /^farside: --set cluster\.memoryBytes=1MiB: .*need \d+/,
  },
  {
    what: 'an unknown profile',
    args: 'run direct --profile connectx4',
    says: /^farside: --profile connectx4: there is no profile .* \(there are: connectx4-100g/,
  },
  {
    what: 'a profile with a missing number',
    args: 'run direct --profile mine.json',
    files: { 'mine.json': '{ "name": "mine", "summary": "no numbers" }' },
    says: /^farside: --profile mine\.json: .*cpu/,
  },
  {
    what: 'an unknown number of a profile',
    args: 'run direct --set profile.cpu.postNss=4',
    says: /^farside: --set profile\.cpu\.postNss=4: .*did you mean cpu\.postNs\?$/,
  },
  {
    what: 'a profile where there is no cost model',
    args: 'run direct --fabric shared --profile ideal',
    says: /^farside: --profile ideal: it has no effect with fabric shared: only sim has/,
  },
  {
    what: 'a setting without a value',
    args: 'run direct --set cluster.replicas',
    says: /^farside: --set cluster\.replicas: expected path=value, such as/,
  },
  {
    what: 'a setting that is no parameter',
    args: 'run direct --set replicas=2',
    says: /^farside: --set replicas=2: replicas is not .*; did you mean cluster\.replicas\?$/,
  },
  {
    what: 'an unknown setting of a system',
    args: 'run direct --set direct.red=false',
    says: /^farside: --set direct\.red=false: direct has no setting red; did you mean redo\?$/,
  },
  {
    what: 'an unknown YCSB property',
    args: 'run direct -p readproporton=1',
    says: /^farside: -p readproporton=1: .*; did you mean readproportion\?$/,
  },
  {
    what: 'one parameter twice',
    args: 'run direct --keys 5 -p recordcount=6',
    says: /^farside: --keys 5 and -p recordcount=6 set the same: use one$/,
  },
  {
    what: 'a workload that is not there',
    args: 'run direct --workload nosuch.csv',
    says: /^farside: --workload nosuch\.csv: .*there is no such file/,
  },
  {
    what: 'a line of a trace that does not parse',
    args: 'run direct --workload trace.csv',
    files: { 'trace.csv': '0,aaa,3,100,1,get,0\n1,bad\n' },
    says: /^farside: --workload trace\.csv: trace\.csv:2: .*--skip-bad-lines N tolerates N/,
  },
  {
    what: 'a compressed trace that is cut off',
    args: 'run direct --workload trace.csv.zst',
    files: { 'trace.csv.zst': Buffer.from('28b52ffd0458', 'hex') },
    says: /^farside: --workload trace\.csv\.zst: .*trace\.csv\.zst/,
  },
  {
    what: 'bad lines to skip where there are no lines',
    args: 'run direct --skip-bad-lines 3',
    says: /^farside: --skip-bad-lines 3: it has no effect on workloadb/,
  },
  {
    what: 'a property that the workload does not know',
    args: 'run direct -p threadcount=8',
    says: /^farside: -p threadcount=8: threadcount has no effect: use --compute-nodes/,
  },
  {
    what: 'recorded arrivals of a workload without times',
    args: 'run direct --arrivals as-recorded',
    says: /^farside: --arrivals as-recorded: workloadb has no times; use poisson or constant$/,
  },
  {
    what: 'a workload that the system cannot serve',
    args: 'run direct --workload e',
    says: /^farside: --workload e: direct cannot serve .*scan/,
  },
  {
    what: 'a determinism check of real time',
    args: 'run direct --fabric shared --check-determinism',
    says: /^farside: --check-determinism: has no effect on fabric shared/,
  },
  {
    what: 'a seed that is none',
    args: 'run direct --seed 5..1',
    says: /^farside: --seed 5\.\.1: expected a seed from 0/,
  },
  {
    what: 'an unknown format',
    args: 'run direct --format xml',
    says: /^farside: --format xml: expected one of table, json, ycsb$/,
  },
  {
    what: 'an output folder that exists',
    args: 'run direct --out full',
    files: { 'full/results.json': '{}' },
    says: /^farside: .*full exists and is not empty: pass --force/,
  },
  {
    what: 'an output folder that cannot be',
    args: 'run direct --out file/results',
    files: { file: 'no folder' },
    says: /^farside: .*file\/results: part of the path is a file/,
  },
  {
    what: 'an experiment that is not there',
    args: 'compare none.yaml',
    says: /^farside: experiment none\.yaml: there is no such file/,
  },
  {
    what: 'an experiment that is no YAML',
    args: 'compare exp.yaml',
    files: { 'exp.yaml': 'systems: [direct' },
    says: /^farside: exp\.yaml:1:17: not YAML/,
  },
  {
    what: 'an unknown key of an experiment',
    args: 'compare exp.yaml',
    files: { 'exp.yaml': 'systems: [direct]\ncluster:\n  replcas: 2\n' },
    says: /^farside: exp\.yaml:3:3: cluster\.replcas is not a key of .*; did you mean replicas\?$/,
  },
  {
    what: 'a wrong type in an experiment',
    args: 'compare exp.yaml',
    files: { 'exp.yaml': 'systems: [direct]\nphases: { operations: many }\n' },
    says: /^farside: exp\.yaml:2:23: phases\.operations is "many": expected a whole number/,
  },
  {
    what: 'an unknown system in an experiment',
    args: 'compare exp.yaml',
    files: { 'exp.yaml': 'systems: [direct, centrl]\n' },
    says: /^farside: exp\.yaml:1:19: there is no system centrl; did you mean central\?/,
  },
  {
    what: "a user's system that is not there",
    args: 'run ./mine.js',
    says: /^farside: run \.\/mine\.js: system \.\/mine\.js: there is no such file$/,
  },
  {
    what: "a user's system that does not load",
    args: 'run ./mine.js',
    files: { 'mine.js': 'export const system = ;' },
    says: /^farside: run \.\/mine\.js: system \.\/mine\.js does not load: SyntaxError/,
  },
  {
    what: "a user's system that is none",
    args: 'run ./mine.mjs',
    files: { 'mine.mjs': 'export const system = 5;' },
    says: /^farside: run \.\/mine\.mjs: .*: expected a module that exports `system`/,
  },
  {
    what: 'a report of a folder that is not there',
    args: 'report none',
    says: /^farside: report none: there is no such file; expected a folder with a results\.json/,
  },
  {
    what: 'a report of a folder without results',
    args: 'report empty',
    files: { 'empty/notes.txt': '' },
    says: /^farside: report empty: empty\/results\.json: there is no such file; expected/,
  },
  {
    what: 'a report of something else',
    args: 'report other',
    files: { 'other/results.json': '{ "resultVersion": 1, "runs": 5 }' },
    says: /^farside: other\/results\.json: .*expected a results\.json written by farside$/,
  },
  {
    what: 'a report of half a file',
    args: 'report other/results.json',
    files: { 'other/results.json': '{ "resultVersion": 1,' },
    says: /^farside: other\/results\.json: not JSON/,
  },
  {
    what: 'a report of results of another version',
    args: 'report other',
    files: { 'other/results.json': '{ "resultVersion": 99 }' },
    says: /^farside: other\/results\.json: results of version 99, and this farside reads version 1/,
  },
  {
    what: 'plots of a report that go nowhere',
    args: 'report other --plots svg',
    says: /^farside: --plots svg: it has no effect without --out: name a folder$/,
  },
  {
    what: 'a report in a format that is none',
    args: 'report other --format xml',
    says: /^farside: --format xml: expected one of table, json, ycsb$/,
  },
  {
    what: 'a report over other files',
    args: 'report other --out other',
    files: { 'other/results.json': '{ "resultVersion": 99 }' },
    says: /^farside: other\/results\.json: results of version 99/,
  },
  { what: 'nothing to check', args: 'check', says: /^farside: check: expected / },
  {
    what: 'a history that is not there',
    args: 'check --history run.edn',
    says: /^farside: run\.edn cannot be read: /,
  },
  {
    what: 'a history that is malformed at a line',
    args: 'check --history run.edn',
    files: {
      'run.edn':
        ';; two events\n' +
        '{:process 0, :type :invoke, :f :read, :value nil}\n' +
        '{:process 1, :type :ok, :f :read, :value 3}\n',
    },
    says: /^farside: run\.edn:3: process 1 ends an operation that it did not begin$/,
  },
  {
    what: 'a history in JSON that is malformed at a line',
    args: 'check --history run.json',
    files: {
      'run.json': '[{"ClientId":0,"Input":{"op":"get"},"Call":0,"Return":1},\n{"ClientId":0}]\n',
    },
    says: /^farside: run\.json:2: Input is undefined: expected an object$/,
  },
  {
    what: 'something else than a history',
    args: 'check --history run.txt',
    files: { 'run.txt': '\nhello' },
    says: /^farside: run\.txt:2: got "hello", expected Jepsen's EDN/,
  },
  {
    what: 'a promise that there is not',
    args: 'check --history run.edn --promise linearisable',
    says: /^farside: --promise linearisable: expected one of .*; did you mean linearizable\?$/,
  },
  {
    what: 'a format that there is not',
    args: 'check --history run.edn --to json',
    says: /^farside: --to json: expected one of jepsen, elle, porcupine$/,
  },
  {
    what: 'a history that a format cannot show',
    args: 'check --history run.edn --to elle',
    files: { 'run.edn': '{:process 0, :type :invoke, :f :delete, :value ["x" nil]}' },
    says: /^farside: Elle's rw-register has no delete: write/,
  },
  {
    what: 'an unknown subject of list',
    args: 'list profile',
    says: /^farside: list profile: expected one of .*; did you mean profiles\?$/,
  },
];

describe.concurrent('bad input', () => {
  test.for(cases.map((badInput, index) => ({ ...badInput, index })))(
    '$what: $args',
    async ({ args, files = {}, says, index }) => {
      const cwd = path.join(folder.dir, String(index));
      mkdirSync(cwd);
      for (const [name, content] of Object.entries(files)) {
        mkdirSync(path.dirname(path.join(cwd, name)), { recursive: true });
        writeFileSync(path.join(cwd, name), content);
      }
      const before = everythingIn(cwd);
      const { code, stdout, stderr } = await runCli(cwd, args.split(' '));
      expect(stderr).toMatch(/^farside: [^\n]+\n$/);
      expect(stderr.trimEnd()).toMatch(says);
      expect(stderr).not.toMatch(/\n {4}at /);
      expect(stdout).toBe('');
      expect(code).toBe(2);
      expect(everythingIn(cwd)).toEqual(before);
    },
  );
});

function everythingIn(dir: string): string[] {
  return readdirSync(dir, { recursive: true }).map(String).sort();
}

test('several mistakes in one file are told at once, a line each', async () => {
  const cwd = path.join(folder.dir, 'several');
  mkdirSync(cwd);
  writeFileSync(path.join(cwd, 'exp.yaml'), 'sytems: [direct]\nseed: x\nfabric: [sim, simm]\n');
  const { code, stderr } = await runCli(cwd, ['compare', 'exp.yaml']);
  expect(code).toBe(2);
  expect(stderr.trimEnd().split('\n')).toEqual([
    'farside: exp.yaml:1:1: sytems is not a key of an experiment; did you mean systems?',
    expect.stringMatching(/^farside: exp\.yaml:2:7: seed is "x": expected a seed/),
    expect.stringMatching(/^farside: exp\.yaml:3:15: fabric is "simm": expected one of/),
  ]);
});
