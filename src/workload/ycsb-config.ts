import { keyBytesMax } from '../core/key.ts';
import type { Distribution, Population } from './distributions/distribution.ts';
import { Exponential } from './distributions/exponential.ts';
import { Hotspot } from './distributions/hotspot.ts';
import { Latest } from './distributions/latest.ts';
import { ScatteredZipfian } from './distributions/scattered-zipfian.ts';
import { Sequential } from './distributions/sequential.ts';
import { Uniform } from './distributions/uniform.ts';
import { YcsbScrambled } from './distributions/ycsb-scrambled.ts';
import { lengthHistogram } from './length-histogram.ts';
import { type Mix, readMix } from './mix.ts';
import { PropertyReader, type PropertySet } from './properties.ts';
import { type RecordNaming, recordKeyBytesMax } from './record-name.ts';
import {
  constantLength,
  fieldsLength,
  refuseTooLong,
  uniformLength,
  type ValueLength,
  zipfianLength,
} from './value-length.ts';
import type { WorkloadWishes } from './workload.ts';
import { ycsbProperties } from './ycsb-properties.ts';

export type RequestDistributionName =
  | 'uniform'
  | 'zipfian'
  | 'ycsb-scrambled'
  | 'latest'
  | 'hotspot'
  | 'sequential'
  | 'exponential';

/** A YCSB core workload, decided. */
export interface YcsbConfig {
  readonly mix: Mix;
  /** Number of the first record that the run phase inserts. */
  readonly recordCount: number;
  readonly loadedFrom: number;
  readonly loaded: number;
  /** Inserts that the run phase is expected to make, times two: YCSB's own margin. */
  readonly insertsForeseen: number;
  /** With some room for short runs. */
  readonly insertsMax: number;
  readonly naming: RecordNaming;
  readonly valueLength: ValueLength;
  readonly scanLength: ValueLength;
  readonly requests: RequestConfig;
  readonly dataIntegrity: boolean;
  readonly asked: WorkloadWishes;
  readonly warnings: readonly string[];
}

export interface RequestConfig {
  readonly name: RequestDistributionName;
  readonly theta: number;
  readonly hotData: number;
  readonly hotOperations: number;
  readonly percentile: number;
  readonly fraction: number;
  readonly summary: string;
}

/** Checks every property: FARSIDE_USAGE or FARSIDE_INPUT, by where it was written. */
export function readYcsb(set: PropertySet): YcsbConfig {
  const reader = new PropertyReader(ycsbProperties, set);
  reader.choice('workload');
  const recordCount = reader.integer('recordcount');
  const loadedFrom = reader.integer('insertstart');
  const loaded = readLoaded(reader, recordCount, loadedFrom);
  const { mix, warnings } = readMix(reader, [
    'read',
    'update',
    'insert',
    'scan',
    'readmodifywrite',
  ]);
  const inserts = mix.find(({ kind }) => kind === 'insert')?.share ?? 0;
  const insertsForeseen = Math.floor(reader.integer('operationcount') * inserts * 2);
  const naming = readNaming(reader, recordCount);
  const valueLength = readValueLength(reader, set);
  return {
    mix,
    recordCount,
    loadedFrom,
    loaded,
    insertsForeseen,
    insertsMax: inserts === 0 ? 0 : insertsForeseen + 64,
    naming,
    valueLength,
    scanLength: readScanLength(reader),
    requests: readRequests(reader),
    dataIntegrity: reader.flag('dataintegrity'),
    asked: readWishes(reader),
    warnings: [...reader.warnings, ...warnings, ...fieldWarnings(reader)],
  };
}

export function requestDistribution(config: YcsbConfig, population: Population): Distribution {
  const { requests, loaded } = config;
  const foreseen = loaded + config.insertsForeseen;
  switch (requests.name) {
    case 'uniform':
      return new Uniform(loaded);
    case 'sequential':
      return new Sequential(loaded);
    case 'hotspot':
      return new Hotspot(loaded, requests.hotData, requests.hotOperations);
    // Over all records that may come to exist, so that an insert does not change who is popular;
    // the source draws again what does not exist yet.
    case 'zipfian':
      return new ScatteredZipfian(foreseen, requests.theta);
    case 'ycsb-scrambled':
      // One more than there are: YCSB takes the upper end as inclusive.
      return new YcsbScrambled(foreseen + 1);
    case 'latest':
      return new Latest(population, requests.theta);
    case 'exponential':
      return new Exponential(
        population,
        requests.percentile,
        requests.fraction,
        config.recordCount,
      );
  }
}

function readLoaded(reader: PropertyReader, recordCount: number, loadedFrom: number): number {
  if (loadedFrom >= recordCount)
    reader.fail('insertstart', `less than recordcount, ${recordCount}`);
  if (!reader.has('insertcount')) return recordCount - loadedFrom;
  const loaded = reader.integer('insertcount');
  if (loadedFrom + loaded > recordCount) {
    reader.fail('insertcount', `at most recordcount - insertstart = ${recordCount - loadedFrom}`);
  }
  return loaded;
}

function readNaming(reader: PropertyReader, recordCount: number): RecordNaming {
  const naming: RecordNaming = {
    prefix: reader.text('keyprefix'),
    hashed: reader.choice<'hashed' | 'ordered'>('insertorder') === 'hashed',
    zeroPadding: reader.integer('zeropadding'),
  };
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a key is a byte string
  if (!/^[\x00-\xff]*$/.test(naming.prefix)) reader.fail('keyprefix', 'bytes: Latin-1 characters');
  if (recordKeyBytesMax(recordCount, naming) > keyBytesMax - 16) {
    reader.fail('keyprefix', `a prefix that keeps keys within ${keyBytesMax} bytes`);
  }
  return naming;
}

function readValueLength(reader: PropertyReader, set: PropertySet): ValueLength {
  if (reader.has('valuebytes')) return constantLength(reader.integer('valuebytes'));
  const fields = reader.integer('fieldcount');
  const maximum = reader.integer('fieldlength');
  const advice = 'lower fieldcount or fieldlength, or set valuebytes';
  const varying = (make: (least: number, most: number) => ValueLength): ValueLength => {
    const minimum = reader.integer('minfieldlength');
    if (minimum > maximum) reader.fail('minfieldlength', `at most fieldlength, ${maximum}`);
    return make(minimum, maximum);
  };
  type Kind = 'constant' | 'uniform' | 'zipfian' | 'histogram';
  switch (reader.choice<Kind>('fieldlengthdistribution')) {
    case 'constant':
      return refuseTooLong(fieldsLength(fields, constantLength(maximum)), advice);
    case 'uniform':
      return refuseTooLong(fieldsLength(fields, varying(uniformLength)), advice);
    case 'zipfian':
      return refuseTooLong(fieldsLength(fields, varying(zipfianLength)), advice);
    case 'histogram': {
      const file = reader.text('fieldlengthhistogram');
      if (set.readFile === undefined) {
        return reader.fail('fieldlengthhistogram', 'no file: there are none in a page');
      }
      const length = lengthHistogram(file, set.readFile(file));
      return refuseTooLong(fieldsLength(fields, length), advice);
    }
  }
}

function readScanLength(reader: PropertyReader): ValueLength {
  const minimum = reader.integer('minscanlength');
  const maximum = reader.integer('maxscanlength');
  if (minimum > maximum) reader.fail('minscanlength', `at most maxscanlength, ${maximum}`);
  const zipfian = reader.choice<'uniform' | 'zipfian'>('scanlengthdistribution') === 'zipfian';
  return zipfian ? zipfianLength(minimum, maximum) : uniformLength(minimum, maximum);
}

function readRequests(reader: PropertyReader): RequestConfig {
  const name = reader.choice<RequestDistributionName>('requestdistribution');
  const theta = reader.number('zipfianconstant');
  const summaries: Readonly<Record<RequestDistributionName, string>> = {
    uniform: 'uniform',
    zipfian: `zipfian (exact, θ = ${theta})`,
    'ycsb-scrambled': 'ycsb-scrambled (as YCSB draws it, θ = 0.99 over 10^10 items, hashed)',
    latest: `latest (exact zipfian by age, θ = ${theta})`,
    hotspot: 'hotspot',
    sequential: 'sequential',
    exponential: 'exponential by age',
  };
  return {
    name,
    theta,
    hotData: reader.number('hotspotdatafraction'),
    hotOperations: reader.number('hotspotopnfraction'),
    percentile: reader.number('exponential.percentile'),
    fraction: reader.number('exponential.frac'),
    summary: summaries[name],
  };
}

function readWishes(reader: PropertyReader): WorkloadWishes {
  const seconds = reader.has('maxexecutiontime') ? reader.number('maxexecutiontime') : 0;
  const target = reader.has('target') ? reader.number('target') : 0;
  const operations = reader.has('operationcount') ? reader.integer('operationcount') : 0;
  return {
    operations: operations > 0 ? operations : undefined,
    durationNs: seconds > 0 ? seconds * 1e9 : undefined,
    targetOpsPerS: target > 0 ? target : undefined,
  };
}

function fieldWarnings(reader: PropertyReader): string[] {
  const warnings: string[] = [];
  if (!reader.flag('readallfields')) {
    warnings.push('readallfields=false: reads fetch whole values all the same');
  }
  if (!reader.flag('writeallfields')) {
    warnings.push('writeallfields=false: updates replace whole values all the same');
  }
  return warnings;
}
