import { describe, expect, test } from 'vitest';
import { FarsideError } from '../core/errors.ts';
import { keyOf } from '../core/key.ts';
import { randomStream } from '../core/random.ts';
import { CacheBenchWorkload } from './cachebench.ts';
import { readCacheBench } from './cachebench-config.ts';
import { Buckets } from './distributions/buckets.ts';
import type { Operation, OperationSource } from './workload.ts';

const files: Record<string, string> = {
  'pop.json': JSON.stringify({ popularityBuckets: [1, 9], popularityWeights: [50, 50] }),
  'sizes.json': JSON.stringify({ valSizeRange: [100, 50_000], valSizeRangeProbability: [3, 1] }),
};

const base = {
  numKeys: 1000,
  enableLookaside: true,
  getRatio: 0.5,
  setRatio: 0.25,
  keySizeRange: [8, 16, 32],
  keySizeRangeProbability: [0.5, 0.5],
  popDistFile: 'pop.json',
  valSizeDistFile: 'sizes.json',
};

function open(changes: Record<string, unknown>, properties: Record<string, string> = {}) {
  const text = JSON.stringify({ cache_config: {}, test_config: { ...base, ...changes } });
  const config = readCacheBench('config.json', text, (name) => files[name] ?? '{');
  return new CacheBenchWorkload('test', config, { values: properties });
}

function emptyOperation(): Operation {
  return { kind: 'read', key: keyOf('?'), valueBytes: 0, scanLength: 0, atNs: 0 };
}

function loaded(workload: CacheBenchWorkload): Operation[] {
  const source = workload.load({ index: 0, of: 1 });
  const all: Operation[] = [];
  for (let next = emptyOperation(); source.next(next); next = emptyOperation()) all.push(next);
  return all;
}

function runOf(workload: CacheBenchWorkload): OperationSource {
  return workload.run({ index: 0, of: 1 }, randomStream(1, 'run'));
}

function take(source: OperationSource, count: number): Operation[] {
  return Array.from({ length: count }, () => {
    const operation = emptyOperation();
    if (!source.next(operation)) throw new Error('the source has ended');
    source.done?.(operation);
    return operation;
  });
}

describe('a CacheBench configuration', () => {
  test('gives every record a key and sizes of its own', () => {
    const workload = open({});
    const all = loaded(workload);
    expect(new Set(all.map(({ key }) => key.text)).size).toBe(1000);
    const lengths = all.map(({ key }) => key.bytes.length);
    expect(Math.min(...lengths)).toBe(8);
    expect(Math.max(...lengths)).toBe(31);
    expect(lengths.filter((length) => length < 16).length / 1000).toBeCloseTo(0.5, 1);
    expect(new Set(all.map(({ valueBytes }) => valueBytes))).toEqual(new Set([100, 32_768]));
    const small = all.filter(({ valueBytes }) => valueBytes === 100).length / 1000;
    expect(small).toBeCloseTo(0.75, 1);
    expect(workload.valueBytesMean).toBeCloseTo(0.75 * 100 + 0.25 * 32_768, 6);
    expect(workload.warnings).toEqual(['25 % of value sizes exceed 32768 bytes and are clipped']);
    const sizeOf = new Map(all.map(({ key, valueBytes }) => [key.text, valueBytes]));
    for (const { kind, key, valueBytes } of take(runOf(workload), 500)) {
      if (kind === 'update') expect(valueBytes).toBe(sizeOf.get(key.text));
    }
  });

  test('mixes gets and sets, as popular as the buckets say', () => {
    const taken = take(runOf(open({})), 20_000);
    const reads = taken.filter(({ kind }) => kind === 'read').length;
    expect(reads / 20_000).toBeCloseTo(2 / 3, 1);
    const times = new Map<string, number>();
    for (const { key } of taken) times.set(key.text, (times.get(key.text) ?? 0) + 1);
    // Half of the operations fall on the most popular tenth of 1000 records.
    const sorted = [...times.values()].sort((a, b) => b - a);
    const tenth = sorted.slice(0, 100).reduce((a, b) => a + b, 0);
    expect(tenth / 20_000).toBeCloseTo(0.5, 1);
  });

  test('lone gets miss, or fall on the tail', () => {
    const ratios = { getRatio: 0, setRatio: 0, loneGetRatio: 1 };
    const workload = open(ratios);
    const known = new Set(loaded(workload).map(({ key }) => key.text));
    const missed = take(runOf(workload), 100).map(({ key }) => key.text);
    expect(missed.filter((key) => known.has(key))).toEqual([]);
    expect(new Set(missed).size).toBe(100);
    const tail = take(runOf(open(ratios, { loneget: 'uniform' })), 100);
    expect(tail.every(({ key }) => known.has(key.text))).toBe(true);
  });

  test('what was deleted is filled in again after a get', () => {
    const workload = open({ setRatio: 0, delRatio: 0.5 }, { recordcount: '20' });
    expect(workload.kinds).toEqual(['read', 'insert', 'delete']);
    const present = new Set(loaded(workload).map(({ key }) => key.text));
    let refills = 0;
    let before: Operation | undefined;
    for (const operation of take(runOf(workload), 2000)) {
      const { kind, key } = operation;
      if (kind === 'insert') {
        refills++;
        expect(present.has(key.text)).toBe(false);
        expect(before?.key).toBe(key);
        present.add(key.text);
      }
      if (kind === 'delete') present.delete(key.text);
      before = operation;
    }
    expect(refills).toBeGreaterThan(100);
  });

  test.each([
    [{ getRatio: 0, setRatio: 0 }, /getRatio = 0: expected at least one ratio above 0/],
    [{ keySizeRange: 'long' }, /keySizeRange = "long": expected a list of numbers/],
    [{ keySizeRange: [1, 2, 3, 4] }, /keySizeRangeProbability = 2: expected 4 or one fewer/],
    [{ keySizeRange: [1, 900, 1000] }, /keySizeRange = 1000: expected sizes of at most/],
    [{ generator: 'replay' }, /generator = "replay": expected online or workload/],
    [{ valSizeDistFile: 'missing.json' }, /missing.json.*not JSON/],
    [{ poolDistributions: [{}, {}] }, /expected one pool/],
    [{ loneSetRatio: 1 }, /loneSetRatio: each such operation adds a key/],
  ])('%o is refused', (changes, message) => {
    expect(() => open(changes)).toThrow(FarsideError);
    expect(() => open(changes)).toThrow(message);
  });

  test('names what it does not heed', () => {
    expect(open({ opDelayNs: 5, valSizeDistFile: 'sizes.json' }).warnings[0]).toMatch(
      /opDelayNs has no effect here/,
    );
  });
});

test('buckets stretch to any number of records', () => {
  const random = randomStream(2, 'buckets');
  for (const count of [10, 100]) {
    const buckets = new Buckets(count, [1, 9], [50, 50]);
    let head = 0;
    for (let i = 0; i < 20_000; i++) if (buckets.next(random) < count / 10) head++;
    expect(head / 20_000).toBeCloseTo(0.5, 1);
  }
});
