import { FarsideError } from '../core/errors.ts';
import { keyBytesMax, keyOf } from '../core/key.ts';
import type { RandomStream } from '../core/random.ts';
import { KeyCache } from './key-cache.ts';
import { LineTolerance } from './line-errors.ts';
import { KindChooser, type Mix, mixSummary, readMix } from './mix.ts';
import { PropertyReader, type PropertySet, type PropertySpec } from './properties.ts';
import type { Operation, OperationKind, OperationSource, Share, Workload } from './workload.ts';
import { recordCountMax } from './ycsb-properties.ts';

/** The keys of one file, in its order. */
export interface KeyFile {
  readonly name: string;
  readonly text: string;
}

/** Keys of all files together. */
const keysListedMax = 2 ** 25;

const proportion = { type: 'number', minimum: 0 } as const;

export const keyListProperties: readonly PropertySpec[] = [
  { ...proportion, name: 'readproportion', default: '0.5', summary: 'share of reads' },
  { ...proportion, name: 'updateproportion', default: '0.5', summary: 'share of updates' },
  {
    ...proportion,
    name: 'readmodifywriteproportion',
    default: '0',
    summary: 'share of reads followed by an update of the same key',
  },
  {
    name: 'recordcount',
    type: 'integer',
    minimum: 1,
    maximum: recordCountMax,
    summary: 'keys 1 to recordcount are loaded (`--keys`); default: up to the largest in the files',
  },
  {
    name: 'passes',
    type: 'integer',
    minimum: 0,
    default: '0',
    summary: 'times that each client goes through its keys; 0: for ever',
  },
  {
    name: 'valuebytes',
    type: 'integer',
    minimum: 1,
    maximum: 32768,
    default: '1024',
    summary: 'bytes of every value (`--value-bytes`)',
  },
  { name: 'keyprefix', type: 'text', default: '', summary: 'what keys begin with' },
  {
    name: 'dataintegrity',
    type: 'boolean',
    default: 'false',
    summary: 'values that can be judged: every read checks that its value is one of its key',
  },
];

/**
 * Key sequences as the pDPM authors fed their stores: one integer from 1 a line. Each client asks
 * for the keys of one file in their order, reading or updating by the proportions; several files
 * are several clients' sequences. Clients that share a file take its keys in turn, and a client
 * with several files takes one after the other, so that every key is asked for once in a pass.
 */
export class KeyListWorkload implements Workload {
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
  readonly skippedLines: number;
  readonly #lists: readonly Uint32Array[];
  readonly #keys: KeyCache;
  readonly #mix: Mix;
  readonly #kinds: KindChooser;
  readonly #passes: number;

  constructor(name: string, files: readonly KeyFile[], set: PropertySet, badLinesMax: number) {
    const reader = new PropertyReader(keyListProperties, set);
    const tolerance = new LineTolerance(badLinesMax);
    this.name = name;
    this.#lists = files.map((file) => parseKeys(file, tolerance));
    const { mix, warnings } = readMix(reader, ['read', 'update', 'readmodifywrite']);
    this.#mix = mix;
    this.#kinds = new KindChooser(mix);
    this.#passes = reader.integer('passes');
    const largest = this.#lists.reduce(
      (most, list) => list.reduce((a, b) => Math.max(a, b), most),
      0,
    );
    this.recordCount = reader.has('recordcount') ? reader.integer('recordcount') : largest;
    if (this.recordCount < largest) {
      reader.fail('recordcount', `at least the largest key, ${largest}`);
    }
    this.kinds = mix.map(({ kind }) => kind);
    this.keysMax = this.recordCount;
    const prefix = reader.text('keyprefix');
    this.keyBytesMax = prefix.length + String(this.recordCount).length;
    if (this.keyBytesMax > keyBytesMax)
      reader.fail('keyprefix', `keys within ${keyBytesMax} bytes`);
    this.valueBytesMax = reader.integer('valuebytes');
    this.valueBytesMean = this.valueBytesMax;
    this.dataIntegrity = reader.flag('dataintegrity');
    this.#keys = new KeyCache(this.recordCount + 1, (number) => keyOf(prefix + number));
    this.skippedLines = tolerance.skipped;
    this.warnings = [...reader.warnings, ...warnings, ...tolerance.warnings];
    this.summary = this.#summarize();
  }

  load(share: Share): OperationSource {
    let number = share.index + 1;
    return {
      next: (into) => {
        if (number > this.recordCount) return false;
        this.#fill(into, 'insert', number);
        number += share.of;
        return true;
      },
    };
  }

  run(share: Share, random: RandomStream): OperationSource {
    const lists = this.#lists.length;
    const mine = share.of <= lists ? this.#filesOf(share) : [share.index % lists];
    // Clients beyond the number of files share them: which turn is this one's, of how many.
    const turn = share.of <= lists ? 0 : Math.floor(share.index / lists);
    const turns = share.of <= lists ? 1 : Math.ceil((share.of - (share.index % lists)) / lists);
    let passes = 0;
    let file = 0;
    let at = turn;
    const list = (): Uint32Array => this.#lists[mine[file] as number] as Uint32Array;
    return {
      next: (into) => {
        while (at >= list().length) {
          // Fewer keys than clients that share them: nothing for this one.
          if (turn >= list().length) return false;
          at = turn;
          file++;
          if (file < mine.length) continue;
          file = 0;
          passes++;
          if (passes === this.#passes) return false;
        }
        this.#fill(into, this.#kinds.next(random), list()[at] as number);
        at += turns;
        return true;
      },
    };
  }

  #filesOf(share: Share): number[] {
    return [...this.#lists.keys()].filter((i) => i % share.of === share.index);
  }

  #fill(into: Operation, kind: OperationKind, number: number): void {
    into.kind = kind;
    into.key = this.#keys.at(number);
    into.valueBytes = kind === 'read' ? 0 : this.valueBytesMax;
    into.scanLength = 0;
    into.atNs = 0;
  }

  #summarize(): string {
    const listed = this.#lists.reduce((sum, list) => sum + list.length, 0);
    const files = this.#lists.length === 1 ? '1 file' : `${this.#lists.length} files`;
    return (
      `key sequence: ${mixSummary(this.#mix)}; ${listed} keys in ${files}, of ` +
      `${this.recordCount} records; values of ${this.valueBytesMax} B`
    );
  }
}

function parseKeys(file: KeyFile, tolerance: LineTolerance): Uint32Array {
  const keys: number[] = [];
  for (const [i, line] of file.text.split('\n').entries()) {
    const text = line.trim();
    if (text === '') continue;
    const key = Number(text);
    if (!/^\d+$/.test(text) || key < 1 || key > recordCountMax) {
      tolerance.bad(`${file.name}:${i + 1}`, 'key', text, `an integer from 1 to ${recordCountMax}`);
      continue;
    }
    keys.push(key);
  }
  if (keys.length === 0) throw new FarsideError('FARSIDE_INPUT', `${file.name}: no keys in it`);
  if (keys.length > keysListedMax) {
    throw new FarsideError('FARSIDE_LIMIT', `${file.name}: more than ${keysListedMax} keys`);
  }
  return Uint32Array.from(keys);
}
