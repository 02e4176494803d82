import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { rebuiltFromMap, rebuiltFromMemoryNodes } from '../../../test/support/central-memory.ts';
import { isLinearizable, type KeyOperation } from '../../../test/support/key-operations.ts';
import {
  numbered,
  numberOf,
  RacingClients,
  racingShape,
  type Step,
  scripts,
} from '../../../test/support/racing-clients.ts';
import { RandomSchedule } from '../../../test/support/random-schedule.ts';
import type { Durability } from '../../core/context.ts';
import type { Key } from '../../core/key.ts';
import { recordBytes } from '../../core/record.ts';
import type { System } from '../system.ts';
import { system as central } from './index.ts';
import { classBytes, classOf } from './size-class.ts';

const system = central as System;
/**
 * What someone who has only the memory nodes would find of a key when its delete is acknowledged.
 */
interface Ghost {
  readonly key: number;
  readonly value: number;
  readonly deleteInvokedNs: number;
  readonly deleteReturnedNs: number;
}

function race(
  seed: number,
  clients: readonly Step[][],
  replicas: number,
  durability: Durability,
  stop: { readonly steps?: number; readonly localWrites?: number } = {},
) {
  const schedule = new RandomSchedule(system, {
    seed,
    durability,
    shape: { ...racingShape, keysMax: 2, replicas },
    settings: { handlers: 4 },
  });
  const ghosts: Ghost[] = [];
  const racing = new RacingClients(schedule, ['x', 'yy'], {
    onDeleted(key, deleteInvokedNs, result) {
      const { text } = racing.keys[key] as Key;
      const found = rebuiltFromMemoryNodes(schedule.cluster, schedule.memory).get(text);
      if (!result || found === undefined) return;
      const deleteReturnedNs = schedule.nowNs;
      ghosts.push({ key, value: found[0] as number, deleteInvokedNs, deleteReturnedNs });
    },
  });
  racing.run(clients, stop);
  return { schedule, racing, ghosts };
}

/**
 * Whether a crash at that moment may bring this value back: an insert has taken the key meanwhile,
 * or the value's own operation was under way and counts as done. One that finds that it has nothing to
 * do, and answers so, may not.
 */
function isExplained(ghost: Ghost, histories: readonly KeyOperation[][]): boolean {
  const history = histories[ghost.key] as KeyOperation[];
  const reinserted = history.some(
    (o) =>
      o.operation === 'insert' &&
      o.result === true &&
      o.returnedNs > ghost.deleteInvokedNs &&
      o.invokedNs < ghost.deleteReturnedNs,
  );
  if (reinserted) return true;
  const origin = history.find((o) => o.operation !== 'get' && o.value === ghost.value);
  if (origin === undefined || origin.returnedNs < ghost.deleteInvokedNs) return false;
  return origin.result === true;
}

describe.each(['assumed', 'flush'] as const)('racing clients, %s', (durability) => {
  test('every answer fits one order per key, and memory holds exactly what that order left', () => {
    fc.assert(
      fc.property(
        fc.nat(),
        fc.array(scripts, { minLength: 2, maxLength: 5 }),
        fc.integer({ min: 1, max: 3 }),
        (seed, clients, replicas) => {
          const { schedule, racing, ghosts } = race(seed, clients, replicas, durability);
          const { histories } = racing;
          const final = racing.readAll();
          for (const history of histories) expect(isLinearizable(history)).toBe(true);
          for (const ghost of ghosts) expect(isExplained(ghost, histories)).toBe(true);
          const left = new Map([...final].map(([key, value]) => [key, numbered(value)]));
          expect(rebuiltFromMap(schedule.cluster, schedule.memory)).toEqual(left);
          expect(rebuiltFromMemoryNodes(schedule.cluster, schedule.memory)).toEqual(left);
          const inUse = [...left].map(([key, value]) =>
            classBytes(classOf(recordBytes(key.length, value.length))),
          );
          expect(schedule.serverStatistics[0]?.remote?.dataBytes).toBe(
            replicas * inUse.reduce((sum, bytes) => sum + bytes, 0),
          );
        },
      ),
      { numRuns: 80 },
    );
  });

  test('after power is lost at any moment, the persistent map names what was acknowledged', () => {
    fc.assert(
      fc.property(
        fc.nat(),
        fc.array(scripts, { minLength: 2, maxLength: 4 }),
        fc.integer({ min: 1, max: 3 }),
        fc.oneof(
          fc.record({ steps: fc.integer({ min: 100, max: 6000 }) }),
          fc.record({ localWrites: fc.integer({ min: 1, max: 12 }) }),
        ),
        (seed, clients, replicas, stop) => {
          const { schedule, racing } = race(seed, clients, replicas, durability, stop);
          const { histories, keys } = racing;
          schedule.memory.losePower();
          const contents = rebuiltFromMap(schedule.cluster, schedule.memory);
          for (const [index, key] of keys.entries()) {
            const bytes = contents.get(key.text);
            const value = bytes === undefined ? undefined : numberOf(bytes);
            const after = schedule.nowNs + 1;
            histories[index]?.push({
              operation: 'get',
              invokedNs: after,
              returnedNs: after,
              value,
            });
          }
          for (const history of histories) expect(isLinearizable(history)).toBe(true);
        },
      ),
      { numRuns: 100 },
    );
  });
});
