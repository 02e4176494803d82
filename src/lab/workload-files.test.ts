import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'fflate';
import { afterAll, describe, expect, test } from 'vitest';
import { keyOf } from '../core/key.ts';
import { randomStream } from '../core/random.ts';
import type { Operation, Workload } from '../workload/workload.ts';
import { LineReader } from './line-reader.ts';
import type { WorkloadSpec } from './spec.ts';
import { openWorkload } from './workload-files.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'farside-workloads-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string | Uint8Array): string {
  const full = path.join(folder, name);
  writeFileSync(full, content);
  return full;
}

function spec(name: string, changes: Partial<WorkloadSpec> = {}): WorkloadSpec {
  const plain = { format: 'auto', properties: {}, skipBadLines: 0, dataIntegrity: false } as const;
  return { file: name, ...plain, ...changes };
}

describe('YCSB property files', () => {
  test.each([
    ['a', 'YCSB: 50 % read, 50 % update; zipfian (exact, θ = 0.99) over 1000 records'],
    ['b', 'YCSB: 95 % read, 5 % update; zipfian (exact, θ = 0.99) over 1000 records'],
    ['c', 'YCSB: 100 % read; zipfian (exact, θ = 0.99) over 1000 records'],
    ['d', 'YCSB: 95 % read, 5 % insert; latest (exact zipfian by age, θ = 0.99) over 1000 records'],
    ['e', 'YCSB: 5 % insert, 95 % scan; zipfian (exact, θ = 0.99) over 1000 records'],
    ['f', 'YCSB: 50 % read, 50 % readmodifywrite; zipfian (exact, θ = 0.99) over 1000 records'],
  ])('%s is the shipped one', (name, summary) => {
    const workload = openWorkload(spec(name));
    expect(workload.summary).toBe(`${summary}; values of 1000 B`);
    expect(workload.warnings).toEqual([]);
    expect(openWorkload(spec(`workload${name}`)).summary).toBe(workload.summary);
  });

  test('the command line wins over the file', () => {
    const properties = {
      recordcount: '77',
      requestdistribution: 'ycsb-scrambled',
      valuebytes: '64',
    };
    const workload = openWorkload(spec('a', { properties }));
    expect(workload.recordCount).toBe(77);
    expect(workload.summary).toMatch(/ycsb-scrambled .* over 77 records; values of 64 B/);
  });

  test('a wrong value names its line', () => {
    const name = file('bad', '# mine\nrecordcount = 5\nreadproportion=lots\n');
    expect(() => openWorkload(spec(name))).toThrow(
      `${name}:3: readproportion = "lots": expected a number of at least 0`,
    );
    const properties = { readproportion: 'none' };
    expect(() => openWorkload(spec(name, { properties }))).toThrow(/^-p: readproportion = "none"/);
  });

  test('an unknown name gets the nearest one', () => {
    expect(() => openWorkload(spec('worklodb'))).toThrow(/worklodb: .*; did you mean workloadb\?/);
  });
});

const random = randomStream(1, 'test');

function run(workload: Workload, index = 0, of = 1, atMost = 100_000): string[] {
  const source = workload.run({ index, of }, random);
  const seen: string[] = [];
  const operation: Operation = {
    kind: 'read',
    key: keyOf('?'),
    valueBytes: 0,
    scanLength: 0,
    atNs: 0,
  };
  while (seen.length < atMost && source.next(operation)) {
    seen.push(`${operation.kind} ${operation.key.text.replaceAll('\0', '')}`);
    source.done?.(operation);
  }
  return seen;
}

describe('key files', () => {
  const reads = { readproportion: '1', updateproportion: '0', passes: '1' };

  test('are replayed in order, one file a client', () => {
    mkdirSync(path.join(folder, 'keys'));
    file('keys/u0', '3\n1\n2\n');
    file('keys/u1', '7\n5\n');
    const workload = openWorkload(spec(path.join(folder, 'keys'), { properties: reads }));
    expect(workload.recordCount).toBe(7);
    expect(run(workload, 0, 2)).toEqual(['read 3', 'read 1', 'read 2']);
    expect(run(workload, 1, 2)).toEqual(['read 7', 'read 5']);
    expect(run(workload, 0, 1)).toEqual(['read 3', 'read 1', 'read 2', 'read 7', 'read 5']);
    const four = [0, 1, 2, 3].map((index) => run(workload, index, 4));
    expect(four).toEqual([['read 3', 'read 2'], ['read 7'], ['read 1'], ['read 5']]);
  });

  test('start again where passes allow', () => {
    const name = file('short', '1\n2\n');
    const properties = { ...reads, passes: '0' };
    expect(run(openWorkload(spec(name, { properties })), 0, 1, 5)).toHaveLength(5);
  });

  test('name a line that is no key', () => {
    const name = file('badkeys', '1\nx\n3\n');
    expect(() => openWorkload(spec(name))).toThrow(`${name}:2: key: got "x", expected an integer`);
    const tolerant = openWorkload(spec(name, { skipBadLines: 1 }));
    expect(tolerant.skippedLines).toBe(1);
    expect(tolerant.warnings?.[0]).toContain(`${name}:2`);
  });
});

const traceLines = Array.from({ length: 3000 }, (_, i) => `${i},k${i},6,10,1,set,0`);
const trace = `${traceLines.join('\n')}\n`;
const expected = traceLines.map((line) => `insert ${line.split(',')[1]}`);
const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));

/** A zstd frame of raw blocks: magic, a 1 MiB window, then blocks of at most `blockBytes`. */
function zstdFrame(content: Uint8Array, blockBytes = 10_000): Uint8Array {
  const parts: number[] = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x50];
  for (let at = 0; at < content.length; at += blockBytes) {
    const block = content.subarray(at, at + blockBytes);
    const last = at + blockBytes >= content.length ? 1 : 0;
    const head = (block.length << 3) | last;
    parts.push(head & 0xff, (head >>> 8) & 0xff, head >>> 16, ...block);
  }
  return Uint8Array.from(parts);
}

/** `zstd -19` of 1200 lines `<i / 10>,key:<i % 37>,8,<100 + i % 7>,1,get,0`, as base64. */
const realZstd =
  'KLUv/QRoZTwAWlFkCRPApdABRtM2/91tUm4pU0qcweGwlACPAI8Ae82mBk7IXPyyJMtgVx0FkuRkxotf' +
  's8EJT+rk0GlQFt940p1ztDXSInCGJTzNkkgKUhFRoAENwiCEZ5XxdijDrpXGsJiNTO5OV47RqA1Nwj6z' +
  'rB9NKclgnR4++OCDDz7gLGTziffODLsozC7zV49dMNraaQ7rjLL4xpPunIMsUoQZkd9uyRjECAIExkVw' +
  'tAAoCBhYBJM6OXQo8bH0ZGhwrZEWYTMT2T+dmc2I/HZLRnhTQpMHT4UPT4WPzlXaGWJG5LdLl3SDXnnk' +
  'hbbdx7L2dHQo4b1MDZyQcS5+zUbHCpogc2H0NEuyGKxVjWqhqmgdSnwsHZ0Or0WKMCPy2+0CGdFNCT14' +
  'Knx4yiEZLJIFERGRxYzIb7dkeFH7kISPpaejQ4kGRWHkLtuoa6UxLGYjk++eu5IMRg1J+Fh6OjqMYFEY' +
  'ucuoGoWRfS6DisLIXUYoCiP3lDFFYeSuMKRoYS6fe8bLFDwdSnwsPR1dixRhMiPy2y1v8g5+9dEXbnue' +
  'Cj+Hp8KH5yoxxIzI19stGV3UkISPpSdtlmRwr5nWMM5CwuOEzMWvuWp4rKAJMhe/ZoOjiQYyfuFNJ2QF' +
  'q4oqFIvy2y0ZMXKbynAUhZG7oRtOoq+Z1jDOQjafmFOSwRKSIBQKhUIZucvwi8LIXUZdIy3CZiayf/Za' +
  'lmywRYEkSZIkOXKXYReFBjdyl9EoCquZZf3oRUkkBamIKFCECBGCI3dwGWZRGHnHYxfcRKV2msM6oyxO' +
  'MUsy+Do9PB6Pz8hd2uGJeKgU8/dH/wKTjtOSGxSABdcCAAAYWAiYzIBwAAQe1gCxMhV396OY+FAZ4Uju' +
  'LolFhBHacMc7PpkcCVykKtMtDm+LLRi9oIeM4+1ycWS2ZTLxrQmj414UBfiM5Oo8rvvcy7ASchTN94Pf' +
  'wiI61BOb0Pmi1PcvqEjhGvRmvTekN8VF6vQxITKvPjuZ8ah+TJVT8ViGw+hY4J2He9wbdpV9JaFUPiqu' +
  'Shp9uPsCDRmGvyBT1vsuH69WpiXo/JESVSlQEp87xrcyV1Ld+CzjjVK4oNRqxNDjh96p9zEfugQuNhe0' +
  '3+3zSB11+PHSxRb3T8AjywV9KfvZGz9fhVGi37Gq8ADA63LOdSu1VQSBbeIbJ26xKzNcl//tJpZuERJV' +
  'lNG+3We0H8uNeSaxBBxtVCPrla1LZhXz5LfytJb2ESjMMxorq+J8HL1DdirGzuhvO5T7ePFMpPQAVCvu' +
  'LXwymUn4BxNafTwsV413Hp+21nlEqOnGnBnP5pTtCvnebPdgXSV1jht0KtKU2SJPH2awyonMJyp73QzR' +
  '6q4N/HERZT+7ZUlRrNOUenCcIpDUiuBgSDOD4GLzguCzJLoaA2llVPktfaQt5TYbQKdg50u01bXIcWSi' +
  'Mdo8FTw1DXEK1Hxp4dpg1SBO2cDovtRixHswq/rRZBvIj+G9Q6qa5ZfqRx/OxK1mlPLA71YbC7HydTP4' +
  'ciTO+eIaacPCSWh/R5MMyaeTjSD4zDaAfMOh0BaerelJ7pIh72Q1t2WHJiGfW7zx4rqEc082DKr7+dkt' +
  'pXcLFE9AWBxJlcMeGDDuC390+etiCHPbK+Q7s44hkNMjiSQJ6uhAiVvoaj7xuPlcMiUpPqU5yu3NgPYB' +
  'KY/5mDAJAvjYcnqlTO2BLKYNw735KOA3KMUg5OtBBBoZEStlhWkZdViipWTy5i23xf0vNpMLtFoDxVyx' +
  '55t0FVqB0qrlhdZ4R6pVO4palsr/qYjQ1gPJxccOvm20vAc8+Sybma5K73j0xB+dVOjmiW3ZOvyI6CAC' +
  'RdTtL1YU9WmTLBg7ppbcEJ8hRB7TldSx9I7B/mi5ySFxGMiwmdknZw6/wTG/z7LdI9VfzSOp8sBLtvaK' +
  'cS7yAsRdEB+cFdHQS62rYlo5BCh7xVSAlQ5Iq95rVTYBP6sMg2KNx4TXMk1WkFd8THVD7upduUMgvayq' +
  'mo2t6NvfEG3yfzH7hwR4P3Uu6CoKuHXonnYDEnXVPJ3IFpqljGe9PD006pPVuxVYvQs6FYbNlrxcO4+/' +
  'ua4BojDPzCdP42eGzAmpine2afSbgFIS3tq8eXFEa43WlN57TlIWlTX+tU8RomCTDqOvJ4BX+kHGDuYu' +
  'wwDTpzdr5bY4FQscqLEcVKIvurKP52KIXFWUn0alpQEqeRuWmQ90hsWSbsupMKso0yi3Az116UddmZ/u' +
  '+y4W0++elrPur7M53KN3GKrMMidnlqb3es4PGMEdcl5iGxQCO3NJtF87GOG9zH3plfFDiX7HW3IKrzy+' +
  'Z4FqVXbyfm/f0JM8FyMOMLXUc538Lwhn3N69GSjbaxhyc18CEu9Hc5dYl/I9yCOrWjWXnF/lWM0C775+' +
  '9cCNSirQxNsKmisINilPydxRRyDq2kPdPsiwKzQqy2qlIi7IQBuftC7yI1DTTuDP+UyjBEDHN4a5CaDE' +
  'Lz7pOZn3CzgEoOx/nZJpoO66VYj0epN/6b4/eotlNswYtRv8YW3LiPAC0Oj/CiBBbmi4wzVHGl6A/y4y' +
  'JehbX6FmsjN4YnAcv4+B2DsfRfsP4XUkew==';

describe('traces', () => {
  const half = bytes(trace).length >> 1;
  const cut = trace.lastIndexOf('\n', half) + 1;
  const two = (pack: (content: Uint8Array) => Uint8Array): Uint8Array =>
    Buffer.concat([pack(bytes(trace.slice(0, cut))), pack(bytes(trace.slice(cut)))]);

  test.each<[string, () => Uint8Array]>([
    ['plain.csv', () => bytes(trace)],
    ['no-newline.csv', () => bytes(trace.slice(0, -1))],
    ['windows.csv', () => bytes(trace.replaceAll('\n', '\r\n'))],
    ['one.csv.gz', () => gzipSync(bytes(trace))],
    ['two-members.csv.gz', () => two((content) => gzipSync(content))],
    ['one.csv.zst', () => zstdFrame(bytes(trace))],
    ['two-frames.csv.zst', () => two((content) => zstdFrame(content))],
    ['misnamed.csv', () => gzipSync(bytes(trace))],
  ])('%s is read to its end', (name, content) => {
    expect(run(openWorkload(spec(file(name, content()))))).toEqual(expected);
  });

  test('a compressed frame, as zstd itself writes it', () => {
    const name = file('real.csv.zst', Buffer.from(realZstd, 'base64'));
    const reader = new LineReader(name);
    for (let i = 0; i < 1200; i++) {
      expect(reader.next()).toBe(`${Math.floor(i / 10)},key:${i % 37},8,${100 + (i % 7)},1,get,0`);
    }
    expect(reader.next()).toBeUndefined();
    expect(openWorkload(spec(name)).recordCount).toBe(37);
  });

  test.each<[string, () => Uint8Array, RegExp]>([
    [
      'cut.csv.zst',
      () => zstdFrame(bytes(trace)).slice(0, -5000),
      /zstd data is truncated near byte \d+ of \d+, after line \d+/,
    ],
    [
      'cut.csv.gz',
      () => gzipSync(bytes(trace)).slice(0, -2000),
      /gzip data is truncated near byte \d+ of \d+/,
    ],
    ['no-trailer.csv.gz', () => gzipSync(bytes(trace)).slice(0, -4), /gzip data is truncated/],
    ['stub.csv.gz', () => gzipSync(bytes(trace)).slice(0, 12), /gzip data is truncated/],
    ['empty.csv.zst', () => new Uint8Array(0), /does not begin as a zstd file does/],
    ['stub.csv.zst', () => zstdFrame(bytes(trace)).slice(0, 7), /zstd data is truncated/],
  ])('%s says where it ends', (name, content, message) => {
    expect(() => openWorkload(spec(file(name, content())))).toThrow(message);
    expect(() => openWorkload(spec(file(name, content())))).toThrow(path.join(folder, name));
  });

  test('a byte changed in a gzip file is found', () => {
    const content = gzipSync(bytes(trace), { level: 0 });
    content[content.length >> 1] = 'X'.charCodeAt(0);
    const options = { skipBadLines: 3 };
    expect(() => openWorkload(spec(file('changed.csv.gz', content), options))).toThrow(/gzip data/);
  });

  test('a Meta trace is known by its header', () => {
    const name = file('meta.csv', 'key,op,size,op_count,key_size\na,GET,5,2,1\n');
    expect(run(openWorkload(spec(name)))).toEqual(['read a', 'read a']);
    const wrong = file('wrong.csv', 'who,what\n');
    expect(() => openWorkload(spec(wrong, { format: 'meta' }))).toThrow(
      /wrong.csv:1: got "who,what"/,
    );
    expect(() => openWorkload(spec(wrong))).toThrow(/wrong.csv: got "who,what" first: expected/);
  });

  test('properties of other formats are named', () => {
    const workload = openWorkload(
      spec(path.join(folder, 'plain.csv'), { properties: { recordcount: '5' } }),
    );
    expect(workload.warnings).toEqual(['-p: recordcount is no property of this workload, ignored']);
  });
});

describe('CacheBench configurations', () => {
  test.each([
    ['cachebench/kvcache_reg', 212.8],
    ['cachebench/graph_cache_leader_fbobj', 336.3],
  ])('%s is the shipped one', (name, mean) => {
    const workload = openWorkload(spec(name, { properties: { recordcount: '5000' } }));
    expect(workload.recordCount).toBe(5000);
    expect(workload.valueBytesMean).toBeCloseTo(mean, 0);
    expect(workload.valueBytesMax).toBe(32768);
    expect(workload.kinds).toEqual(['read']);
    expect(run(workload, 0, 1, 100)).toHaveLength(100);
    expect(
      workload.warnings?.some((warning) => /% of value sizes exceed 32768/.test(warning)),
    ).toBe(true);
  });

  test('that are not JSON name their line', () => {
    const name = file('broken.json', '{\n  "test_config": {\n    "getRatio": 1,,\n  }\n}\n');
    expect(() => openWorkload(spec(name))).toThrow(/broken.json:3: not JSON/);
  });
});
