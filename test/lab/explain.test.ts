import { describe, expect, test } from 'vitest';
import { plainStyle } from '../../src/lab/explain/diagram.ts';
import { explain } from '../../src/lab/explain/explain.ts';
import { writeScript } from '../../src/lab/explain/script.ts';
import { type ExplainOptions, explainedOperations, perform } from '../../src/lab/explain/stage.ts';

const options: ExplainOptions = {
  system: 'direct',
  operation: 'put',
  settings: {},
  replicas: 1,
  memoryNodes: 2,
  valueBytes: 960,
  profile: 'ideal',
  profileOverrides: {},
  durability: 'assumed',
  seed: 1,
  contention: false,
  afterNs: 20_000,
};

const servers: Readonly<Record<string, string>> = { central: 'coordinator', clover: 'ms0' };

const cases = ['direct', 'central', 'clover'].flatMap((system) =>
  explainedOperations.flatMap((operation) =>
    [1, 2].map((replicas) => ({ system, operation, replicas })),
  ),
);

describe.each(cases)('$system $operation, $replicas copies', (chosen) => {
  test('has a bracket for each round trip, numbered from 1', async () => {
    const performance = await perform({ ...options, ...chosen });
    const { steps, brackets } = writeScript(performance);
    const numbers = brackets.map(({ number }) => number);
    expect(numbers).toEqual(Array.from({ length: performance.main.roundTrips }, (_, i) => i + 1));
    for (const { first, last } of brackets) expect(last).toBeGreaterThan(first);
    const times = steps.map(({ timeNs }) => timeNs);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
  });

  test('draws a lane for everybody who takes part, and background work in dashes', async () => {
    const lines = await explain({ ...options, ...chosen }, 160, plainStyle);
    const { recording, cluster } = await perform({ ...options, ...chosen });
    const [title, , lanes = ''] = lines;
    expect(title).toContain(`${chosen.system} ${chosen.operation}`);
    const takePart = new Set(recording.verbs.flatMap(({ node, target }) => [node, target]));
    for (const id of takePart) expect(lanes).toContain(cluster.node(id).name);
    expect(lanes.includes('coordinator')).toBe(servers[chosen.system] === 'coordinator');
    const background = recording.verbs.filter((verb) => verb.background).length;
    expect(lines.filter((line) => line.includes('╌'))).toHaveLength(background);
  });
});

test('writes go to as many memory nodes as there are copies', async () => {
  for (const system of ['direct', 'central', 'clover']) {
    for (const replicas of [1, 2]) {
      const { recording, cluster } = await perform({ ...options, system, replicas });
      const written = recording.verbs
        .filter(({ background, lengthBytes }) => !background && lengthBytes > 900)
        .filter(({ target }) => cluster.node(target).role === 'memory');
      expect(new Set(written.map(({ target }) => target)).size).toBe(replicas);
    }
  }
});

describe('a verb that a fence holds back', () => {
  test.each(['ideal', 'connectx4-100g'])('is shown to be, on %s', async (profile) => {
    const insert = { ...options, operation: 'insert', durability: 'flush', profile } as const;
    const performance = await perform(insert);
    expect(performance.main.roundTrips).toBe(3);
    const lines = await explain(insert, 160, plainStyle);
    const held = lines.filter((line) => line.includes('fenced: held at the NIC until +'));
    expect(held).toHaveLength(1);
    expect(lines.join(' ')).toContain('not counted as one');
    // Held until the verbs before it have completed, and acts after that: two round-trip times in one.
    const [, until = ''] = /until \+([\d.]+) us/.exec(held[0] as string) ?? [];
    const unlock = performance.recording.verbs.at(-1)!;
    expect(Number(until) * 1000).toBeLessThan(unlock.actNs - unlock.postNs);
    expect(Number(until) * 1000).toBeGreaterThan(0.4 * (unlock.completeNs - unlock.postNs));
  });

  test('is not spoken of where nothing is held', async () => {
    const lines = await explain({ ...options, operation: 'get' }, 160, plainStyle);
    expect(lines.join('\n')).not.toMatch(/fence/i);
  });
});

describe('with a second writer', () => {
  const contended = (system: string, operation: ExplainOptions['operation'] = 'put') =>
    perform({ ...options, system, operation, contention: true });

  const details = (performance: Awaited<ReturnType<typeof perform>>): string =>
    writeScript(performance)
      .steps.flatMap((step) => step.details)
      .join('\n');

  test('Direct shows who waits for the lock', async () => {
    const performance = await contended('direct');
    expect(details(performance)).toMatch(/lock word.*\n.*not swapped/);
    // The lock word that the waiting writer finds is the one that the first has put there.
    const [, taken] = /→ (0x4\w+)/.exec(details(performance)) ?? [];
    expect(details(performance)).toContain(`finds ${taken}: not swapped`);
  });

  test('Clover shows the CAS that was lost and the walk to the new end of the chain', async () => {
    const performance = await contended('clover');
    expect(details(performance)).toMatch(/buffer \d+ of class 1024.*\n.*not swapped/);
    expect(writeScript(performance).brackets.length).toBeGreaterThan(
      2 + performance.main.roundTrips,
    );
  });

  test('Central shows both requests; whichever comes second waits for the lock of the first', async () => {
    const { recording } = await contended('central', 'delete');
    const replies = recording.messages.filter(({ reply }) => reply);
    expect(replies).toHaveLength(2);
    const alone = await perform({ ...options, system: 'central', operation: 'delete' });
    const lastNs = Math.max(...replies.map(({ receiveNs }) => receiveNs));
    const firstNs = Math.min(...recording.verbs.map(({ postNs }) => postNs));
    expect(lastNs - firstNs).toBeGreaterThan(alone.main.latencyNs);
  });

  test('the title tells what it cost both writers', async () => {
    const [title] = await explain({ ...options, contention: true }, 120, plainStyle);
    expect(title).toMatch(
      /8\.00 us, 4 round trips; beside it a put of cn1: \d+\.\d\d us, \d+ round trips$/,
    );
  });

  test.each(['direct', 'central', 'clover'])('%s inserts a key once', async (system) => {
    const { recording } = await contended(system, 'insert');
    expect(new Set(recording.verbs.map(({ operation }) => operation)).has(2)).toBe(true);
  });
});

test('a call that follows another at once keeps its own answer in its bracket', async () => {
  // In `ideal` the next request is posted at the moment at which an answer is taken.
  const { steps, brackets } = writeScript(
    await perform({ ...options, system: 'clover', operation: 'delete', replicas: 2 }),
  );
  const answers = steps.flatMap(({ label }, i) => (label.startsWith('takes answer') ? [i] : []));
  const ends = new Set(brackets.map(({ last }) => last));
  expect(answers.length).toBeGreaterThan(1);
  for (const answer of answers) expect(ends).toContain(answer);
});

test('a narrow terminal loses no size of a verb, nor the end of what a server takes', async () => {
  const chosen = { ...options, system: 'clover', replicas: 2, contention: true };
  const lines = await explain(chosen, 80, plainStyle);
  const wide = await explain(chosen, 200, plainStyle);
  const count = (all: readonly string[], pattern: RegExp) =>
    all.filter((line) => pattern.test(line)).length;
  for (const pattern of [/WRITE 1024 B/, /READ 1024 B/, /takes request, \d+ B/]) {
    expect(count(lines, pattern)).toBe(count(wide, pattern));
  }
  const details = lines.slice(3, -3).filter((line) => !/[├┤●]/.test(line));
  expect(Math.max(...details.map((line) => line.length))).toBeLessThanOrEqual(80);
});
