import { describe, expect, test } from 'vitest';
import { type Faulty, run } from '../support/faulty.ts';
import type { SpecChanges } from '../support/specs.ts';

/** The same sentences on shared memory, where a crash is a worker that is terminated. */
const first = ({ faults }: Faulty) => faults.faults[0]!;

function shared(sentence: string | string[], changes: SpecChanges = {}): Promise<Faulty> {
  return run([sentence].flat(), { fabric: 'shared', phases: { operations: 6000 }, ...changes });
}

function expectWhole({ perOperation }: Faulty): void {
  for (const { corrupt, notFound } of Object.values(perOperation)) {
    expect({ corrupt, notFound }).toEqual({ corrupt: 0, notFound: 0 });
  }
}

describe('a compute node', () => {
  test.each(['at 5ms', 'at verb 500, landing none', 'at random verb 1..2000'])(
    'crashes %s: its worker ends, survivors are told and do their share',
    async (when) => {
      const result = await shared(`crash cn1 ${when}`);
      expect(result.operations).toBe(4000);
      expect(first(result)).toMatchObject({ recoveries: 2, locksBroken: 2 });
      expect(first(result).timeToRecoverNs).toBeGreaterThan(0);
      expectWhole(result);
    },
  );

  test('starts again under a new incarnation, and does what was left of its share', async () => {
    const result = await shared('crash cn1 at verb 500, restart after 1ms');
    // The two others; the new start, too, where it was there when they were told.
    expect(first(result).recoveries).toBeGreaterThanOrEqual(2);
    expect(result.operations).toBeGreaterThan(4000);
    expectWhole(result);
  });

  test('that is slow and taken for dead is ended by the fence', async () => {
    const result = await shared('slow cn1 by 1ms at 1ms, told after 1ms');
    expect(result.operations).toBe(4000);
    expect(first(result)).toMatchObject({ recoveries: 2, locksBroken: 2 });
  });
});

describe('a server', () => {
  test('starts again on its node, or a standby takes over', async () => {
    for (const [how, standbys] of [
      ['restart', 0],
      ['standby', 1],
    ] as const) {
      const result = await shared(`crash versions at verb 1000, ${how} after 1ms`, {
        cluster: { standbys },
      });
      expect(result.operations).toBe(6000);
      expect(first(result).recoveries).toBe(3);
      expectWhole(result);
    }
  });
});

test('a standby that has become the server crashes too, and the next takes over', async () => {
  const result = await shared(
    [
      'crash versions at verb 300, standby after 1ms',
      'crash standby0 at verb 1500 of cn0, standby after 1ms',
      'crash standby1 at verb 2500 of cn0, restart after 1ms',
    ],
    { cluster: { standbys: 2 } },
  );
  expect(result.operations).toBe(6000);
  expect(result.faults.faults.map(({ recoveries }) => recoveries)).toEqual([3, 3, 3]);
  expectWhole(result);
});

describe('a memory node', () => {
  test('is out of reach until it restarts, and is brought level', async () => {
    const result = await shared('crash mn1 at verb 500 of cn0, restart after 20ms');
    expect(result.operations).toBe(6000);
    expect(first(result)).toMatchObject({ recoveries: 3, clientsNeverServed: 0 });
    expect(first(result).bytesMoved).toBeGreaterThan(0);
  });

  test('is lost, and a spare takes its place', async () => {
    const result = await shared('lose mn1 at verb 500 of cn0', { cluster: { spares: 1 } });
    expect(result.operations).toBe(6000);
    expect(result.events.moved).toBe(3);
    expectWhole(result);
  });
});

test('a partition leaves operations unknown that cross it', async () => {
  const result = await shared('partition cn0 from mn1 at verb 500 of cn0, for 100ms');
  expect(result.faults.operationsUnknown).toBeGreaterThan(0);
  expect(result.operations).toBe(6000);
});
