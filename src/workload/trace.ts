import type { RandomStream } from '../core/random.ts';
import { LineTolerance } from './line-errors.ts';
import { PropertyReader, type PropertySet, type PropertySpec } from './properties.ts';
import type { TraceFile } from './trace-events.ts';
import { traceKeysMax } from './trace-keys.ts';
import { scanTrace, type TraceFacts } from './trace-scan.ts';
import { TraceStream, type TraceStreamSpec } from './trace-stream.ts';
import type {
  OperationKind,
  OperationSource,
  Share,
  Workload,
  WorkloadWishes,
} from './workload.ts';

export const traceProperties: readonly PropertySpec[] = [
  {
    name: 'limit',
    type: 'integer',
    minimum: 1,
    summary: 'lines to replay, from the first; default: all',
  },
  {
    name: 'loadmissing',
    type: 'boolean',
    default: 'true',
    summary:
      'load keys that are asked for before they are set, as if they had been set before the ' +
      'trace began; false: such gets find nothing',
  },
  {
    name: 'tracespeed',
    type: 'number',
    minimum: 1e-9,
    maximum: 1e9,
    default: '1',
    summary: 'arrivals as recorded: how many times faster',
  },
  {
    name: 'timestampfactor',
    type: 'number',
    minimum: 1e-9,
    maximum: 1e12,
    default: '1',
    summary: 'ticks of the time stamps per second: 1000 for milliseconds',
  },
  {
    name: 'ampfactor',
    type: 'integer',
    minimum: 1,
    maximum: 10_000,
    default: '1',
    summary: 'copies of each operation, on keys of their own (`key#0`, `key#1`, …)',
  },
  {
    name: 'tracekeysmax',
    type: 'integer',
    minimum: 1,
    maximum: traceKeysMax,
    default: '10000000',
    summary: 'distinct keys at most; each costs up to 32 bytes in every process',
  },
  {
    name: 'valuebytes',
    type: 'integer',
    minimum: 1,
    maximum: 32768,
    summary: 'bytes of every value, instead of the recorded sizes (`--value-bytes`)',
  },
  {
    name: 'dataintegrity',
    type: 'boolean',
    default: 'false',
    summary: 'values that can be judged: every read checks that its value is one of its key',
  },
];

/**
 * A recorded trace. Opening it reads it once (`scanTrace`); the load phase reads it again for the
 * keys that must be there before it begins, and the run phase replays it. It is never held in
 * memory. One object serves one run at a time.
 */
export class TraceWorkload implements Workload {
  readonly name: string;
  readonly summary: string;
  readonly kinds: readonly OperationKind[];
  readonly recordCount: number;
  readonly keysMax: number;
  readonly keyBytesMax: number;
  readonly valueBytesMax: number;
  readonly valueBytesMean: number;
  readonly dataIntegrity: boolean;
  readonly asked: WorkloadWishes;
  readonly hasTimes: boolean;
  readonly parted = true;
  readonly warnings: readonly string[];
  readonly skippedLines: number;
  readonly #stream: TraceStreamSpec;
  #load: TraceStream;
  #run: TraceStream;

  constructor(name: string, file: TraceFile, set: PropertySet, badLinesMax: number) {
    const reader = new PropertyReader(traceProperties, set);
    const linesMax = reader.has('limit') ? reader.integer('limit') : Number.POSITIVE_INFINITY;
    const reading = { linesMax, amplify: reader.integer('ampfactor') };
    const loadMissing = reader.flag('loadmissing');
    const keysMax = reader.integer('tracekeysmax');
    const valueBytes = reader.has('valuebytes') ? reader.integer('valuebytes') : undefined;
    const speed = reader.number('tracespeed');
    const ticksPerS = reader.number('timestampfactor');
    this.dataIntegrity = reader.flag('dataintegrity');
    const tolerance = new LineTolerance(badLinesMax);
    const facts = scanTrace(file, { reading, keysMax, loadMissing }, tolerance);
    this.name = name;
    this.kinds = facts.kinds;
    this.recordCount = facts.toLoad;
    this.keysMax = Math.max(1, facts.keys.count);
    this.keyBytesMax = facts.keyBytesMax;
    this.valueBytesMax = valueBytes ?? facts.valueBytesMax;
    this.valueBytesMean = valueBytes ?? facts.valueBytesMean;
    this.hasTimes = file.format.hasTimes;
    this.asked = {
      operations: facts.operations,
      durationNs: undefined,
      targetOpsPerS: undefined,
    };
    this.skippedLines = tolerance.skipped;
    this.warnings = [...reader.warnings, ...tolerance.warnings, ...clipping(facts)];
    this.#stream = { file, reading, facts, badLinesMax, ticksPerS, speed, valueBytes };
    this.#load = new TraceStream(this.#stream, 'load');
    this.#run = new TraceStream(this.#stream, 'run');
    this.summary =
      `${file.format.name} trace: ${facts.operations} operations on ${facts.keys.count} keys, ` +
      `${facts.toLoad} of them loaded before; values of ` +
      (valueBytes === undefined
        ? `${Math.round(facts.valueBytesMean)} B in the mean`
        : `${valueBytes} B`);
  }

  load(share: Share): OperationSource {
    if (this.#load.begun) this.#load = new TraceStream(this.#stream, 'load');
    return this.#load.join(share);
  }

  run(share: Share, _random?: RandomStream, operationsMax?: number): OperationSource {
    if (this.#run.begun) this.#run = new TraceStream(this.#stream, 'run');
    return this.#run.join(share, operationsMax);
  }
}

function clipping({ clipped, operations }: TraceFacts): string[] {
  if (clipped === 0) return [];
  return [`${clipped} of ${operations} values are longer than 32768 bytes, and clipped`];
}
