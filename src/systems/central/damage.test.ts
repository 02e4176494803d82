import { expect, test } from 'vitest';
import { dataRegion, wholeRecords } from '../../../test/support/central-memory.ts';
import { RandomSchedule } from '../../../test/support/random-schedule.ts';
import type { FarsideError } from '../../core/errors.ts';
import { keyOf } from '../../core/key.ts';
import type { System } from '../system.ts';
import { system as central } from './index.ts';

const system = central as System;
const key = keyOf('user1');
const value = new Uint8Array(100).fill(7);

/** Inserts one record, damages a byte of its value on some memory nodes, and gets it. */
function getAfterDamage(
  damagedNodes: readonly number[],
  settings: Readonly<Record<string, unknown>> = {},
): { length: number | undefined; into: Uint8Array; code: string; skipped: number } {
  const schedule = new RandomSchedule(system, { seed: 1, settings, shape: { replicas: 2 } });
  schedule.run([{ program: (client) => client.insert(key, value) }]);
  for (const id of damagedNodes) {
    const region = dataRegion(schedule.cluster, id);
    const [record] = wholeRecords(schedule.memory, region);
    schedule.memory.region(region)[(record?.at ?? 0) + 50]! ^= 1;
  }
  const into = new Uint8Array(4096);
  let length: number | undefined;
  let code = '';
  schedule.run([
    {
      *program(client) {
        try {
          length = yield* client.get(key, into);
        } catch (error) {
          ({ code } = error as FarsideError);
        }
      },
    },
  ]);
  const skipped = schedule.serverStatistics[0]?.events.copiesSkipped as number;
  return { length, into, code, skipped };
}

test('a damaged copy is never returned: another one is', () => {
  const answers = [[0], [1]].map((nodes) => getAfterDamage(nodes));
  for (const { length, into } of answers) {
    expect(length).toBe(100);
    expect(into.subarray(0, 100)).toEqual(value);
  }
  expect(answers.map((answer) => answer.skipped).sort()).toEqual([0, 1]);
});

test('where all copies are damaged, the get says so', () => {
  expect(getAfterDamage([0, 1])).toMatchObject({ length: undefined, code: 'FARSIDE_CORRUPT' });
});

test('without verifyReads the checksum is neither computed nor missed', () => {
  const { length, into, skipped } = getAfterDamage([0, 1], { verifyReads: false });
  expect([length, skipped]).toEqual([100, 0]);
  expect(into.subarray(0, 100)).not.toEqual(value);
});
