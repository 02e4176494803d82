import { describe, expect, test } from 'vitest';
import { FarsideError } from '../core/errors.ts';
import { keyOf } from '../core/key.ts';
import { randomStream } from '../core/random.ts';
import type { Operation, OperationSource, Workload } from './workload.ts';
import { ycsbWorkload } from './ycsb.ts';

function emptyOperation(): Operation {
  return { kind: 'read', key: keyOf('?'), valueBytes: 0, scanLength: 0, atNs: 0 };
}

function runOf(workload: Workload, index = 0, of = 1, seed = 1): OperationSource {
  return workload.run({ index, of }, randomStream(seed, `run ${index}`));
}

function loadedKeys(workload: Workload, of = 1): string[] {
  const keys: string[] = [];
  for (let index = 0; index < of; index++) {
    const source = workload.load({ index, of }, randomStream(1, `load ${index}`));
    const operation = emptyOperation();
    while (source.next(operation)) {
      expect(operation.kind).toBe('insert');
      keys.push(operation.key.text);
    }
  }
  return keys;
}

function take(source: OperationSource, count: number): Operation[] {
  const taken: Operation[] = [];
  for (let i = 0; i < count; i++) {
    const operation = emptyOperation();
    if (!source.next(operation)) throw new Error(`only ${i} operations came`);
    source.done?.(operation);
    taken.push(operation);
  }
  return taken;
}

function errorOf(properties: Record<string, string>): FarsideError {
  try {
    ycsbWorkload('test', properties);
  } catch (error) {
    if (error instanceof FarsideError) return error;
    throw error;
  }
  throw new Error('nothing was wrong');
}

describe('keys', () => {
  test('are the ones YCSB builds', () => {
    expect(loadedKeys(ycsbWorkload('t', { recordcount: '2' }))).toEqual([
      'user6284781860667377211',
      'user8517097267634966620',
    ]);
    const ordered = { recordcount: '2', insertorder: 'ordered', zeropadding: '5' };
    expect(loadedKeys(ycsbWorkload('t', ordered))).toEqual(['user00000', 'user00001']);
    expect(loadedKeys(ycsbWorkload('t', { ...ordered, keyprefix: '' }))[1]).toBe('00001');
  });

  test('every record is loaded once, whatever the number of clients', () => {
    const workload = ycsbWorkload('t', { recordcount: '100' });
    const alone = loadedKeys(workload).sort();
    expect(new Set(alone).size).toBe(100);
    expect(loadedKeys(workload, 7).sort()).toEqual(alone);
  });

  test('insertstart and insertcount load a part', () => {
    const part = { recordcount: '50', insertstart: '10', insertcount: '5', insertorder: 'ordered' };
    const workload = ycsbWorkload('t', part);
    expect(loadedKeys(workload)).toEqual(['user10', 'user11', 'user12', 'user13', 'user14']);
    expect(workload.recordCount).toBe(5);
    const asked = new Set(take(runOf(workload), 200).map(({ key }) => key.text));
    expect([...asked].sort()).toEqual(['user10', 'user11', 'user12', 'user13', 'user14']);
  });
});

describe('the run phase', () => {
  test('mixes kinds by their proportions', () => {
    const workload = ycsbWorkload('t', {
      readproportion: '0.5',
      updateproportion: '0.2',
      readmodifywriteproportion: '0.2',
      scanproportion: '0.1',
      maxscanlength: '7',
    });
    expect(workload.kinds).toEqual(['read', 'update', 'scan', 'readmodifywrite']);
    const taken = take(runOf(workload), 20_000);
    const share = (kind: string): number => taken.filter((o) => o.kind === kind).length / 20_000;
    expect(share('read')).toBeCloseTo(0.5, 1);
    expect(share('update')).toBeCloseTo(0.2, 1);
    expect(share('scan')).toBeCloseTo(0.1, 1);
    const wrong = taken.filter(({ kind, valueBytes, scanLength }) => {
      const writes = kind === 'update' || kind === 'readmodifywrite';
      const scans = kind === 'scan' ? scanLength >= 1 && scanLength <= 7 : scanLength === 0;
      return valueBytes !== (writes ? 1000 : 0) || !scans;
    });
    expect(wrong).toEqual([]);
  });

  test('is the same for the same seed', () => {
    const keysOf = (seed: number): string[] => {
      const workload = ycsbWorkload('t', { requestdistribution: 'zipfian' });
      return take(runOf(workload, 0, 1, seed), 50).map(({ kind, key }) => kind + key.text);
    };
    expect(keysOf(1)).toEqual(keysOf(1));
    expect(keysOf(1)).not.toEqual(keysOf(2));
  });

  test.each([
    'uniform',
    'zipfian',
    'ycsb-scrambled',
    'latest',
    'hotspot',
    'sequential',
    'exponential',
  ])('%s asks for nothing that is not there', (requestdistribution) => {
    const workload = ycsbWorkload('t', {
      recordcount: '20',
      operationcount: '3000',
      requestdistribution,
      readproportion: '0.9',
      updateproportion: '0',
      insertproportion: '0.1',
    });
    const there = new Set(loadedKeys(workload));
    const clients = [0, 1, 2].map((index) => runOf(workload, index, 3));
    const operation = emptyOperation();
    for (let i = 0; i < 3000; i++) {
      const client = clients[i % 3] as OperationSource;
      client.next(operation);
      expect(there.has(operation.key.text)).toBe(operation.kind === 'read');
      there.add(operation.key.text);
      client.done?.(operation);
    }
    expect(there.size).toBeLessThanOrEqual(workload.keysMax);
  });

  test('latest follows acknowledged inserts only', () => {
    const workload = ycsbWorkload('t', {
      recordcount: '10',
      requestdistribution: 'latest',
      zipfianconstant: '50',
      readproportion: '0.5',
      updateproportion: '0',
      insertproportion: '0.5',
      insertorder: 'ordered',
    });
    const source = runOf(workload);
    const next = (kind: string): Operation => {
      const operation = emptyOperation();
      do source.next(operation);
      while (operation.kind !== kind);
      return operation;
    };
    // θ = 50: the newest record, practically always.
    expect(next('read').key.text).toBe('user9');
    const insert = next('insert');
    expect(next('read').key.text).not.toBe(insert.key.text);
    source.done?.(insert);
    expect(next('read').key.text).toBe(insert.key.text);
  });

  test('a new load phase starts over', () => {
    const workload = ycsbWorkload('t', {
      recordcount: '5',
      insertproportion: '1',
      operationcount: '9',
    });
    const inserted = (): string[] =>
      take(runOf(workload), 20)
        .filter((o) => o.kind === 'insert')
        .map(({ key }) => key.text);
    const first = inserted();
    loadedKeys(workload);
    expect(inserted()).toEqual(first);
  });

  test('more inserts than foreseen are refused with advice', () => {
    const workload = ycsbWorkload('t', {
      readproportion: '0',
      insertproportion: '1',
      operationcount: '1',
    });
    const source = runOf(workload);
    expect(() => take(source, 1000)).toThrow(/raise operationcount/);
  });
});

describe('values', () => {
  const lengths = (properties: Record<string, string>): number[] => {
    const workload = ycsbWorkload('t', {
      ...properties,
      readproportion: '0',
      updateproportion: '1',
    });
    const seen = take(runOf(workload), 2000).map(({ valueBytes }) => valueBytes);
    expect(Math.max(...seen)).toBeLessThanOrEqual(workload.valueBytesMax);
    const mean = seen.reduce((a, b) => a + b, 0) / seen.length;
    expect(mean / workload.valueBytesMean).toBeCloseTo(1, 1);
    return seen;
  };

  test('are whole records', () => {
    expect(new Set(lengths({ fieldcount: '3', fieldlength: '50' }))).toEqual(new Set([150]));
    expect(new Set(lengths({ fieldcount: '3', valuebytes: '7' }))).toEqual(new Set([7]));
  });

  test('vary with the distribution of field lengths', () => {
    const uniform = { fieldcount: '2', fieldlength: '50', minfieldlength: '40' };
    const seen = lengths({ ...uniform, fieldlengthdistribution: 'uniform' });
    expect([Math.min(...seen), Math.max(...seen)]).toEqual([80, 100]);
    lengths({ ...uniform, fieldlengthdistribution: 'zipfian' });
  });

  test('follow a histogram file', () => {
    const files: Record<string, string> = { 'h.txt': 'BlockSize\t10\n0\t3\n2\t1\n' };
    const workload = ycsbWorkload('t', {
      values: {
        fieldcount: '1',
        fieldlengthdistribution: 'histogram',
        fieldlengthhistogram: 'h.txt',
        updateproportion: '1',
      },
      readFile: (name) => files[name] as string,
    });
    expect([workload.valueBytesMax, workload.valueBytesMean]).toEqual([30, 15]);
  });
});

describe('what is wrong is said', () => {
  test.each([
    [{ recordcount: 'ten' }, /recordcount = "ten": expected an integer from 1 to 2147483647/],
    [{ recordcount: '0' }, /recordcount = "0": expected an integer from 1/],
    [{ readproportion: '-1' }, /readproportion = "-1": expected a number of at least 0/],
    [{ readproportion: '0', updateproportion: '0' }, /expected at least one proportion above 0/],
    [{ requestdistribution: 'zipfain' }, /expected one of uniform.*; did you mean zipfian/],
    [{ dataintegrity: 'yes' }, /dataintegrity = "yes": expected true or false/],
    [{ insertstart: '1000' }, /insertstart = "1000": expected less than recordcount, 1000/],
    [{ insertcount: '2000' }, /insertcount = "2000": expected at most/],
    [{ workload: 'site.ycsb.workloads.TimeSeriesWorkload' }, /expected one of site.ycsb/],
    [{ fieldcount: '400' }, /values of up to 40000 bytes: expected at most 32768/],
    [{ minscanlength: '9', maxscanlength: '3' }, /minscanlength = "9": expected at most maxscan/],
  ])('%o', (properties, message) => {
    expect(errorOf(properties as unknown as Record<string, string>).message).toMatch(message);
  });

  test('properties that do nothing are named', () => {
    const { warnings } = ycsbWorkload('t', {
      recordcout: '5',
      measurementtype: 'hdrhistogram',
      readproportion: '2',
      updateproportion: '2',
    });
    expect(warnings).toEqual([
      'property: recordcout is no property of this workload, ignored; did you mean recordcount?',
      'property: measurementtype has no effect: latencies are always HDR histograms',
      'proportions add up to 4, taken as weights: ' +
        'read 2, update 2, insert 0, scan 0, readmodifywrite 0',
    ]);
  });
});
