import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { keyOf } from '../core/key.ts';
import { TraceWorkload } from './trace.ts';
import type { TraceFile } from './trace-events.ts';
import { storedKey, TraceKeys } from './trace-keys.ts';
import { metaFormat } from './trace-meta.ts';
import { twitterFormat } from './trace-twitter.ts';
import type { Operation, OperationSource, Workload } from './workload.ts';

function memoryFile(name: string, lines: readonly string[], header?: string): TraceFile {
  const all = header === undefined ? lines : [header, ...lines];
  const format = header === undefined ? twitterFormat : metaFormat(header);
  if (format === undefined) throw new Error('no such format');
  return {
    name,
    format,
    headerLines: header === undefined ? 0 : 1,
    open: () => {
      let at = 0;
      return {
        next: () => all[at++],
        get lineNumber() {
          return at;
        },
        close: () => undefined,
      };
    },
  };
}

function open(
  lines: readonly string[],
  properties: Record<string, string> = {},
  options: { header?: string; badLinesMax?: number } = {},
): TraceWorkload {
  const file = memoryFile('trace.csv', lines, options.header);
  return new TraceWorkload('trace.csv', file, { values: properties }, options.badLinesMax ?? 0);
}

function emptyOperation(): Operation {
  return { kind: 'read', key: keyOf('?'), valueBytes: 0, scanLength: 0, atNs: 0 };
}

/** Everything a source gives, each operation ended before the next begins. */
function drain(source: OperationSource): Operation[] {
  const all: Operation[] = [];
  for (;;) {
    const operation = emptyOperation();
    if (!source.next(operation)) return all;
    source.done?.(operation);
    all.push(operation);
  }
}

const short = ({ kind, key, valueBytes }: Operation): string =>
  `${kind} ${key.text.replaceAll('\0', '')} ${valueBytes}`;

function phases(workload: Workload): { loaded: string[]; run: string[] } {
  const alone = { index: 0, of: 1 };
  const loaded = drain(workload.load(alone, undefined as never)).map(short);
  return { loaded, run: drain(workload.run(alone, undefined as never)).map(short) };
}

const twitter = [
  '100,a,1,0,7,get,0',
  '100,b,1,50,7,set,3600',
  '100,b,1,50,7,get,0',
  '101,b,1,60,7,set,3600',
  '101,c,1,9,7,incr,0',
  '102,b,1,0,7,delete,0',
  '102,b,1,0,7,get,0',
  '103,b,1,70,7,add,0',
  '103,b,1,70,7,add,0',
  '103,a,1,30,7,gets,0',
  '103,d,1,8,7,cas,0',
];

describe('a Twitter trace', () => {
  test('is loaded with what it presupposes and replayed in order', () => {
    const workload = open(twitter);
    const { loaded, run } = phases(workload);
    expect(loaded).toEqual(['insert a 30', 'insert c 9', 'insert d 8']);
    expect(run).toEqual([
      'read a 0',
      'insert b 50',
      'read b 0',
      'update b 60',
      'readmodifywrite c 9',
      'delete b 0',
      'read b 0',
      'insert b 70',
      'read b 0',
      'read a 0',
      'update d 8',
    ]);
    expect([...workload.kinds].sort()).toEqual([
      'delete',
      'insert',
      'read',
      'readmodifywrite',
      'update',
    ]);
    expect([workload.recordCount, workload.keysMax, workload.valueBytesMax]).toEqual([3, 4, 70]);
    expect(workload.asked.operations).toBe(11);
    expect(phases(workload)).toEqual({ loaded, run });
  });

  test('finds nothing for such gets where nothing is loaded', () => {
    const { loaded, run } = phases(open(twitter, { loadmissing: 'false' }));
    expect(loaded).toEqual([]);
    expect(run[4]).toBe('read c 0');
    expect(run[10]).toBe('read d 0');
  });

  test('spreads the operations of a second over it', () => {
    const source = open(twitter, { tracespeed: '2' }).run({ index: 0, of: 1 });
    const times = drain(source).map(({ atNs }) => atNs / 1e9);
    expect(times[0]).toBe(0);
    expect(times[1]).toBeCloseTo(1 / 6);
    expect(times[2]).toBeCloseTo(2 / 6);
    expect(times[3]).toBe(0.5);
    expect(times[4]).toBe(0.75);
    expect(times[10]).toBeCloseTo(1.5 + (3 / 4) * 0.5);
  });

  test('is cut by limit, and amplified on keys of their own', () => {
    const { loaded, run } = phases(open(twitter, { limit: '2', ampfactor: '2' }));
    expect(loaded).toEqual(['insert a#0 50', 'insert a#1 50']);
    expect(run).toEqual(['read a#0 0', 'read a#1 0', 'insert b#0 50', 'insert b#1 50']);
  });

  test('clips values and pads keys', () => {
    const workload = open(['0,abc,9,99999,1,set,0', `0,${'x'.repeat(300)},300,1,1,set,0`]);
    const [first, second] = drain(workload.run({ index: 0, of: 1 })) as [Operation, Operation];
    expect(first.valueBytes).toBe(32768);
    expect([...first.key.bytes]).toEqual([97, 98, 99, 0, 0, 0, 0, 0, 0]);
    expect(second.key.bytes.length).toBe(255);
    expect(workload.keyBytesMax).toBe(255);
    expect(workload.warnings).toEqual(['1 of 2 values are longer than 32768 bytes, and clipped']);
  });

  test('takes a comma in a key, and a carriage return, for what they are', () => {
    const { run } = phases(open(['5,a,b,3,4,1,set,0']));
    expect(run).toEqual(['insert a,b 4']);
  });
});

describe('a Meta trace', () => {
  test('is read by its header, and op_count repeats', () => {
    const header = 'op_time,key,key_size,op,op_count,size,cache_hits,ttl,usecase,sub_usecase';
    const lines = [
      '10,77,4,GET,2,123,2,0,1,1',
      '11,77,4,SET,1,200,0,0,1,1',
      '12,9,4,DELETE,1,0,0,0,1,1',
    ];
    const { loaded, run } = phases(open(lines, {}, { header }));
    expect(loaded).toEqual(['insert 77 200']);
    expect(run).toEqual(['read 77 0', 'read 77 0', 'update 77 200', 'delete 9 0']);
  });

  test('of 2022 has other columns', () => {
    const workload = open(
      ['k,GET,10,1,1,60', 'k,SET_LEASE,20,2,1,60'],
      {},
      {
        header: 'key,op,size,op_count,key_size,ttl',
      },
    );
    expect(workload.hasTimes).toBe(false);
    expect(phases(workload).run).toEqual(['read k 0', 'update k 20', 'update k 20']);
  });
});

describe('lines that do not parse', () => {
  test.each([
    ['x,a,1,2,3,get,0', 'timestamp: got "x", expected seconds'],
    ['1,,1,2,3,get,0', 'key: got "", expected at least one byte'],
    ['1,a,b,2,3,get,0', 'key_size: got "b", expected a number of bytes'],
    ['1,a,1,-2,3,get,0', 'value_size: got "-2", expected a number of bytes'],
    ['1,a,1,2,3,fetch,0', 'operation: got "fetch", expected one of get gets set'],
    ['1,a,1,2', 'line: got "1,a,1,2", expected 7 columns'],
  ])('%s', (line, message) => {
    expect(() => open(['1,a,1,2,3,get,0', line])).toThrow(`trace.csv:2: ${message}`);
  });

  test.each([
    ['1,GET,x', 'size: got "x", expected a number of bytes'],
    ['1,PUT,5', 'op: got "PUT", expected one of GET'],
    ['1,GET', 'line: got "1,GET", expected 3 columns'],
  ])('of Meta: %s', (line, message) => {
    expect(() => open([line], {}, { header: 'key,op,size' })).toThrow(`trace.csv:2: ${message}`);
  });

  test('are tolerated up to a number, counted and reported', () => {
    const lines = ['bad', ...twitter, 'worse'];
    const workload = open(lines, {}, { badLinesMax: 2 });
    expect(workload.skippedLines).toBe(2);
    expect(workload.warnings[0]).toMatch(
      /2 lines were skipped, the first: trace.csv:1: line: got "bad"/,
    );
    expect(phases(workload).run).toHaveLength(11);
    expect(() => open(lines, {}, { badLinesMax: 1 })).toThrow(/trace.csv:13.*tolerates no more/);
  });
});

describe('clients that share a trace', () => {
  const lines = Array.from({ length: 400 }, (_, i) => `${i},k${i % 17},3,${1 + (i % 50)},1,set,0`);

  test('of one process do every line once', () => {
    const workload = open(lines);
    const sources = [0, 1, 2].map((index) => workload.run({ index, of: 3 }));
    const all: string[] = [];
    const operation = emptyOperation();
    for (let i = 0; sources[i % 3]?.next(operation); i++) {
      sources[i % 3]?.done?.(operation);
      all.push(short(operation));
    }
    expect(all).toEqual(phases(open(lines)).run);
  });

  test('of several processes part the keys between them', () => {
    const parts = [[0, 1], [2], [3, 4, 5]].map((indexes) => {
      const workload = open(lines);
      return indexes.map((index) => workload.run({ index, of: 6 })).flatMap(drain);
    });
    const keysOf = (part: Operation[]): Set<string> => new Set(part.map(({ key }) => key.text));
    const [a, b, c] = parts.map(keysOf) as [Set<string>, Set<string>, Set<string>];
    expect([...a].filter((key) => b.has(key) || c.has(key))).toEqual([]);
    expect(parts.flat()).toHaveLength(400);
    expect(parts.flat().map(short).sort()).toEqual(phases(open(lines)).run.sort());
  });

  test('load every key once', () => {
    const gets = Array.from({ length: 90 }, (_, i) => `${i},k${i % 30},3,5,1,get,0`);
    const workload = open(gets);
    const sources = [0, 1, 2, 3].map((index) => workload.load({ index, of: 4 }));
    const keys = sources.flatMap(drain).map(({ key }) => key.text);
    expect(keys).toHaveLength(30);
    expect(new Set(keys).size).toBe(30);
  });

  test('leave keys alone that are being inserted or deleted, and keep the order of a key', () => {
    const words = ['get', 'set', 'delete', 'add', 'incr'];
    const line = fc.tuple(fc.integer({ min: 0, max: 3 }), fc.constantFrom(...words));
    const schedule = fc.array(fc.nat({ max: 5 }), { minLength: 400, maxLength: 400 });
    fc.assert(
      fc.property(fc.array(line, { minLength: 1, maxLength: 120 }), schedule, (ops, turns) => {
        const text = ops.map(([key, word], i) => `${i},k${key},2,${i + 1},1,${word},0`);
        const workload = open(text);
        const source = workload.run({ index: 0, of: 1 });
        const inFlight: Operation[] = [];
        const begun: string[] = [];
        let over = false;
        const end = (index: number): void =>
          source.done?.(inFlight.splice(index, 1)[0] as Operation);
        for (const turn of turns) {
          if (over || turn < inFlight.length) {
            if (inFlight.length > 0) end(turn % inFlight.length);
            continue;
          }
          const operation = emptyOperation();
          over = !source.next(operation);
          if (over) continue;
          const isChanging = (key: string): boolean =>
            inFlight.some(
              (o) => o.key.text === key && (o.kind === 'insert' || o.kind === 'delete'),
            );
          begun.push(short(operation));
          if (isChanging(operation.key.text)) {
            // Only where all that is left waits like this one.
            const left = (key: string): number =>
              text.filter((one) => one.includes(`,${key},`)).length -
              begun.filter((one) => one.includes(` ${key} `)).length;
            const free = ['k0', 'k1', 'k2', 'k3'].filter(
              (key) => left(key) > 0 && !isChanging(key),
            );
            expect(free).toEqual([]);
          }
          inFlight.push(operation);
        }
        while (inFlight.length > 0) end(0);
        const rest = drain(source).map(short);
        const perKey = (all: string[], key: string): string[] =>
          all.filter((one) => one.includes(` ${key} `));
        const expected = phases(open(text)).run;
        for (const key of ['k0', 'k1', 'k2', 'k3']) {
          expect(perKey([...begun, ...rest], key)).toEqual(perKey(expected, key));
        }
      }),
      { numRuns: 60, seed: 5, interruptAfterTimeLimit: 20_000 },
    );
  });

  test('an operation waits for the insert of its key, and others overtake it', () => {
    const workload = open(['0,a,1,5,1,set,0', '1,a,1,6,1,set,0', '2,b,1,7,1,set,0']);
    const source = workload.run({ index: 0, of: 1 });
    const [first, second, third] = [emptyOperation(), emptyOperation(), emptyOperation()];
    source.next(first);
    source.next(second);
    expect([first, second].map(short)).toEqual(['insert a 5', 'insert b 7']);
    source.done?.(first);
    source.next(third);
    expect(short(third)).toBe('update a 6');
  });
});

test('no more than a bounded number of operations waits', () => {
  const sets = Array.from({ length: 1200 }, (_, i) => `${i},hot,3,${i + 1},1,set,0`);
  const source = open(sets).run({ index: 0, of: 1 });
  const [first, second] = [emptyOperation(), emptyOperation()];
  source.next(first);
  // The insert never ends: the oldest of 1025 goes ahead.
  source.next(second);
  expect([first, second].map(short)).toEqual(['insert hot 1', 'update hot 2']);
});

describe('the table of keys', () => {
  test('tells keys apart while it grows', () => {
    const keys = new TraceKeys(100_000);
    const names = Array.from({ length: 20_000 }, (_, i) => `key:${i}`);
    for (const [i, name] of names.entries()) keys.setValueBytes(keys.slotOf(name), i);
    expect(keys.count).toBe(20_000);
    for (const [i, name] of names.entries()) expect(keys.valueBytes(keys.slotOf(name))).toBe(i);
  });

  test('says what to do when it is full', () => {
    expect(() => open(twitter, { tracekeysmax: '2' })).toThrow(
      /more than 2 distinct keys.*-p limit/,
    );
  });

  test('long keys stay different', () => {
    const long = 'y'.repeat(255);
    const texts = new Set([`${long}1`, `${long}2`, long].map((key) => storedKey(key, 0).text));
    expect(texts.size).toBe(3);
  });
});
