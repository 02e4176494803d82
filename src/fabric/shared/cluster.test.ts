import { expect, test } from 'vitest';
import { faa, readWord } from '../../core/effect.ts';
import { FarsideError } from '../../core/errors.ts';
import { ringShape } from '../../core/mailbox.ts';
import { ClusterMap, type NodeSpec } from '../../memory/cluster.ts';
import type { JobModule } from '../job.ts';
import { SharedCluster, type SharedClusterOptions } from './cluster.ts';
import { sleepNsMax } from './loop.ts';

const module = new URL('../../../test/support/jobs.js', import.meta.url).href;

function clusterMap(computeNodes: number, spaceBytes = 4096): ClusterMap {
  const names = Array.from({ length: computeNodes }, (_, i) => `cn${i}`);
  const memory: NodeSpec = {
    name: 'mn0',
    role: 'memory',
    cores: 0,
    regions: [{ name: 'data', medium: 'dram', sizeBytes: spaceBytes }],
    peers: [],
  };
  const compute = names.map(
    (name): NodeSpec => ({
      name,
      role: 'compute',
      cores: 1,
      regions: [],
      peers: names.filter((other) => other !== name),
    }),
  );
  return new ClusterMap([memory, ...compute], ringShape(4, 64));
}

function open(computeNodes: number, options: Partial<SharedClusterOptions> = {}): SharedCluster {
  return new SharedCluster(clusterMap(computeNodes), {
    seed: 1,
    durability: 'assumed',
    ...options,
  });
}

function job(name: string, data?: unknown): JobModule {
  return { module, name, dataOf: () => data };
}

async function failure(run: Promise<unknown>): Promise<FarsideError> {
  const outcome = await run.catch((error: unknown) => error);
  expect(outcome).toBeInstanceOf(FarsideError);
  return outcome as FarsideError;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

test('results come back by node, memory and progress stay readable', async () => {
  const cluster = open(2);
  const results = await cluster.run({ ...job('countUp'), dataOf: (node) => node * 100 });
  expect([...results].sort()).toEqual([
    [1, { node: 1, times: 100 }],
    [2, { node: 2, times: 200 }],
  ]);
  expect(cluster.space.spaces[0]?.words[0]).toBe(300n);
  expect([cluster.progress(1, 2), cluster.progress(2, 2)]).toEqual([100, 200]);
});

test('progress can be read while workers run; abort lets jobs finish by themselves', async () => {
  const cluster = open(2);
  cluster.start(job('countUntilStopped'));
  await cluster.opened;
  await until(() => cluster.progress(1, 0) > 100 && cluster.progress(2, 0) > 100);
  cluster.abort();
  const results = await cluster.finished;
  const sum = [...results.values()].reduce((total: number, times) => total + (times as number), 0);
  expect(cluster.space.spaces[0]?.words[0]).toBe(BigInt(sum));
});

test('jobs that do not listen are stopped after the grace time, with what they have', async () => {
  const cluster = open(1, { abortGraceMs: 20 });
  cluster.start(job('countForEver'));
  await cluster.opened;
  cluster.abort();
  const times = (await cluster.finished).get(1) as number;
  // The program may have been left between its last verb and the line after it.
  expect(Number(cluster.space.spaces[0]?.words[0]) - times).toBeOneOf([0, 1]);
});

test('a node whose programs all wait sleeps', async () => {
  const cluster = open(1);
  const burntUs = (await cluster.run(job('waitInVain', 300e6))).get(1) as number;
  expect(burntUs).toBeLessThan(200_000);
});

test('a sleeping node is woken by the message that it waits for', async () => {
  const cluster = open(2);
  const roundsNs = (await cluster.run(job('pingPong', 40))).get(1) as number[];
  // Without its bell a sleeper would look again only then.
  expect(roundsNs.sort((a, b) => a - b)[20]).toBeLessThan(sleepNsMax);
});

test('when a fence has completed, the fenced node does nothing any more', async () => {
  const results = await open(2).run(job('fenceTheOther'));
  const { after, later } = results.get(1) as { after: bigint; later: bigint };
  expect(later).toBe(after);
  expect(results.has(2)).toBe(false);
});

test('an exception before the start ends the run, though others wait for the start', async () => {
  const error = await failure(open(2).run(job('failBeforeStart')));
  expect([error.code, error.message]).toEqual(['FARSIDE_INTERNAL', 'RangeError: no such thing']);
  expect(error.stack).toContain('jobs.js');
});

test('a missing job, a result that cannot be cloned and a job that leaves are errors', async () => {
  const missing = await failure(open(1).run(job('noSuchJob')));
  expect([missing.code, missing.message]).toEqual([
    'FARSIDE_USAGE',
    expect.stringContaining('exports no job noSuchJob'),
  ]);
  expect((await failure(open(1).run(job('giveFunction')))).message).toMatch(/could not be cloned/);
  expect((await failure(open(1).run(job('leave')))).message).toBe(
    'the worker of cn0 left without a result',
  );
});

test('the caller’s thread can be a node beside workers', async () => {
  const cluster = open(2);
  const own = cluster.attach(1);
  cluster.start(job('countUp', 50));
  await cluster.opened;
  let seen = 0n;
  own.start(
    (function* () {
      yield* faa(0, 1n);
      while ((yield* readWord(0)) < 51n);
      seen = yield* readWord(0);
    })(),
  );
  while (own.foreground > 0) own.turn();
  cluster.detach(own);
  expect([seen, [...(await cluster.finished).keys()]]).toEqual([51n, [2]]);
});

test('a node space larger than one buffer may be is refused with the number', () => {
  const map = clusterMap(1, 6 * 2 ** 30);
  expect(() => new SharedCluster(map, { seed: 1, durability: 'assumed' })).toThrow(
    /the regions of mn0 need 6442450944 B \(6\.00 GiB\)/,
  );
});
