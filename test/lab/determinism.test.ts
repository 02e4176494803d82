import { expect, test } from 'vitest';
import type { RunResult } from '../../src/lab/result.ts';
import { runOne } from '../../src/lab/run.ts';
import { smallSpec } from '../support/specs.ts';

function withoutRealTime({ wallClockNs: _, ...rest }: RunResult): Omit<RunResult, 'wallClockNs'> {
  return rest;
}

test.each(['direct', 'central', 'clover'])(
  '%s: one seed gives one result, another seed another event hash',
  async (system) => {
    const spec = smallSpec({
      system,
      profile: 'connectx4-100g',
      cluster: { computeNodes: 2, clients: 2, outstanding: 2, replicas: 2 },
    });
    const first = await runOne(spec);
    expect(withoutRealTime(await runOne(spec))).toEqual(withoutRealTime(first));
    const other = await runOne({ ...spec, seed: 2 });
    expect(other.eventHash).not.toBe(first.eventHash);
    expect(first.eventHash).toMatch(/^[0-9a-f]{8,}$/);
  },
);
