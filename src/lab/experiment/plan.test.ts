import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { loadPlanned } from '../../../test/support/experiments.ts';
import type { FarsideError } from '../../core/errors.ts';
import type { RunSpec } from '../spec.ts';
import { fromFlag, fromProperty, fromSet } from './assign.ts';
import { type Draft, emptyDraft } from './draft.ts';
import { type Parameter, parameters } from './parameters.ts';
import { type Experiment, planExperiment } from './plan.ts';
import type { Setting } from './setting.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'farside-plan-'));
afterAll(() => rmSync(folder, { recursive: true }));

function flag(name: string, text: string): Setting {
  return fromFlag(parameters.find((p) => p.flag === name) as Parameter, text);
}

function flags(...settings: Setting[]): Draft {
  return { ...emptyDraft(), settings };
}

function systems(...names: string[]): Draft['systems'] {
  return names.map((name) => ({ name, origin: { source: 'flag', label: `--system ${name}` } }));
}

async function planned(text: string | undefined, over: Draft = emptyDraft()): Promise<Experiment> {
  const file = path.join(folder, 'exp.yaml');
  if (text !== undefined) writeFileSync(file, text);
  const source = { file: text === undefined ? undefined : file, flags: over, name: 'exp' };
  return await planExperiment(source, loadPlanned);
}

async function linesOf(text: string | undefined, over: Draft = emptyDraft()): Promise<string[]> {
  const error = await planned(text, over).then(
    () => undefined,
    (thrown: FarsideError) => thrown,
  );
  expect(error?.code).toBe('FARSIDE_USAGE');
  return (error as FarsideError).message
    .split('\n')
    .map((line) => line.replaceAll(`${folder}/`, ''));
}

function specsOf(experiment: Experiment): RunSpec[] {
  return experiment.plan.runs.map((run) => run.spec);
}

test('nothing but a system gives one run with every default', async () => {
  const experiment = await planned(undefined, { ...emptyDraft(), systems: systems('clover') });
  expect(specsOf(experiment)).toEqual([
    {
      system: 'clover',
      settings: {},
      fabric: 'sim',
      profile: 'connectx4-100g',
      profileOverrides: {},
      durability: 'assumed',
      seed: 1,
      cluster: {
        computeNodes: 4,
        clients: 8,
        outstanding: 1,
        memoryNodes: 4,
        spares: 0,
        standbys: 0,
        replicas: 1,
        medium: 'pm',
        memoryBytes: undefined,
      },
      workload: {
        file: 'b',
        format: 'auto',
        properties: { recordcount: '100000' },
        skipBadLines: 0,
        dataIntegrity: false,
      },
      phases: {
        warmupOperations: 10_000,
        operations: 100_000,
        durationNs: undefined,
        targetOpsPerS: undefined,
        arrivals: 'poisson',
      },
      point: {},
    },
  ]);
});

test('points come in the order of the axes, with all systems and seeds at each', async () => {
  const experiment = await planned(
    'systems: [direct, clover]\ncluster: { replicas: [1, 2], clients: [4, 8] }\nseed: [5, 9]',
  );
  const order = specsOf(experiment).map(
    ({ system, seed, cluster }) => `${cluster.replicas} ${cluster.clients} ${system} ${seed}`,
  );
  expect(order.slice(0, 5)).toEqual([
    '1 4 direct 5',
    '1 4 direct 9',
    '1 4 clover 5',
    '1 4 clover 9',
    '1 8 direct 5',
  ]);
  expect(order).toHaveLength(16);
  expect(experiment.plan.axes).toEqual([
    { path: 'cluster.replicas', values: [1, 2] },
    { path: 'cluster.clients', values: [4, 8] },
  ]);
  expect(specsOf(experiment)[0]?.point).toEqual({ 'cluster.replicas': 1, 'cluster.clients': 4 });
});

test('any parameter can be an axis: of a system, of the profile, of the workload', async () => {
  const experiment = await planned(
    'systems: [clover]',
    flags(
      fromSet('clover.cursorsMax=[100, 10k]'),
      fromSet('profile.cpu.postNs=100,200'),
      fromProperty('readproportion=0.5,0.95'),
      flag('value-bytes', '100,4KiB'),
    ),
  );
  const specs = specsOf(experiment);
  expect(specs).toHaveLength(16);
  expect(specs[0]).toMatchObject({
    settings: { cursorsMax: 100 },
    profileOverrides: { 'cpu.postNs': 100 },
    workload: { properties: { readproportion: '0.5', valuebytes: '100' } },
  });
  expect(specs.at(-1)).toMatchObject({
    settings: { cursorsMax: 10_000 },
    profileOverrides: { 'cpu.postNs': 200 },
    workload: { properties: { readproportion: '0.95', valuebytes: '4096' } },
  });
});

test('an axis that means nothing to a system does not multiply its runs', async () => {
  const experiment = await planned(
    'systems: { direct: , clover: { cursorsMax: [1, 2, 3] } }\ncluster: { clients: [4, 8] }',
  );
  const points = specsOf(experiment).map(({ system, point }) => [system, point]);
  expect(points.filter(([system]) => system === 'direct')).toEqual([
    ['direct', { 'cluster.clients': 4 }],
    ['direct', { 'cluster.clients': 8 }],
  ]);
  expect(points.filter(([system]) => system === 'clover')).toHaveLength(6);
});

test('a profile sweep does not multiply runs in real time', async () => {
  const experiment = await planned('systems: clover\nfabric: [sim, shared]\nprofile: [ideal, x]');
  expect(specsOf(experiment).map(({ fabric, point }) => [fabric, point['profile.name']])).toEqual([
    ['sim', 'ideal'],
    ['sim', 'x'],
    ['shared', undefined],
  ]);
});

test('flags override a file by parameter, and keep the place of its axis', async () => {
  const experiment = await planned(
    'systems: [clover]\ncluster: { clients: [4, 8], replicas: [1, 2] }\nseeds: 3',
    { ...flags(flag('clients', '1,2,3')), seeds: [7] },
  );
  expect(experiment.plan.axes.map(({ path: name }) => name)).toEqual([
    'cluster.clients',
    'cluster.replicas',
  ]);
  expect(experiment.plan.axes[0]?.values).toEqual([1, 2, 3]);
  expect(experiment.plan.seeds).toEqual([7]);
});

test('systems given by flags replace those of the file and their settings', async () => {
  const experiment = await planned('systems: { clover: { cursorsMax: 5 }, direct: }', {
    ...emptyDraft(),
    systems: systems('direct'),
  });
  expect(specsOf(experiment).map(({ system, settings }) => [system, settings])).toEqual([
    ['direct', {}],
  ]);
});

test("a user's own system is called by its path, its file's name or its own", async () => {
  const experiment = await planned('systems: { ./stores/mine.js: { cursorsMax: 5 } }');
  expect(specsOf(experiment)[0]).toMatchObject({
    system: './stores/mine.js',
    settings: { cursorsMax: 5 },
  });
  for (const name of ['mine', 'own']) {
    const set = await planned(
      'systems: ./stores/mine.js',
      flags(fromSet(`${name}.cursorsMax=6,7`)),
    );
    expect(specsOf(set).map(({ settings }) => settings)).toEqual([
      { cursorsMax: 6 },
      { cursorsMax: 7 },
    ]);
    expect(set.plan.axes).toEqual([{ path: 'own.cursorsMax', values: [6, 7] }]);
  }
});

test('seeds are counted from the first one', async () => {
  const experiment = await planned('systems: clover\nseed: 5\nseeds: 3');
  expect(experiment.plan.seeds).toEqual([5, 6, 7]);
});

test('a duration without a count runs for the time alone', async () => {
  const experiment = await planned('systems: clover', flags(flag('duration', '10ms')));
  expect(specsOf(experiment)[0]?.phases).toMatchObject({
    durationNs: 10_000_000,
    operations: undefined,
    warmupOperations: 10_000,
  });
});

test('what a file sets for sim is dropped with a note where a flag leaves sim', async () => {
  const experiment = await planned(
    'systems: clover\nprofile: ideal',
    flags(flag('fabric', 'shared')),
  );
  expect(experiment.notes).toEqual([
    expect.stringMatching(
      /exp\.yaml:2:10: profile\.name is "ideal": it has no effect with fabric shared/,
    ),
  ]);
});

test.each<[string, string | undefined, Draft, RegExp]>([
  [
    'a system that is none',
    'systems: [direct, clove]',
    emptyDraft(),
    /^exp\.yaml:1:19: there is no system clove$/,
  ],
  [
    'a system of the name of another',
    'systems: [./stores/mine.js, ./stores/twin.js]',
    emptyDraft(),
    /^exp\.yaml:1:29: \.\/stores\/twin\.js and \.\/stores\/mine\.js both call themselves own/,
  ],
  [
    'a system whose name is taken by a section',
    'systems: ./stores/odd.js',
    emptyDraft(),
    /^exp\.yaml:1:10: \.\/stores\/odd\.js calls itself "cluster": expected letters/,
  ],
  [
    'a setting that is none',
    'systems: { clover: { cursorMax: 5 } }',
    emptyDraft(),
    /^exp\.yaml:1:33: clover has no setting cursorMax; did you mean cursorsMax\?$/,
  ],
  [
    'a setting of the wrong type',
    'systems: { clover: { cursorPolicy: lur } }',
    emptyDraft(),
    /^exp\.yaml:1:36: clover\.cursorPolicy is "lur": expected one of .*; did you mean lru\?$/,
  ],
  [
    'a setting of a system that takes no part',
    'systems: [direct]',
    flags(fromSet('clover.cursorsMax=5')),
    /^--set clover\.cursorsMax=5: clover is not a system of this experiment \(direct\)$/,
  ],
  [
    'a profile where there is no cost model',
    'systems: [direct]',
    flags(flag('fabric', 'shared'), flag('profile', 'ideal')),
    /^--profile ideal: it has no effect with fabric shared: only sim has .*; leave it out$/,
  ],
  [
    'arrivals without a rate',
    'systems: [direct]\nphases: { arrivals: constant }',
    emptyDraft(),
    /^exp\.yaml:2:21: phases\.arrivals is "constant": it has no effect without .*; add --target$/,
  ],
  [
    'more runs than anybody means',
    'systems: [direct]\nseeds: 1000',
    flags(flag('clients', Array.from({ length: 11 }, (_, i) => i + 1).join())),
    /^11000 runs \(1 systems x 1000 seeds x 11 of cluster\.clients\): expected at most 10000/,
  ],
  [
    'counting from many seeds',
    'systems: [direct]\nseed: [1, 2]\nseeds: 3',
    emptyDraft(),
    /^--seeds 3 counts from one seed, and there are 2/,
  ],
  ['no system at all', 'fabric: sim', emptyDraft(), /^exp\.yaml names no system/],
  [
    'a name that leads elsewhere',
    'systems: clover\nname: ../../x',
    emptyDraft(),
    /^exp\.yaml: name is "\.\.\/\.\.\/x": expected up to 100 letters/,
  ],
])('%s is refused', async (_, text, over, message) => {
  expect(await linesOf(text, over)).toEqual([expect.stringMatching(message)]);
});

test('an experiment file that is not there is named', async () => {
  const source = { file: path.join(folder, 'none.yaml'), flags: emptyDraft(), name: 'none' };
  await expect(planExperiment(source, loadPlanned)).rejects.toThrow(
    /none\.yaml: there is no such file/,
  );
});
