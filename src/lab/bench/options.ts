import type { FabricKind } from '../../core/context.ts';
import { FarsideError } from '../../core/errors.ts';
import { threadLimits } from '../../fabric/verbs/limits.ts';

export const benchVerbs = ['read', 'write', 'cas', 'faa', 'flush'] as const;
export type BenchVerb = (typeof benchVerbs)[number];

/** What `farside bench` measures, in perftest's words. */
export interface BenchOptions {
  readonly verb: BenchVerb;
  readonly fabric: FabricKind;
  /** Bytes of each verb, a multiple of 8; an atomic has 8. */
  readonly sizeBytes: number;
  /** Queue pairs that the rate is measured over; latency is of one. */
  readonly queuePairs: number;
  /** Verbs outstanding on each queue pair. */
  readonly txDepth: number;
  /** Verbs posted together, in one doorbell. */
  readonly postList: number;
  /** Measured verbs of each queue pair. */
  readonly iterations: number;
  /** Both where neither was asked for alone. */
  readonly latency: boolean;
  readonly rate: boolean;
  /** `sim` only: the cost model. */
  readonly profile: string;
  /** `verbs` only: where `farside memory-node` listens; `fake` in tests. */
  readonly memory: string | undefined;
  /** `verbs` only, of `flush`: by what a WRITE is made durable. */
  readonly flushBy: 'flush' | 'read';
}

/** The region that a memory node of a benchmark serves; it is overwritten. */
export const benchRegion = 'bench';

const cacheLineBytes = 64;

/** Bytes from one outstanding verb's target to the next one's: a cache line of its own. */
export function strideBytes({ sizeBytes }: BenchOptions): number {
  return Math.ceil(sizeBytes / cacheLineBytes) * cacheLineBytes;
}

export function regionBytes(options: BenchOptions): number {
  return options.queuePairs * options.txDepth * strideBytes(options);
}

/** What the whole of the options cannot be, which no flag alone shows. FARSIDE_USAGE names the flags. */
export function checkBench(options: BenchOptions): void {
  const { verb, fabric, sizeBytes, txDepth, postList } = options;
  const refuse = (what: string): never => {
    throw new FarsideError('FARSIDE_USAGE', what);
  };
  if (sizeBytes % 8 !== 0) refuse(`--size ${sizeBytes}: expected a multiple of 8 bytes`);
  if ((verb === 'cas' || verb === 'faa') && sizeBytes !== 8) {
    refuse(`--size ${sizeBytes}: an atomic acts on 8 bytes; leave it out`);
  }
  if (txDepth % postList !== 0) {
    refuse(
      `--post-list ${postList}: expected a divisor of --tx-depth ${txDepth}, the verbs outstanding`,
    );
  }
  if (fabric === 'verbs') checkVerbs(options, refuse);
}

/** More outstanding than one thread has room for would wait in its ring, and not be outstanding. */
function checkVerbs(options: BenchOptions, refuse: (what: string) => never): void {
  const { verb, sizeBytes, queuePairs, txDepth } = options;
  const { ringVerbs, sendQueueVerbs, stagingBytes } = threadLimits;
  // A FLUSH rides behind its WRITE.
  const entries = verb === 'flush' ? 2 : 1;
  if (txDepth * entries > sendQueueVerbs) {
    refuse(
      `--tx-depth ${txDepth}: on verbs a queue pair has room for ${sendQueueVerbs / entries} ` +
        'outstanding; use more queue pairs (--qp)',
    );
  }
  if (txDepth * queuePairs * entries > ringVerbs) {
    refuse(
      `--qp ${queuePairs}: with --tx-depth ${txDepth} that is more than the ` +
        `${ringVerbs / entries} outstanding that one thread has on verbs; lower one of them`,
    );
  }
  // Pieces of staging come in powers of two.
  const piecesMax = stagingBytes / 2 ** Math.ceil(Math.log2(sizeBytes));
  if (txDepth * queuePairs > piecesMax) {
    refuse(
      `--size ${sizeBytes}: on verbs one thread has ${piecesMax} of these outstanding; ` +
        'lower --tx-depth or --qp',
    );
  }
}
