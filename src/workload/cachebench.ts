import { FarsideError } from '../core/errors.ts';
import type { RandomStream } from '../core/random.ts';
import type { CacheBenchConfig, SizeTable } from './cachebench-config.ts';
import { CacheBenchRecords } from './cachebench-records.ts';
import { Bell } from './distributions/bell.ts';
import { Buckets } from './distributions/buckets.ts';
import type { Distribution } from './distributions/distribution.ts';
import { Weighted } from './distributions/weighted.ts';
import { PropertyReader, type PropertySet, type PropertySpec } from './properties.ts';
import type { OperationKind, OperationSource, Share, Workload } from './workload.ts';
import { recordCountMax } from './ycsb-properties.ts';

/** Records where neither the configuration nor the user asks for fewer. */
const recordCountDefault = 100_000;

export const cacheBenchProperties: readonly PropertySpec[] = [
  {
    name: 'recordcount',
    type: 'integer',
    minimum: 1,
    maximum: recordCountMax,
    summary:
      'records to scale the popularity to (`--keys`); default: numKeys, but at most ' +
      `${recordCountDefault}`,
  },
  {
    name: 'loneget',
    type: 'choice',
    choices: ['miss', 'uniform'],
    default: 'miss',
    summary:
      'a lone get asks for a key that nobody else asks for: `miss` reads a key that is not ' +
      'there, `uniform` a record of the tail',
  },
  {
    name: 'valuebytes',
    type: 'integer',
    minimum: 1,
    maximum: 32768,
    summary: 'bytes of every value, instead of the measured sizes (`--value-bytes`)',
  },
  {
    name: 'dataintegrity',
    type: 'boolean',
    default: 'false',
    summary: 'values that can be judged: every read checks that its value is one of its key',
  },
];

type LoneGet = 'miss' | 'uniform';

/**
 * A CacheBench configuration on a store. A store keeps what it is given, so the load phase inserts
 * every record and nothing is evicted: a get finds its key unless a `delRatio` deleted it, and
 * then, with `enableLookaside`, the client fills it in again, as it would after a miss in a cache.
 * Sizes of keys and values are fixed per record, as CacheBench does it; values are clipped to what
 * a store takes.
 */
export class CacheBenchWorkload implements Workload {
  readonly name: string;
  readonly summary: string;
  readonly kinds: readonly OperationKind[];
  readonly recordCount: number;
  readonly keysMax: number;
  readonly keyBytesMax: number;
  readonly valueBytesMax: number;
  readonly valueBytesMean: number;
  readonly dataIntegrity: boolean;
  readonly warnings: readonly string[];
  readonly skippedLines = 0;
  readonly #config: CacheBenchConfig;
  readonly #records: CacheBenchRecords;
  readonly #loneGet: LoneGet;
  readonly #popularity: Distribution;
  readonly #operations: Weighted;

  constructor(name: string, config: CacheBenchConfig, set: PropertySet) {
    const reader = new PropertyReader(cacheBenchProperties, set);
    const { ratios } = config;
    if (ratios.loneSetRatio > 0) {
      throw new FarsideError(
        'FARSIDE_UNSUPPORTED',
        `${name}: loneSetRatio: each such operation adds a key, and a store evicts nothing`,
      );
    }
    this.name = name;
    this.#config = config;
    this.recordCount = reader.has('recordcount')
      ? reader.integer('recordcount')
      : Math.min(Math.floor(config.numKeys), recordCountDefault);
    this.keysMax = this.recordCount;
    const constantBytes = reader.has('valuebytes') ? reader.integer('valuebytes') : undefined;
    const values: SizeTable =
      constantBytes === undefined ? config.valueSizes : { sizes: [constantBytes], weights: [1] };
    this.#records = new CacheBenchRecords(this.recordCount, config.keySizes, values);
    this.keyBytesMax = this.#records.keyBytesMax;
    this.valueBytesMax = this.#records.values.bytesMax;
    this.valueBytesMean = this.#records.values.bytesMean;
    this.dataIntegrity = reader.flag('dataintegrity');
    this.#loneGet = reader.choice<LoneGet>('loneget');
    const { popularity } = config;
    this.#popularity =
      popularity === undefined
        ? new Bell(this.recordCount)
        : new Buckets(this.recordCount, popularity.sizes, popularity.weights);
    this.#operations = new Weighted(actions.map((action) => weightOf(action, ratios)));
    this.kinds = kindsOf(config);
    this.warnings = [...reader.warnings, ...config.warnings, ...this.#records.values.warnings];
    this.summary =
      `CacheBench: ${this.#mixSummary()}; popularity of ${this.recordCount} records ` +
      `as measured over ${config.numKeys} keys; values of ` +
      (constantBytes === undefined ? 'the sizes measured' : `${constantBytes} B`);
  }

  load(share: Share): OperationSource {
    this.#records.reset();
    let record = share.index;
    return {
      next: (into) => {
        if (record >= this.recordCount) return false;
        this.#records.fill(into, 'insert', record);
        record += share.of;
        return true;
      },
    };
  }

  run(share: Share, random: RandomStream): OperationSource {
    const records = this.#records;
    const { lookaside } = this.#config;
    let lone = 0;
    /** A record that was read and known to be absent: filled in next. */
    let refill = -1;
    return {
      next: (into) => {
        if (refill >= 0) {
          records.fill(into, 'insert', refill);
          refill = -1;
          return true;
        }
        const action = actions[this.#operations.next(random)] as Action;
        if (action === 'loneget' && this.#loneGet === 'miss') {
          records.fillUnknown(into, `${share.index}-${lone++}`);
          return true;
        }
        const record =
          action === 'loneget' ? random.below(this.recordCount) : this.#popularity.next(random);
        const absent = records.isAbsent(record);
        if (action === 'delete') records.fill(into, 'delete', record);
        else if (action === 'write') records.fill(into, absent ? 'insert' : 'update', record);
        else {
          records.fill(into, 'read', record);
          if (absent && lookaside) refill = record;
        }
        return true;
      },
      done: (operation) => records.ended(operation),
    };
  }

  #mixSummary(): string {
    const weights = actions.map((action) => weightOf(action, this.#config.ratios));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const words = { get: 'read', loneget: 'lone read', write: 'update', delete: 'delete' } as const;
    return actions
      .map((action, i) => ({ action, share: (weights[i] as number) / total }))
      .filter(({ share }) => share > 0)
      .map(({ action, share }) => `${Number((share * 100).toPrecision(3))} % ${words[action]}`)
      .join(', ');
  }
}

const actions = ['get', 'loneget', 'write', 'delete'] as const;
type Action = (typeof actions)[number];

/** A chained item is one more write to its parent's key; `couldExist` looks a key up like a get. */
function weightOf(action: Action, ratios: CacheBenchConfig['ratios']): number {
  switch (action) {
    case 'get':
      return ratios.getRatio + ratios.couldExistRatio;
    case 'loneget':
      return ratios.loneGetRatio;
    case 'write':
      return ratios.setRatio + ratios.updateRatio + ratios.addChainedRatio;
    case 'delete':
      return ratios.delRatio;
  }
}

function kindsOf({ ratios, lookaside }: CacheBenchConfig): OperationKind[] {
  const reads = weightOf('get', ratios) + weightOf('loneget', ratios) > 0;
  const writes = weightOf('write', ratios) > 0;
  const deletes = ratios.delRatio > 0;
  const kinds: OperationKind[] = [];
  if (reads) kinds.push('read');
  if (writes) kinds.push('update');
  if (deletes && (writes || (reads && lookaside))) kinds.push('insert');
  if (deletes) kinds.push('delete');
  return kinds;
}
