import { expect, test } from 'vitest';
import { Counters } from '../../core/counters.ts';
import type { NodeRuntime } from '../../fabric/fabric.ts';
import { LateStatistics } from '../../systems/statistics.ts';
import { Starts } from './starts.ts';

const runtime = { background: new Counters() } as unknown as NodeRuntime;

const counting = (gets: number, metadataBytes: number) => () =>
  new LateStatistics({
    events: () => ({ gets }),
    metadataBytes: () => metadataBytes,
    remote: () => ({ dataBytes: 10 * metadataBytes, metadataBytes: 1 }),
  });

test('counters of all starts add up; what is held is what the present start holds', () => {
  const starts = new Starts('compute');
  starts.add(runtime, counting(3, 100));
  expect(starts.statistics().metadataBytes).toBe(100);
  starts.add(runtime, counting(4, 7));
  const { events, metadataBytes, remote } = starts.statistics();
  expect({ events, metadataBytes, remote }).toEqual({
    events: { gets: 7 },
    metadataBytes: 7,
    remote: { dataBytes: 70, metadataBytes: 1 },
  });
});
