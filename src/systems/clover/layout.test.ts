import fc from 'fast-check';
import { expect, test } from 'vitest';
import { smallShape } from '../../../test/support/in-thread.ts';
import type { FarsideError } from '../../core/errors.ts';
import { keyOf } from '../../core/key.ts';
import { assembleCluster } from '../assemble.ts';
import type { StoreShape } from '../system.ts';
import { system } from './index.ts';
import { CloverLayout } from './layout.ts';
import { Namer } from './metadata/namer.ts';
import { handleOf, reference } from './pointer.ts';
import { classBytes, planPools, sizeClassCount, sizeClassFor } from './pools.ts';

function layoutOf(overrides: Partial<StoreShape>, settings: Record<string, unknown> = {}) {
  const shape = { ...smallShape, ...overrides };
  const config = system.configure(settings, shape);
  const cluster = assembleCluster(system, shape, config);
  return { layout: new CloverLayout(cluster, shape, config), cluster, shape, config };
}

test('every buffer has a place of its own inside the region, and its handle leads there', () => {
  const { layout, cluster } = layoutOf({ memoryNodes: 3, keysMax: 20, memoryBytes: 1_200_000 });
  const places: [address: number, bytes: number][] = [];
  for (let bucket = 0; bucket < 3; bucket++) {
    for (let c = 0; c < sizeClassCount; c++) {
      for (let i = 0; i < (layout.plan.buffers[c] as number); i++) {
        const target = reference(layout.handle(bucket, c, i), 1 + (i % 254));
        expect(layout.bucketOf(target)).toBe(bucket);
        expect(layout.sizeClassOf(target)).toBe(c);
        places.push([layout.addressOf(target), classBytes(c)]);
        if (i === 1) {
          const at = layout.addressOf(target);
          expect(layout.locate(at + 8)).toBe(`buffer 1 of class ${classBytes(c)} + 8`);
        }
      }
    }
  }
  places.sort(([a], [b]) => a - b);
  for (const [i, [address, bytes]] of places.entries()) {
    const region = cluster.region(Math.floor(address / 2 ** 40), 'buffers');
    expect(address).toBeGreaterThanOrEqual(region.address);
    expect(address + bytes).toBeLessThanOrEqual(region.address + region.sizeBytes);
    const next = places[i + 1];
    if (next !== undefined) expect(address + bytes).toBeLessThanOrEqual(next[0]);
  }
});

test('servers share every pool without overlap', () => {
  const { layout } = layoutOf({ memoryNodes: 2 }, { metadataServers: 3 });
  for (let c = 0; c < sizeClassCount; c++) {
    let end = 0;
    for (let server = 0; server < 3; server++) {
      const [first, next] = layout.share(c, server);
      expect(first).toBe(end);
      end = next;
    }
    expect(end).toBe(layout.plan.buffers[c]);
  }
});

test('shortcuts of keys are spread over memory nodes, and no two chains share one', () => {
  const { layout } = layoutOf({ memoryNodes: 4, keysMax: 2000 }, { metadataServers: 4 });
  const counts = [0, 0, 0, 0];
  const addresses = new Set<number>();
  const namers = [0, 1, 2, 3].map((server) => new Namer(layout, server));
  for (let i = 0; i < 2000; i++) {
    const key = keyOf(`user${i}`);
    const namer = namers[key.hash % 4] as Namer;
    const chain = namer.prepare(key.text, key.hash, [reference(1, 1)], 1)!;
    const address = layout.shortcutAddressOf(chain.number);
    expect(layout.locate(address)).toBe(`shortcut of slot ${layout.slotOf(chain.number)}, word 0`);
    addresses.add(address);
    counts[Math.floor(address / 2 ** 40)] = (counts[Math.floor(address / 2 ** 40)] as number) + 1;
  }
  expect(addresses.size).toBe(2000);
  for (const count of counts) expect(count).toBeGreaterThan(400);
});

test('a slot that is used again makes a chain of another number in the same place', () => {
  const { layout } = layoutOf({ memoryNodes: 1, keysMax: 1 });
  const namer = new Namer(layout, 0);
  const first = namer.prepare('a', 5, [reference(1, 1)], 1)!;
  namer.forget(first);
  const second = namer.prepare('b', 5, [reference(1, 2)], 1)!;
  expect(second.number).not.toBe(first.number);
  expect(layout.slotOf(second.number)).toBe(layout.slotOf(first.number));
  expect(layout.shortcutAddressOf(second.number)).toBe(layout.shortcutAddressOf(first.number));
});

test('a namer gives out as many chains as it has slots', () => {
  const { layout } = layoutOf({ memoryNodes: 2, keysMax: 1 });
  const namer = new Namer(layout, 0);
  let chains = 0;
  while (namer.prepare(`key${chains}`, chains, [reference(1, 1)], 1) !== undefined) chains++;
  expect(chains).toBe(2 * layout.plan.shortcutSlotsPerServer);
});

test('a class is the smallest power of two that holds header, record, key and value', () => {
  expect([1, 128, 129, 1024, 1025, 65_536].map(sizeClassFor)).toEqual([0, 0, 1, 3, 4, 9]);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 65_536 }), (bytes) => {
      const c = sizeClassFor(bytes);
      expect(classBytes(c)).toBeGreaterThanOrEqual(bytes);
      if (c > 0) expect(classBytes(c - 1)).toBeLessThan(bytes);
    }),
  );
});

const common = { ...smallShape, valueBytesMax: 1000, keyBytesMax: 24, replicas: 1 };

test.each([
  ['100 K keys of 1 KiB on one node', { keysMax: 100_000, memoryNodes: 1, valueBytesMean: 1000 }],
  ['a million keys on one node', { keysMax: 1_000_000, memoryNodes: 1, valueBytesMean: 1000 }],
  ['a million keys, three copies', { keysMax: 1_000_000, memoryNodes: 3, replicas: 3 }],
  ['100 K keys of any size to 32 KiB', { keysMax: 100_000, memoryNodes: 4, valueBytesMax: 32_768 }],
])('%s fit 3.2 GiB a node', (_, overrides) => {
  const shape = { ...common, ...overrides };
  const plan = planPools(shape, system.configure({}, shape));
  expect(plan.bufferBytesOfRoom + plan.shortcutBytes).toBeLessThan(3.2 * 2 ** 30);
});

test('too little memory is refused, and the amount it names is enough', () => {
  const shape = { ...common, keysMax: 10_000, memoryBytes: 1_000_000 };
  const config = system.configure({}, shape);
  let needed = 0;
  try {
    planPools(shape, config);
    expect.fail('1 MB should not do');
  } catch (error) {
    expect((error as FarsideError).code).toBe('FARSIDE_CAPACITY');
    needed = Number(/needs (\d+) B/.exec((error as FarsideError).message)?.[1]);
  }
  const plan = planPools({ ...shape, memoryBytes: needed }, config);
  expect(plan.bufferBytesOfRoom + plan.shortcutBytes).toBeLessThanOrEqual(needed);
  expect(() => planPools({ ...shape, memoryBytes: needed - 1 }, config)).toThrow('needs');
});

test('all keys of mean size fit, in buffers beyond those on their way', () => {
  const shape = { ...common, keysMax: 10_000, memoryNodes: 2, replicas: 2 };
  const plan = planPools(shape, system.configure({}, shape));
  const sizeClass = sizeClassFor(16 + 16 + 24 + 1000);
  expect(plan.buffers[sizeClass]).toBeGreaterThan(12_500);
  expect(handleOf(reference(plan.buffers[sizeClass] as number, 1))).toBe(plan.buffers[sizeClass]);
});
