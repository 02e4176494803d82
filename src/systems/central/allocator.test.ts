import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Address, globalAddress, nodeOf, offsetOf } from '../../core/address.ts';
import { recordBytesMax } from '../../core/record.ts';
import { BufferAllocator } from './allocator.ts';
import { buffersPerChunk, chunkBytes, chunkClass, chunkHeadBytes, chunkWord } from './chunk.ts';
import { classBytes, classBytesMax, classCount, classOf } from './size-class.ts';

function allocatorOf(nodes: number, chunks: number): BufferAllocator {
  const regions = Array.from({ length: nodes }, (_, node) => ({
    address: globalAddress(node, 0),
    sizeBytes: chunks * chunkBytes,
  }));
  return new BufferAllocator(regions);
}

describe('size classes', () => {
  test('each class is the smallest that holds the sizes it is given', () => {
    for (let bytes = 1; bytes <= recordBytesMax; bytes += 1 + (bytes >>> 9)) {
      const index = classOf(bytes);
      expect(classBytes(index)).toBeGreaterThanOrEqual(bytes);
      if (index > 0) expect(classBytes(index - 1)).toBeLessThan(bytes);
      if (bytes > 512) expect(classBytes(index)).toBeLessThan(1.126 * bytes);
    }
    expect(classBytes(classCount - 1)).toBe(classBytesMax);
    expect(() => classOf(classBytesMax + 1)).toThrow(/no size class/);
  });

  test("a chunk's word tells its class, and only a chunk's word does", () => {
    for (let index = 0; index < classCount; index++) {
      expect(chunkClass(chunkWord(index))).toBe(index);
      expect(classBytes(index) % 64).toBe(0);
      expect(buffersPerChunk(index)).toBeGreaterThan(6);
    }
    expect(chunkClass(0n)).toBeUndefined();
    expect(chunkClass(chunkWord(0) + (1n << 32n))).toBeUndefined();
    expect(chunkClass(chunkWord(0) | (0xffffffffn << 32n))).toBeUndefined();
  });
});

describe('the allocator', () => {
  test('never hands out a byte twice, and has everything back in the end', () => {
    const step = fc.record({
      bytes: fc.oneof(fc.integer({ min: 1, max: 600 }), fc.integer({ min: 1, max: 33_000 })),
      replicas: fc.integer({ min: 1, max: 3 }),
      frees: fc.nat(99),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
        const allocator = allocatorOf(3, 6);
        const held: { address: Address; bytes: number }[] = [];
        for (const { bytes, replicas, frees } of steps) {
          const into = new Array<Address>(replicas).fill(0);
          if (allocator.allocate(bytes, into)) {
            expect(new Set(into.map(nodeOf)).size).toBe(replicas);
            for (const address of into) {
              const end = address + classBytes(classOf(bytes));
              expect(held.every((h) => end <= h.address || address >= h.address + h.bytes)).toBe(
                true,
              );
              expect(offsetOf(address) % chunkBytes).toBeGreaterThanOrEqual(chunkHeadBytes);
              expect(Math.floor((end - 1) / chunkBytes)).toBe(Math.floor(address / chunkBytes));
              held.push({ address, bytes: classBytes(classOf(bytes)) });
            }
          }
          if (frees > 50 && held.length > 0) {
            allocator.free(held.splice(frees % held.length, 1)[0]?.address as Address);
          }
          const sum = allocator.allocatedBytes.reduce((a, b) => a + b, 0);
          expect(sum).toBe(held.reduce((total, h) => total + h.bytes, 0));
        }
        for (const { address } of held) allocator.free(address);
        expect(allocator.allocatedBytes).toEqual([0, 0, 0]);
      }),
      { numRuns: 60 },
    );
  });

  test('fills memory nodes evenly by bytes, also when sizes differ', () => {
    const allocator = allocatorOf(4, 40);
    for (let i = 0; i < 2000; i++) {
      const into: Address[] = i % 3 === 0 ? [0, 0] : [0];
      expect(allocator.allocate(i % 7 === 0 ? 4000 : 100 + (i % 50), into)).toBe(true);
    }
    const { allocatedBytes } = allocator;
    expect(Math.max(...allocatedBytes) - Math.min(...allocatedBytes)).toBeLessThanOrEqual(4096);
  });

  test('takes nothing where one copy has no place', () => {
    const allocator = allocatorOf(2, 1);
    const big = [0, 0];
    while (allocator.allocate(30_000, big));
    const before = allocator.allocatedBytes;
    expect(allocator.allocate(30_000, [0, 0])).toBe(false);
    expect(allocator.allocate(100, [0])).toBe(false);
    expect(allocator.allocatedBytes).toEqual(before);
    expect(allocator.allocate(30_000, [0, 0, 0])).toBe(false);
  });

  test('gives memory that one size has left to another size', () => {
    const allocator = allocatorOf(1, 3);
    for (const bytes of [100, 5000, 33_000, 64]) {
      const held: Address[] = [];
      const into = [0];
      while (allocator.allocate(bytes, into)) held.push(into[0] as Address);
      expect(held.length).toBe(3 * buffersPerChunk(classOf(bytes)));
      for (const address of held) allocator.free(address);
    }
  });

  test('keeps the class of a chunk whose class word a WRITE in doubt may still hit', () => {
    const allocator = allocatorOf(1, 1);
    const into = [0];
    expect(allocator.allocate(64, into)).toBe(true);
    const [first] = into as [Address];
    allocator.pool(0).chunkAt(first).keepsClass = true;
    allocator.free(first);
    expect(allocator.allocate(4096, [0])).toBe(false);
    expect(allocator.allocate(64, [0])).toBe(true);
  });

  test('finds a buffer that is freed twice, or was never given', () => {
    const allocator = allocatorOf(1, 1);
    const into = [0];
    allocator.allocate(100, into);
    const [address = 0] = into;
    allocator.free(address);
    for (const wrong of [address, address + 8, address + chunkBytes, globalAddress(5, 0)]) {
      expect(() => allocator.free(wrong)).toThrow(
        expect.objectContaining({ code: 'FARSIDE_INTERNAL' }),
      );
    }
  });

  test("asks for a chunk's label until it is known to be written", () => {
    const allocator = allocatorOf(1, 1);
    const [first, second] = [[0], [0]];
    allocator.allocate(100, first);
    allocator.allocate(100, second);
    const label = allocator.missingLabel(first[0] as Address);
    expect(label).toEqual({ address: globalAddress(0, 0), classIndex: classOf(100) });
    expect(allocator.missingLabel(second[0] as Address)).toEqual(label);
    if (label !== undefined) allocator.labelled(label);
    expect(allocator.missingLabel(second[0] as Address)).toBeUndefined();
  });
});
