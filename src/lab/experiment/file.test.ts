import { expect, test } from 'vitest';
import { FarsideError } from '../../core/errors.ts';
import { readExperiment } from './file.ts';

function linesOf(text: string): string[] {
  try {
    readExperiment(text, 'exp.yaml');
  } catch (error) {
    expect(error).toBeInstanceOf(FarsideError);
    expect((error as FarsideError).code).toBe('FARSIDE_USAGE');
    return (error as FarsideError).message.split('\n');
  }
  return [];
}

test('a file becomes settings in its own order, each knowing its place', () => {
  const draft = readExperiment(
    [
      'workload: a',
      'cluster:',
      '  replicas: [1, 2]',
      '  computeNodes: 4',
      'systems:',
      '  direct:',
      '  clover: { cursorsMax: [10, 20] }',
      'profile: { name: ideal, cpu: { postNs: 100 } }',
      'seed: 1..3',
    ].join('\n'),
    'exp.yaml',
  );
  const settings = draft.settings.map(({ path, values, origin }) => [path, values, origin.label]);
  expect(settings).toEqual([
    ['workload.file', ['a'], 'exp.yaml:1:11'],
    ['cluster.replicas', [1, 2], 'exp.yaml:3:13'],
    ['cluster.computeNodes', [4], 'exp.yaml:4:17'],
    ['clover.cursorsMax', [10, 20], 'exp.yaml:7:25'],
    ['profile.name', ['ideal'], 'exp.yaml:8:18'],
    ['profile.cpu.postNs', [100], 'exp.yaml:8:40'],
  ]);
  expect(draft.systems?.map(({ name }) => name)).toEqual(['direct', 'clover']);
  expect(draft.seeds).toEqual([1, 2, 3]);
});

test('everything wrong with a file is reported at once, a line each', () => {
  const lines = linesOf(
    [
      'fabrik: sim',
      'cluster:',
      '  replcas: 2',
      '  clients: many',
      '  memoryNodes: [2, 0]',
      'workload:',
      '  readproporton: 0.5',
      'phases: fast',
      'seed: -1',
      'output: { plots: gif }',
    ].join('\n'),
  );
  expect(lines).toEqual([
    'exp.yaml:1:1: fabrik is not a key of an experiment; did you mean fabric?',
    'exp.yaml:3:3: cluster.replcas is not a key of an experiment; did you mean replicas?',
    expect.stringMatching(
      /^exp\.yaml:4:12: cluster\.clients is "many": expected a whole number from 1 to 256/,
    ),
    expect.stringMatching(/^exp\.yaml:5:20: cluster\.memoryNodes is 0: expected a whole number/),
    expect.stringMatching(
      /^exp\.yaml:7:3: workload\.readproporton is not a key .*; did you mean readproportion\?$/,
    ),
    'exp.yaml:8:9: phases is "fast": expected a mapping',
    expect.stringMatching(/^exp\.yaml:9:7: seed is -1: expected a seed from 0/),
    'exp.yaml:10:18: output.plots is "gif": expected one of png, svg',
  ]);
});

test.each([
  ['systems: [clover', /^exp\.yaml:1:17: not YAML: Flow sequence/],
  ['a: 1\na: 2', /^exp\.yaml:2:1: this key stands in its mapping twice$/],
  ['a: 1\n---\nb: 2', /^exp\.yaml:2:1: a second document begins/],
  ['\tfabric: sim', /^exp\.yaml:1:1: not YAML: Tabs are not allowed/],
  ['systems: *nobody', /^exp\.yaml:1:10: not YAML: nothing is called &nobody$/],
  ['- clover', /^exp\.yaml:1:1: a list: expected a mapping such as systems: \[clover\]$/],
  ['just text', /^exp\.yaml:1:1: "just text": expected a mapping/],
  ['cluster:', /^exp\.yaml:1:9: cluster is empty: expected a mapping$/],
  ['systems: []', /^exp\.yaml:1:10: systems is an empty list: expected at least one system$/],
  ['systems: [clover, clover]', /^exp\.yaml:1:19: systems is "clover": expected each system once/],
  [
    'systems: { clover: 5 }',
    /^exp\.yaml:1:20: systems\.clover is 5: expected a mapping of clover's settings$/,
  ],
  [
    'systems: { clover: { x: { y: 1 } } }',
    /^exp\.yaml:1:25: clover\.x is a mapping: expected a value or a list$/,
  ],
  [
    'profile: { cpu: { postNs: fast } }',
    /^exp\.yaml:1:27: profile\.cpu\.postNs is "fast": expected a number$/,
  ],
  [
    'cluster: { replicas: [] }',
    /^exp\.yaml:1:22: cluster\.replicas is an empty list: expected at least one value$/,
  ],
  [
    'cluster: { replicas: [1, 1] }',
    /^exp\.yaml:1:26: cluster\.replicas is 1: expected each value of a list once$/,
  ],
  ['seeds: [1, 2]', /^exp\.yaml:1:8: seeds is a list: .*; a list of seeds is called seed$/],
  [
    'cluster: { replicas: }',
    /^exp\.yaml:1:\d+: cluster\.replicas is empty: expected a whole number from 1 to 3/,
  ],
  ['__proto__: 1', /^exp\.yaml:1:1: __proto__ is not a key of an experiment/],
  [
    'workload: { recordcount: 5, keys: 6 }',
    /^exp\.yaml:1:13: workload\.recordcount is the same as workload\.keys/,
  ],
  [
    'workload: { operationcount: none }',
    /^exp\.yaml:1:29: phases\.operations is "none": expected a whole number/,
  ],
])('%j is refused in one line with its place', (text, message) => {
  expect(linesOf(text)).toEqual([expect.stringMatching(message)]);
});

test("YCSB's own names mean the same parameters", () => {
  const draft = readExperiment('workload: { file: b, recordcount: 5k, operationcount: 7k }', 'e');
  expect(draft.settings.map(({ path, values }) => [path, values[0]])).toEqual([
    ['workload.file', 'b'],
    ['workload.keys', 5000],
    ['phases.operations', 7000],
  ]);
});

test('a value that a file repeats through an alias is placed where it is used', () => {
  const lines = linesOf('cluster: &c { clients: 8 }\nphases: { warmup: &w lots }\nseeds: *w');
  expect(lines).toEqual([
    expect.stringMatching(/^exp\.yaml:2:\d+: phases\.warmup is "lots"/),
    expect.stringMatching(/^exp\.yaml:3:8: seeds is "lots"/),
  ]);
});

test('a file larger than an experiment can be is refused without being parsed', () => {
  expect(linesOf(`name: ${'x'.repeat(1 << 20)}`)).toEqual([
    expect.stringMatching(/^exp\.yaml: \d+ characters; an experiment has at most 1 Mi$/),
  ]);
});

test('what the experiment is for goes with its name', () => {
  const draft = readExperiment('name: reuse\ndescription: What clocks save\n', 'exp.yaml');
  expect(draft).toMatchObject({ name: 'reuse', description: 'What clocks save' });
});
