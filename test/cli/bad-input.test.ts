import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import { refuses } from '../support/bad-input.ts';
import { runCli, temporaryFolder } from '../support/cli.ts';

vi.setConfig({ testTimeout: 240_000 });

const folder = temporaryFolder();
afterAll(() => folder.remove());

refuses('run and compare', [
  { what: 'no system', args: 'run', says: /^farside: run: expected one system, such as/ },
  {
    what: 'an unknown system',
    args: 'run dirct',
    says: /^farside: run dirct: there is no system dirct; did you mean direct\?/,
  },
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
    what: 'a history where nothing can be written, before the run',
    args: 'run direct --history none/h.edn',
    says: /^farside: --history none\/h\.edn: cannot be written \(ENOENT\); name a file in a folder/,
  },
  {
    what: 'a history of values that cannot name their writes',
    args: 'run direct --history h.edn --value-bytes 8',
    says: /^farside: --history h\.edn: values of 8 bytes cannot name .* at least 12 \(--value-bytes\)$/,
  },
  {
    what: 'an empty trace',
    args: 'run direct --workload none.csv',
    files: { 'none.csv': '' },
    says: /^farside: --workload none\.csv: it is empty$/,
  },
  {
    what: 'a history of more than one run',
    args: 'run direct --seeds 2 --history h.edn',
    says: /^farside: --history h\.edn: expected one run, and these are 2: leave out lists/,
  },
  {
    what: 'a count that is none',
    args: 'run direct --clients many',
    says: /^farside: --clients many: expected a whole number from 1 to 256/,
  },
  {
    what: 'a duration without unit',
    args: 'run direct --duration 10',
    says: /^farside: --duration 10: expected a time above 0 with its unit, such as 500ms, 10s or 2m$/,
  },
  {
    what: 'an unknown fabric',
    args: 'run direct --fabric simm',
    says: /^farside: --fabric simm: expected one of sim, shared, verbs; did you mean sim\?$/,
  },
  {
    what: 'RDMA without memory nodes',
    args: 'run direct --fabric verbs',
    says: /^farside: --fabric verbs: it needs --memory with the addresses of 4 memory nodes /,
  },
  {
    what: 'fewer addresses than memory nodes',
    args: 'run direct --fabric verbs --memory 10.0.0.5:7471,10.0.0.6:7471',
    says: /^farside: --fabric verbs: --memory has 2 addresses and there are 4 memory nodes: add /,
  },
  {
    what: 'an address without its port',
    args: 'run direct --fabric verbs --memory 10.0.0.5',
    says: /^farside: --memory 10.0.0.5: expected addresses with their ports, such as /,
  },
  {
    what: 'addresses of memory nodes that nobody asks for',
    args: 'run direct --memory 10.0.0.5:7471',
    says: /^farside: --memory 10.0.0.5:7471: it has no effect with fabric sim/,
  },
  {
    what: 'a memory node without an address',
    args: 'memory-node --region data:dram:1MiB',
    says: /^farside: memory-node needs --listen ADDRESS:PORT$/,
  },
  {
    what: 'an address that is a name',
    args: 'memory-node --listen localhost:7471 --region data:dram:1MiB',
    says: /^farside: localhost:7471: expected an address and a port, such as 10\.0\.0\.5:7471/,
  },
  {
    what: 'a region of an unknown medium',
    args: 'memory-node --listen 10.0.0.5:7471 --region data:ram:1MiB',
    says: /^farside: --region data:ram:1MiB: medium ram is not dram or pm; expected NAME:MEDIUM:SIZE/,
  },
  {
    what: 'persistent memory without anything to keep it',
    args: 'memory-node --listen 10.0.0.5:7471 --region log:pm:1MiB',
    says: /^farside: --region log:pm:1MiB: pm needs a FILE that keeps it; expected NAME:MEDIUM:SIZE/,
  },
  {
    what: 'two regions of one name',
    args: 'memory-node --listen 10.0.0.5:7471 --region a:dram:8 --region a:dram:16',
    says: /^farside: two regions are called a$/,
  },
  {
    what: 'an MTU that there is not',
    args: 'memory-node --listen 10.0.0.5:7471 --region a:dram:8 --mtu 1500',
    says: /^farside: --mtu 1500: expected 256, 512, 1024, 2048 or 4096 bytes$/,
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
    says: /^farside: --workload trace\.csv:2: .*--skip-bad-lines N tolerates N/,
  },
  {
    what: 'a compressed trace that is cut off',
    args: 'run direct --workload trace.csv.zst',
    files: { 'trace.csv.zst': Buffer.from('28b52ffd0458', 'hex') },
    says: /^farside: --workload trace\.csv\.zst: zstd data is truncated/,
  },
  {
    what: 'bad lines to skip where there are no lines',
    args: 'run direct --skip-bad-lines 3',
    says: /^farside: --skip-bad-lines 3: it has no effect on workloadb/,
  },
  {
    what: 'a text that sets no property of YCSB',
    args: 'run direct --workload users',
    files: { users: 'root:x:0:0:root\ndaemon:x:1:1:daemon\n' },
    says: /^farside: --workload users: got "root:x:0:0:root" first: expected YCSB properties, a/,
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
    what: 'recorded arrivals of a trace without times',
    args: 'run direct --workload meta.csv --arrivals as-recorded',
    files: { 'meta.csv': 'key,op,size,op_count,key_size\na,GET,5,1,1\nb,SET,5,2,1\n' },
    says: /^farside: --arrivals as-recorded: meta\.csv has no times; use poisson or constant$/,
  },
  {
    what: 'recorded arrivals of a trace without times, as one of several',
    args: 'run direct --workload meta.csv --target 100 --set phases.arrivals=poisson,as-recorded',
    files: { 'meta.csv': 'key,op,size,op_count,key_size\na,GET,5,1,1\nb,SET,5,2,1\n' },
    says: /^farside: --set phases\.arrivals=poisson,as-recorded: meta\.csv has no times; use/,
  },
  {
    what: 'a workload that the system cannot serve',
    args: 'run direct --workload e',
    says: /^farside: --workload e: direct cannot serve .*scan/,
  },
  {
    what: 'a duration alone for a workload that inserts',
    args: 'run direct --workload d --duration 2s',
    says: /^farside: --workload d: workloadd inserts as it runs, .* add --operations N to --duration 2s/,
  },
  {
    what: 'a duration alone, in a file, for a workload that inserts',
    args: 'run direct --workload mine',
    files: {
      mine: 'maxexecutiontime=2\ninsertproportion=0.1\nreadproportion=0.9\nrecordcount=50\n',
    },
    says: /^farside: --workload mine: mine inserts as .* add --operations N to maxexecutiontime, and/,
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
    what: 'a folder as an experiment',
    args: 'compare some',
    files: { 'some/exp.yaml': 'systems: [direct]' },
    says: /^farside: experiment some: it is a folder; expected a YAML file$/,
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
    what: "a file that is no module as a user's system",
    args: 'run ./notes.md',
    files: { 'notes.md': '# notes' },
    says: /^farside: run \.\/notes\.md: system \.\/notes\.md: expected a JavaScript module/,
  },
]);

test('of a file that is no YAML at all only the first errors are told', async () => {
  const cwd = path.join(folder.dir, 'prose');
  mkdirSync(cwd);
  writeFileSync(path.join(cwd, 'exp.yaml'), '# Title\n\n`a` *b* [c\n- d: {e\n'.repeat(20));
  const { code, stderr } = await runCli(cwd, ['compare', 'exp.yaml']);
  const lines = stderr.trimEnd().split('\n');
  expect(code).toBe(2);
  expect(lines).toHaveLength(3);
  expect(lines.at(-1)).toMatch(/^farside: exp\.yaml:\d+:\d+: .* \(and \d+ more such errors\)$/);
});

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
