import { afterEach, expect, test } from 'vitest';
import { loadAddon } from '../../src/fabric/verbs/addon.ts';
import { runBench } from '../../src/lab/bench/bench.ts';
import type { BenchOptions } from '../../src/lab/bench/options.ts';
import { runOne } from '../../src/lab/run.ts';
import type { RunSpec } from '../../src/lab/spec.ts';
import { smallSpec } from '../support/specs.ts';
import { describeOnFake } from '../support/verbs.ts';

/** Direct in durability `flush`, on the fake device: what the result says it was. */
async function durabilityOf(cluster: Partial<RunSpec['cluster']> = {}) {
  const { durability, flushedBy, durabilityBecause } = await runOne(
    smallSpec({
      system: 'direct',
      fabric: 'verbs',
      durability: 'flush',
      cluster: { memory: 'fake', queuePairs: 1, ...cluster },
      phases: { warmupOperations: 0, operations: 200 },
    }),
  );
  return { durability, flushedBy, durabilityBecause };
}

const flushBench: BenchOptions = {
  verb: 'flush',
  fabric: 'verbs',
  sizeBytes: 64,
  queuePairs: 1,
  txDepth: 1,
  postList: 1,
  iterations: 100,
  latency: true,
  rate: false,
  profile: '',
  memory: 'fake',
  flushBy: 'flush',
};

describeOnFake('durability flush on verbs', () => {
  afterEach(() => loadAddon().fakeConfigure({ flush: true }));

  test('is FLUSH where the device has it, and READ where the operator says so', async () => {
    const flush = { durability: 'flush', flushedBy: 'FLUSH', durabilityBecause: undefined };
    expect(await durabilityOf()).toEqual(flush);
    expect(await durabilityOf({ flushBy: 'read' })).toEqual({ ...flush, flushedBy: 'READ' });
  });

  test('is assumed, and says why, on a device without FLUSH that nobody vouches for', async () => {
    loadAddon().fakeConfigure({ flush: false });
    expect(await durabilityOf()).toEqual({
      durability: 'assumed',
      flushedBy: undefined,
      durabilityBecause:
        'device fake0 has no FLUSH; --flush-by read declares that a READ does it here',
    });
    expect((await durabilityOf({ flushBy: 'read' })).flushedBy).toBe('READ');
  });

  test('is what farside bench flush says it measured', async () => {
    expect((await runBench(flushBench)).flush).toEqual({ mode: 'flush', flushedBy: 'FLUSH' });
    loadAddon().fakeConfigure({ flush: false });
    const without = await runBench(flushBench);
    expect(without.flush).toMatchObject({ mode: 'assumed', flushedBy: 'READ' });
    const declared = await runBench({ ...flushBench, flushBy: 'read' });
    expect(declared.flush).toEqual({ mode: 'flush', flushedBy: 'READ' });
  });
});
