import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { smallShape } from '../../../test/support/in-thread.ts';
import { keyOf } from '../../core/key.ts';
import { recordBytesMax, recordHead } from '../../core/record.ts';
import { ClusterMap } from '../../memory/cluster.ts';
import type { StoreShape } from '../system.ts';
import { placeOf } from './geometry.ts';
import { lockBytes, sizeClasses, sizeClassFor } from './size-classes.ts';
import { bucketEntries, extentBytes, regionsOf, runExtents, sizingOf } from './sizing.ts';

const gibi = 2 ** 30;
const shapeOf = (changes: Partial<StoreShape>): StoreShape => ({ ...smallShape, ...changes });

function bytesPerNode(shape: StoreShape): number {
  const regions = regionsOf(shape, sizingOf(shape));
  const spec = { name: 'mn0', role: 'memory', cores: 0, regions, peers: [] } as const;
  return new ClusterMap([spec], { slots: 1, slotBytes: 64 }).node(0).spaceBytes;
}

describe('size classes', () => {
  test('a record has the smallest class that holds it, twice, with a lock word', () => {
    fc.assert(
      fc.property(fc.integer({ min: recordHead.sizeBytes, max: recordBytesMax }), (bytes) => {
        const { index, capacityBytes, redoOffsetBytes, strideBytes } = sizeClassFor(bytes);
        expect(capacityBytes).toBeGreaterThanOrEqual(bytes);
        expect(redoOffsetBytes).toBe(lockBytes + capacityBytes);
        expect(redoOffsetBytes + capacityBytes).toBeLessThanOrEqual(strideBytes);
        expect(strideBytes % 64).toBe(0);
        if (index > 0) expect(sizeClasses[index - 1]?.capacityBytes).toBeLessThan(bytes);
      }),
    );
  });

  test('from 512 bytes on, a class is at most an eighth larger than the one before', () => {
    for (const [i, { strideBytes }] of sizeClasses.entries()) {
      const before = sizeClasses[i - 1]?.strideBytes;
      if (before !== undefined && before >= 512) {
        expect(strideBytes / before).toBeLessThanOrEqual(1.125);
      }
    }
    expect(sizeClasses.length).toBeLessThanOrEqual(2 ** 7);
  });

  test('a run of extents holds a slot, and wastes at most an eighth', () => {
    for (const { strideBytes } of sizeClasses) {
      const bytes = runExtents(strideBytes) * extentBytes;
      expect(bytes).toBeGreaterThanOrEqual(strideBytes);
      expect(bytes % strideBytes).toBeLessThanOrEqual(bytes / 8);
    }
  });
});

describe('regions', () => {
  test('usual shapes stay under 3 GiB a node', () => {
    const shapes = [
      shapeOf({ keysMax: 100_000, valueBytesMax: 1024, valueBytesMean: 1024 }),
      shapeOf({ keysMax: 1_000_000, valueBytesMax: 1024, valueBytesMean: 1024 }),
      shapeOf({ keysMax: 1_000_000, valueBytesMax: 4096, valueBytesMean: 1000, replicas: 2 }),
      shapeOf({ keysMax: 1_000_000, memoryNodes: 4, replicas: 3, valueBytesMean: 1024 }),
      shapeOf({ keysMax: 100_000, computeNodes: 64, memoryNodes: 16, replicas: 3 }),
    ];
    for (const shape of shapes) expect(bytesPerNode(shape)).toBeLessThan(3 * gibi);
  });

  test('memory that is too small is refused with the number that is needed, which suffices', () => {
    const shape = shapeOf({ keysMax: 5000, replicas: 2 });
    let message = '';
    try {
      sizingOf({ ...shape, memoryBytes: 100_000 });
    } catch (error) {
      expect(error).toMatchObject({ code: 'FARSIDE_CAPACITY' });
      message = (error as Error).message;
    }
    const needed = Number(/need (\d+) bytes on each/.exec(message)?.[1]);
    expect(() => sizingOf({ ...shape, memoryBytes: needed - 1 })).toThrow(`need ${needed} bytes`);
    expect(bytesPerNode({ ...shape, memoryBytes: needed })).toBeLessThanOrEqual(needed);
  });

  test('more than a node can address is refused as well', () => {
    const shape = shapeOf({ keysMax: 2 ** 30, memoryNodes: 1 });
    expect(() => sizingOf(shape)).toThrow('add memory nodes');
  });

  test('a larger region is used whole, and never exceeded', () => {
    for (const memoryBytes of [2 ** 24, 2 ** 27 + 12_345, 2 ** 30]) {
      const used = bytesPerNode(shapeOf({ keysMax: 100, memoryBytes }));
      expect(used).toBeLessThanOrEqual(memoryBytes);
      expect(used).toBeGreaterThan(memoryBytes - 2 * extentBytes - 3 * 4096);
    }
  });
});

test('two choices of buckets never overflow at the load that the index is sized for', () => {
  const sizes = [3, 10, 30, 100, 1000, 100_000];
  for (const keys of sizes) {
    for (let round = 0; round < Math.min(100, 100_000 / keys); round++) {
      const { buckets } = sizingOf(shapeOf({ memoryNodes: 1, keysMax: keys }));
      const taken = new Uint8Array(buckets);
      for (let i = 0; i < keys; i++) {
        const { home, other } = placeOf(keyOf(`user${round}:${i}`), buckets);
        if (home === other) throw new Error(`key ${i} has one choice`);
        const choice = (taken[other] as number) < (taken[home] as number) ? other : home;
        taken[choice] = (taken[choice] as number) + 1;
      }
      expect(Math.max(...taken)).toBeLessThanOrEqual(bucketEntries);
    }
  }
});
