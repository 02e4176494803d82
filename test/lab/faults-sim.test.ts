import { describe, expect, test } from 'vitest';
import { type Faulty, run } from '../support/faulty.ts';

/** What each kind of fault does to a simulated run, seen in the results. */
const first = ({ faults }: Faulty) => faults.faults[0]!;

describe('a crashed compute node', () => {
  test('stops at its n-th verb; survivors are told, and do all the work that is left', async () => {
    const { faults, operations, perOperation } = await run(['crash cn1 at verb 500']);
    const [crash] = faults.faults;
    expect(crash!.atNs).toBeGreaterThan(0);
    expect(operations).toBe(5000);
    // Both survivors fenced it; what its two clients had in flight is lost.
    expect(crash).toMatchObject({ recoveries: 2, locksBroken: 2, recoveryRetries: 0 });
    expect(faults.operationsFailed).toBe(2);
    expect(crash!.timeToRecoverNs).toBeGreaterThan(1e6);
    for (const { corrupt } of Object.values(perOperation)) expect(corrupt).toBe(0);
  });

  test('the same seed gives the same run, another seed another moment', async () => {
    const sentence = 'crash cn1 at random verb 1..2000, landing none';
    const [a, b, c] = [
      await run([sentence]),
      await run([sentence]),
      await run([sentence], { seed: 2 }),
    ];
    expect(b.eventHash).toBe(a.eventHash);
    expect(first(c).atNs).not.toBe(first(a).atNs);
  });

  test('comes back under a new incarnation, and goes on where it was', async () => {
    const result = await run(['crash cn1 at 2ms, restart after 3ms, told after 100us'], {
      phases: { operations: 20_000 },
    });
    expect(result.operations).toBe(20_000);
    expect(first(result)).toMatchObject({ recoveries: 2, clientsNeverServed: 0 });
    const alone = await run(['crash cn1 at 2ms'], { phases: { operations: 20_000 } });
    // Three nodes for most of the time instead of two.
    expect(result.durationNs).toBeLessThan(alone.durationNs * 0.9);
  });

  test('nobody is told where the sentence says so', async () => {
    expect(first(await run(['crash cn1 at 1ms, untold'])).recoveries).toBe(0);
  });
});

describe('a memory node', () => {
  test('crashes and comes back: clients reconnect, and all are served again', async () => {
    const result = await run(['crash mn1 at 1ms, restart after 2ms']);
    expect(result.operations).toBe(5000);
    expect(first(result).operationsFailed).toBeGreaterThan(0);
    expect(first(result)).toMatchObject({ clientsNeverServed: 0, recoveries: 3 });
    expect(first(result).timeToServeNs).toBeGreaterThan(2e6);
    expect(first(result).bytesMoved).toBeGreaterThan(0);
    expect(first(result).recoveryBytesOut).toBe(first(result).bytesMoved);
  });

  test('is lost for good, and a spare takes its place', async () => {
    const result = await run(['lose mn0 at 1ms'], { cluster: { spares: 1 } });
    expect(result.operations).toBe(5000);
    expect(first(result)).toMatchObject({ recoveries: 3, clientsNeverServed: 0 });
    expect(result.events.moved).toBe(3);
  });

  test('is lost: what the plan moves to a spare later keeps that one free', async () => {
    const sentences = ['lose mn0 at 1ms', 'move mn1 to mn2 at 2ms'];
    const { faults, perOperation } = await run(sentences, {
      system: 'direct',
      cluster: { spares: 2 },
      phases: { operations: 20_000 },
    });
    expect(faults.faults.map(({ bytesMoved }) => bytesMoved > 0)).toEqual([true, true]);
    const operations = Object.values(perOperation);
    expect(operations.map(({ notFound, corrupt }) => notFound + corrupt)).toEqual([0, 0]);
  });

  test('is lost while it is down: nothing starts it again', async () => {
    const result = await run(['crash mn0 at 1ms, restart after 2ms', 'lose mn0 at 2ms'], {
      cluster: { spares: 1 },
    });
    expect(result.faults.faults.map(({ recoveries }) => recoveries)).toEqual([0, 3]);
    expect(result.events.moved).toBe(3);
  });

  test.each([
    ['lose mn0 at 1ms', 'crash mn0 at 2ms, restart after 1ms'],
    ['crash mn0 at 1ms, restart after 3ms', 'crash mn0 at 2ms, restart after 1ms'],
    ['crash cn0 at 1ms, restart after 3ms', 'crash cn0 at 2ms, restart after 1ms'],
  ])('%s: then it is down, and %s does not happen', async (...sentences) => {
    const { faults } = await run(sentences, { cluster: { spares: 1 } });
    expect(faults.faults.map(({ atNs }) => atNs !== undefined)).toEqual([true, false]);
  });

  test('is lost without a spare: the other copy serves', async () => {
    const result = await run(['lose mn0 at 1ms']);
    expect(first(result)).toMatchObject({ recoveries: 3, clientsNeverServed: 0, bytesMoved: 0 });
  });

  test('is emptied on purpose while clients run', async () => {
    const result = await run(['move mn1 to mn2 at 1ms, told after 1us'], {
      cluster: { spares: 1 },
    });
    expect(first(result)).toMatchObject({ recoveries: 3, operationsFailed: 0 });
    expect(first(result).bytesMoved).toBeGreaterThan(0);
  });

  test.each(['old', 'new', 'random'])('keeps %s of what was not flushed', async (keeping) => {
    const result = await run([`crash mn1 at 1ms, restart after 1ms, keeping ${keeping}`], {
      durability: 'flush',
    });
    expect(result.operations).toBe(5000);
  });

  test('turned bits are found by the checksums of those who read them', async () => {
    const sentence = 'flip 2000 bits of mn0 at 1ms';
    const result = await run([sentence], {
      cluster: { memoryNodes: 1, replicas: 1 },
      workload: { dataIntegrity: false, file: 'c' },
    });
    expect(
      result.faults.operationsFailed + (result.perOperation.read?.notFound ?? 0),
    ).toBeGreaterThan(0);
  });
});

describe('links and slowness', () => {
  test('a partition fails what crosses it, and heals', async () => {
    const result = await run(['partition cn0+cn1 from mn0+mn1 at 1ms, for 10ms']);
    expect(result.operations).toBe(5000);
    expect(first(result).operationsFailed).toBeGreaterThan(0);
    expect(first(result).clientsNeverServed).toBe(0);
    expect(first(result).timeToServeNs).toBeGreaterThan(10e6);
  });

  test('a short one is bridged by sending again', async () => {
    const result = await run(['partition cn0 from mn0+mn1 at 1ms, for 200us']);
    expect(result.faults.operationsFailed).toBe(0);
  });

  test('lost completions leave operations unknown', async () => {
    const result = await run(['lose completions from mn1 to cn0 at 1ms, for 500us']);
    expect(result.faults.operationsUnknown).toBeGreaterThan(0);
    expect(result.operations).toBe(5000);
  });

  test('lost completions leave no key held for good, where clover keeps copies', async () => {
    const lost = 'lose completions from mn0 to cn1 at 300us, for 200us';
    const result = await run([lost], { system: 'clover' });
    expect(result.faults.operationsUnknown).toBeGreaterThan(0);
    expect(first(result).clientsNeverServed).toBe(0);
    expect(result.events.putsFinished).toBeGreaterThan(0);
  });

  test.each(['slow cn0 by 50us', 'slow mn0 by 50us', 'slow cn0 to mn0 by 50us'])(
    '%s makes the run longer and fails nothing',
    async (what) => {
      const plain = await run(['crash cn2 at 100s']);
      const slow = await run([`${what} at 1ms, for 50ms`]);
      expect(first(plain).atNs).toBeUndefined();
      expect(slow.durationNs).toBeGreaterThan(plain.durationNs * 1.1);
      expect(slow.faults.operationsFailed).toBe(0);
    },
  );

  test('a slow node that is taken for dead is fenced, and stops', async () => {
    const result = await run(['slow cn1 by 10us at 1ms, told after 1ms']);
    expect(result.operations).toBe(5000);
    expect(first(result)).toMatchObject({ recoveries: 2, locksBroken: 2 });
    expect(result.faults.operationsFailed).toBeGreaterThan(0);
  });
});

describe('a server', () => {
  test('crashes and starts again on its node: rings are empty, and clients call anew', async () => {
    const result = await run(['crash versions at verb 1000, restart after 2ms']);
    expect(result.operations).toBe(5000);
    expect(first(result)).toMatchObject({ recoveries: 3, clientsNeverServed: 0 });
    expect(first(result).operationsFailed).toBeGreaterThan(0);
    for (const { corrupt } of Object.values(result.perOperation)) expect(corrupt).toBe(0);
  });

  test('a standby on another node takes over', async () => {
    const result = await run(['crash versions at 1ms, standby after 2ms'], {
      cluster: { standbys: 1 },
    });
    expect(result.operations).toBe(5000);
    expect(first(result)).toMatchObject({ recoveries: 3, clientsNeverServed: 0 });
  });
});

test.each([
  ['central', 'coordinator'],
  ['clover', 'ms0'],
])('%s: standbys take over from %s and from each other', async (system, server) => {
  const sentences = [
    `crash ${server} at 1ms, standby after 500us`,
    'crash standby0 at 20ms, standby after 500us',
    'crash standby1 at 40ms, restart after 500us',
  ];
  const { faults, perOperation } = await run(sentences, {
    system,
    cluster: { standbys: 2 },
    phases: { operations: 60_000 },
  });
  const each = faults.faults.map(({ recoveries, clientsNeverServed }) => ({
    isRecovered: recoveries > 0,
    clientsNeverServed,
  }));
  expect(each).toEqual(Array(3).fill({ isRecovered: true, clientsNeverServed: 0 }));
  expect(Object.values(perOperation).map(({ corrupt }) => corrupt)).toEqual([0, 0]);
});

test.each([
  ['direct', 'crash cn1 at 1ms, restart after 1ms', {}],
  ['central', 'crash cn1 at 1ms, restart after 1ms', {}],
  ['central', 'crash coordinator at 1ms, restart after 1ms', {}],
  ['central', 'crash coordinator at 1ms, standby after 1ms', { standbys: 1 }],
  ['clover', 'crash cn1 at 1ms, restart after 1ms', {}],
  ['clover', 'crash ms0 at 1ms, restart after 1ms', {}],
  ['clover', 'crash ms0 at 1ms, standby after 1ms', { standbys: 1 }],
])('%s, %s: what is held is still reckoned', async (system, sentence, cluster) => {
  const { memory } = await run([sentence], { system, cluster });
  // 100 records of 200 bytes in two copies, and the tables that find them.
  expect(memory.dataBytes).toBeGreaterThanOrEqual(2 * 100 * 200);
  expect(memory.metadataBytes).toBeGreaterThan(0);
  expect(memory.computeMetadataBytes + memory.serverMetadataBytes).toBeGreaterThan(0);
});

test('faults compose: each is in the results, in the order of the plan', async () => {
  const result = await run(
    [
      'crash cn1 at verb 300, restart after 2ms',
      'crash mn0 at 2ms, restart after 1ms',
      'partition cn0 from mn1 at 3ms, for 1ms',
      'crash versions at 4ms, standby after 1ms',
      'lose mn1 at 8ms',
    ],
    { cluster: { standbys: 1, spares: 1 }, phases: { operations: 20_000 } },
  );
  expect(result.operations).toBe(20_000);
  expect(result.faults.faults.map(({ atNs }) => atNs !== undefined)).toEqual(Array(5).fill(true));
});
