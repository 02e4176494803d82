import { FarsideError } from '../core/errors.ts';
import { type Key, keyBytesMax } from '../core/key.ts';
import type { RandomStream } from '../core/random.ts';
import type { Distribution } from './distributions/distribution.ts';
import { KeyCache } from './key-cache.ts';
import { KindChooser, mixSummary } from './mix.ts';
import type { PropertySet } from './properties.ts';
import { RecordLog } from './record-log.ts';
import { recordKey, recordKeyBytesMax } from './record-name.ts';
import type { ValueLength } from './value-length.ts';
import type { Operation, OperationKind, OperationSource, Share, Workload } from './workload.ts';
import { readYcsb, requestDistribution, type YcsbConfig } from './ycsb-config.ts';

/**
 * The YCSB core workload. One object serves one run: it remembers what its clients have inserted,
 * until the next `load`. All clients of a process share its keys and that memory.
 */
export class YcsbWorkload implements Workload {
  readonly name: string;
  readonly summary: string;
  readonly kinds: readonly OperationKind[];
  readonly recordCount: number;
  readonly keysMax: number;
  readonly keyBytesMax: number;
  readonly valueBytesMax: number;
  readonly valueBytesMean: number;
  readonly dataIntegrity: boolean;
  readonly asked: YcsbConfig['asked'];
  readonly warnings: readonly string[];
  readonly skippedLines = 0;
  readonly #config: YcsbConfig;
  readonly #keys: KeyCache;
  readonly #log: RecordLog;
  #requests: Distribution;

  constructor(name: string, config: YcsbConfig) {
    this.name = name;
    this.kinds = config.mix.map(({ kind }) => kind);
    this.summary = summaryOf(config);
    this.recordCount = config.loaded;
    this.keysMax = config.loaded + config.insertsMax;
    this.valueBytesMax = config.valueLength.bytesMax;
    this.valueBytesMean = config.valueLength.bytesMean;
    this.dataIntegrity = config.dataIntegrity;
    this.asked = config.asked;
    this.warnings = config.warnings;
    const recordMax = config.recordCount + 2 ** 16 * config.insertsMax;
    this.keyBytesMax = Math.min(keyBytesMax, recordKeyBytesMax(recordMax, config.naming));
    this.#config = config;
    this.#keys = new KeyCache(this.keysMax, (record) => recordKey(record, config.naming));
    this.#log = new RecordLog({
      loadedFrom: config.loadedFrom,
      loaded: config.loaded,
      insertsFrom: config.recordCount,
      insertsMax: config.insertsMax,
    });
    this.#requests = requestDistribution(config, this.#log);
  }

  load(share: Share, random: RandomStream): OperationSource {
    this.#log.reset();
    this.#requests = requestDistribution(this.#config, this.#log);
    const { loaded, loadedFrom, valueLength } = this.#config;
    let index = share.index;
    return {
      next: (into) => {
        if (index >= loaded) return false;
        into.kind = 'insert';
        into.key = this.#keys.at(loadedFrom + index);
        into.valueBytes = valueLength.next(random);
        into.scanLength = 0;
        into.atNs = 0;
        index += share.of;
        return true;
      },
    };
  }

  run(share: Share, random: RandomStream): OperationSource {
    return new YcsbRun(this.#config, this.#keys, this.#log, this.#requests, share, random);
  }
}

/** A YCSB core workload from plain properties. */
export function ycsbWorkload(name: string, properties: PropertySet | Record<string, string>) {
  const set = isSet(properties) ? properties : { values: properties };
  return new YcsbWorkload(name, readYcsb(set));
}

/** A draw falls on a record that does not exist yet at most this often in a row. */
const redrawsMax = 1_000_000;

/** Inserts of one client that have begun and not ended. */
const pendingMax = 2 ** 20;

class YcsbRun implements OperationSource {
  readonly #keys: KeyCache;
  readonly #log: RecordLog;
  readonly #requests: Distribution;
  readonly #share: Share;
  readonly #random: RandomStream;
  readonly #kinds: KindChooser;
  readonly #valueLength: ValueLength;
  readonly #scanLength: ValueLength;
  readonly #pending = new Map<Key, number>();

  constructor(
    config: YcsbConfig,
    keys: KeyCache,
    log: RecordLog,
    requests: Distribution,
    share: Share,
    random: RandomStream,
  ) {
    this.#keys = keys;
    this.#log = log;
    this.#requests = requests;
    this.#share = share;
    this.#random = random;
    this.#kinds = new KindChooser(config.mix);
    this.#valueLength = config.valueLength;
    this.#scanLength = config.scanLength;
  }

  next(into: Operation): boolean {
    const kind = this.#kinds.next(this.#random);
    into.kind = kind;
    into.scanLength = 0;
    into.valueBytes = 0;
    into.atNs = 0;
    if (kind === 'insert') {
      into.key = this.#insertKey();
      into.valueBytes = this.#valueLength.next(this.#random);
      return true;
    }
    into.key = this.#keys.at(this.#log.recordAt(this.#existing()));
    if (kind === 'scan') into.scanLength = this.#scanLength.next(this.#random);
    else if (kind !== 'read') into.valueBytes = this.#valueLength.next(this.#random);
    return true;
  }

  done(operation: Operation): void {
    if (operation.kind !== 'insert') return;
    const record = this.#pending.get(operation.key);
    if (record === undefined) return;
    this.#pending.delete(operation.key);
    this.#log.acknowledge(record);
  }

  #insertKey(): Key {
    if (this.#pending.size === pendingMax) {
      throw new FarsideError('FARSIDE_LIMIT', `${pendingMax} inserts of one client have not ended`);
    }
    const record = this.#log.begin(this.#share);
    const key = this.#keys.at(record);
    this.#pending.set(key, record);
    return key;
  }

  #existing(): number {
    for (let i = 0; i < redrawsMax; i++) {
      const index = this.#requests.next(this.#random);
      if (index < this.#log.count) return index;
    }
    throw new FarsideError(
      'FARSIDE_LIMIT',
      `${redrawsMax} draws in a row fell on records that are not inserted yet: operationcount ` +
        'and insertproportion foresee far more inserts than recordcount has records',
    );
  }
}

function summaryOf(config: YcsbConfig): string {
  return (
    `YCSB: ${mixSummary(config.mix)}; ${config.requests.summary} over ${config.loaded} records; ` +
    `values of ${config.valueLength.summary}`
  );
}

function isSet(properties: PropertySet | Record<string, string>): properties is PropertySet {
  return typeof properties.values === 'object';
}
