import { FarsideError } from '../core/errors.ts';
import { parseJson } from '../core/json.ts';
import { keyBytesMax } from '../core/key.ts';
import { didYouMean } from '../core/nearest.ts';

/**
 * Numbers with their weights: sizes that are taken as they are, or ends of ranges that are drawn
 * within.
 */
export interface SizeTable {
  /** As many as `weights` for single sizes; one more for ranges `[sizes[i], sizes[i + 1])`. */
  readonly sizes: readonly number[];
  readonly weights: readonly number[];
}

/** What a CacheBench `test_config` says about its operations. */
export interface CacheBenchConfig {
  readonly numKeys: number;
  readonly lookaside: boolean;
  /** Weights; they need not add up to 1. */
  readonly ratios: Readonly<Record<RatioName, number>>;
  /** Undefined: a bell around the middle key. */
  readonly popularity: { readonly sizes: number[]; readonly weights: number[] } | undefined;
  readonly keySizes: SizeTable;
  readonly valueSizes: SizeTable;
  readonly warnings: readonly string[];
}

const ratioNames = [
  'getRatio',
  'setRatio',
  'delRatio',
  'addChainedRatio',
  'loneGetRatio',
  'loneSetRatio',
  'updateRatio',
  'couldExistRatio',
] as const;
export type RatioName = (typeof ratioNames)[number];

/** Names of `test_config` that say how CacheBench runs, and nothing about the operations. */
const harness = ['generator', 'numOps', 'numThreads', 'name', 'checkConsistency'];

const understood = [
  ...ratioNames,
  ...harness,
  'numKeys',
  'enableLookaside',
  'popDistFile',
  'popularityBuckets',
  'popularityWeights',
  'keySizeRange',
  'keySizeRangeProbability',
  'valSizeDistFile',
  'valSizeRange',
  'valSizeRangeProbability',
  'poolDistributions',
];

type Json = Readonly<Record<string, unknown>>;

/** `readFile` gives the text of `popDistFile` and `valSizeDistFile`, named relative to `file`. */
export function readCacheBench(
  file: string,
  text: string,
  readFile: (name: string) => string,
): CacheBenchConfig {
  const whole = parseObject(file, text);
  const test = { ...section(file, whole), ...onlyPool(file, section(file, whole)) };
  if (test.generator !== undefined && !['online', 'workload'].includes(String(test.generator))) {
    throw new FarsideError(
      'FARSIDE_UNSUPPORTED',
      `${file}: generator = ${JSON.stringify(test.generator)}: expected online or workload; ` +
        'give the trace itself as the workload to replay it',
    );
  }
  const beside = (name: string): Json => {
    const other = test[name];
    if (other === undefined) return test;
    if (typeof other !== 'string') throw wrong(file, name, other, 'the name of a file');
    return { ...test, ...parseObject(other, readFile(other)) };
  };
  const popularity = beside('popDistFile');
  const ratios = Object.fromEntries(
    ratioNames.map((name) => [name, number(file, test, name, 0)]),
  ) as Record<RatioName, number>;
  if (!Object.values(ratios).some((ratio) => ratio > 0)) {
    throw wrong(file, 'getRatio', test.getRatio, 'at least one ratio above 0');
  }
  return {
    numKeys: number(file, test, 'numKeys', 1),
    lookaside: test.enableLookaside === true,
    ratios,
    popularity:
      popularity.popularityBuckets === undefined
        ? undefined
        : {
            sizes: numbers(file, popularity, 'popularityBuckets'),
            weights: sameLength(file, popularity, 'popularityWeights', 'popularityBuckets'),
          },
    keySizes: table(file, test, 'keySizeRange', keyBytesMax + 1),
    valueSizes: table(file, beside('valSizeDistFile'), 'valSizeRange', Number.MAX_SAFE_INTEGER),
    warnings: unknownNames(file, test),
  };
}

function section(file: string, whole: Json): Json {
  const test = whole.test_config;
  if (isObject(test)) return test;
  throw wrong(file, 'test_config', test, 'an object: is this a CacheBench configuration?');
}

function onlyPool(file: string, test: Json): Json {
  const pools = test.poolDistributions;
  if (pools === undefined) return {};
  if (Array.isArray(pools) && pools.length === 1 && isObject(pools[0])) return pools[0];
  throw new FarsideError(
    'FARSIDE_UNSUPPORTED',
    `${file}: poolDistributions: expected one pool; a store here has no pools`,
  );
}

function table(file: string, from: Json, name: string, sizeMax: number): SizeTable {
  const sizes = numbers(file, from, name);
  const weights = numbers(file, from, `${name}Probability`);
  const ranges = sizes.length === weights.length + 1;
  if (!ranges && sizes.length !== weights.length) {
    throw wrong(file, `${name}Probability`, weights.length, `${sizes.length} or one fewer numbers`);
  }
  if (sizes.some((size) => size > sizeMax)) {
    throw wrong(file, name, Math.max(...sizes), `sizes of at most ${sizeMax}`);
  }
  if (ranges && sizes.some((size, i) => i > 0 && size < (sizes[i - 1] as number))) {
    throw wrong(file, name, sizes.slice(0, 8), 'ends of ranges in increasing order');
  }
  return { sizes, weights };
}

function sameLength(file: string, from: Json, name: string, other: string): number[] {
  const list = numbers(file, from, name);
  const expected = numbers(file, from, other).length;
  if (list.length === expected) return list;
  throw wrong(file, name, list.length, `${expected} numbers, as many as in ${other}`);
}

function numbers(file: string, from: Json, name: string): number[] {
  const list = from[name];
  const good = (item: unknown): item is number =>
    typeof item === 'number' && item >= 0 && Number.isFinite(item);
  if (Array.isArray(list) && list.every(good) && list.some((item) => item > 0)) return list;
  throw wrong(file, name, list, 'a list of numbers of 0 or more, not all 0');
}

function number(file: string, from: Json, name: string, least: number): number {
  const value = from[name] ?? least;
  if (typeof value === 'number' && value >= least && Number.isFinite(value)) return value;
  throw wrong(file, name, value, `a number of at least ${least}`);
}

function unknownNames(file: string, test: Json): string[] {
  return Object.keys(test)
    .filter((name) => !understood.includes(name))
    .map((name) => `${file}: ${name} has no effect here${didYouMean(name, understood)}`);
}

function wrong(file: string, name: string, got: unknown, expected: string): FarsideError {
  const shown = got === undefined ? 'is missing' : `= ${JSON.stringify(got)?.slice(0, 60)}`;
  return new FarsideError('FARSIDE_INPUT', `${file}: ${name} ${shown}: expected ${expected}`);
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseObject(file: string, text: string): Json {
  const parsed = parseJson(text, file);
  if (isObject(parsed)) return parsed;
  throw new FarsideError('FARSIDE_INPUT', `${file}: expected a JSON object`);
}
