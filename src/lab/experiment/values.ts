import { didYouMean } from '../../core/nearest.ts';
import { parseDestination } from '../../fabric/verbs/connect.ts';
import { parseHostPort } from '../host-port.ts';
import type { ParameterValue } from '../result.ts';

/**
 * How a parameter's value may be written, in an experiment file and on the command line alike.
 * `raw` is a YAML scalar or a flag's text; what comes out is always in the base unit: a plain
 * number, bytes, nanoseconds, operations per second.
 */
export type ValueKind =
  /** A whole number of things: `8`, `100k`, `1.5M`. */
  | { readonly type: 'count'; readonly minimum: number; readonly maximum: number }
  /** A size: `1000`, `4KiB`, `4kB`. */
  | { readonly type: 'bytes'; readonly minimum: number; readonly maximum: number }
  /** A time, always with its unit: `500ms`, `10s`, `2m`. */
  | { readonly type: 'duration' }
  /** Any number; `k`, `M`, `G` may follow. */
  | { readonly type: 'number'; readonly minimum?: number; readonly maximum?: number }
  | { readonly type: 'boolean' }
  | { readonly type: 'choice'; readonly choices: readonly string[] }
  | { readonly type: 'text' }
  /** Addresses with ports, one after another: a comma in it makes no axis. */
  | { readonly type: 'addresses' }
  /** A host, by name or address, and a port. */
  | { readonly type: 'hostPort' }
  /** A property of YCSB: kept as text, whatever scalar it was. */
  | { readonly type: 'property' };

export type Parsed = { readonly value: ParameterValue } | { readonly expected: string };

const decimalFactors: Readonly<Record<string, number>> = { '': 1, k: 1e3, K: 1e3, M: 1e6, G: 1e9 };

const byteFactors: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  kB: 1e3,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
};

const nanosecondFactors: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  min: 60e9,
  h: 3600e9,
};

export function parseValue(kind: ValueKind, raw: unknown): Parsed {
  const value = admitted(kind, raw);
  if (value !== undefined) return { value };
  const hint =
    kind.type === 'choice' && typeof raw === 'string' ? didYouMean(raw, kind.choices) : '';
  return { expected: expectation(kind) + hint + limitPassed(kind, raw) };
}

/** The largest value, for who passed one that a message does not name otherwise. */
function limitPassed(kind: ValueKind, raw: unknown): string {
  if (kind.type !== 'count' && kind.type !== 'bytes') return '';
  const value = scaled(raw, kind.type === 'count' ? decimalFactors : byteFactors);
  const isUnsaid = kind.maximum >= boundWorthSaying;
  return isUnsaid && value !== undefined && value > kind.maximum
    ? `, and at most ${kind.maximum}`
    : '';
}

function admitted(kind: ValueKind, raw: unknown): ParameterValue | undefined {
  switch (kind.type) {
    case 'count':
      return whole(scaled(raw, decimalFactors), kind);
    case 'bytes':
      return whole(scaled(raw, byteFactors), kind);
    case 'duration': {
      const durationNs = typeof raw === 'string' ? scaled(raw, nanosecondFactors) : undefined;
      return durationNs !== undefined && durationNs > 0 ? Math.round(durationNs) : undefined;
    }
    case 'number':
      return inRange(scaled(raw, decimalFactors), kind);
    case 'boolean':
      if (raw === 'true' || raw === 'false') return raw === 'true';
      return typeof raw === 'boolean' ? raw : undefined;
    case 'choice':
      return kind.choices.find((choice) => choice === raw);
    case 'text':
      return typeof raw === 'string' && raw !== '' ? raw : undefined;
    case 'addresses':
      return typeof raw === 'string' ? addresses(raw) : undefined;
    case 'hostPort':
      return typeof raw === 'string' && parseHostPort(raw) !== undefined ? raw : undefined;
    case 'property':
      return isScalar(raw) ? String(raw) : undefined;
  }
}

function addresses(text: string): string | undefined {
  const list = text.split(',').map((part) => part.trim());
  try {
    for (const one of list) parseDestination(one);
  } catch {
    return undefined;
  }
  return list.join(',');
}

/** `1.5M` with the factors of its unit; undefined where it is not a number with one of them. */
function scaled(raw: unknown, factors: Readonly<Record<string, number>>): number | undefined {
  if (typeof raw === 'number') return Number.isFinite(raw) ? raw : undefined;
  if (typeof raw !== 'string') return undefined;
  const match = /^([+-]?(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?)\s*([A-Za-zµ]*)$/.exec(
    raw.trim(),
  );
  const factor = match === null ? undefined : own(factors, match[2] as string);
  if (match === null || factor === undefined) return undefined;
  const value = Number((match[1] as string).replaceAll('_', '')) * factor;
  return Number.isFinite(value) ? value : undefined;
}

function own(factors: Readonly<Record<string, number>>, unit: string): number | undefined {
  return Object.hasOwn(factors, unit) ? factors[unit] : undefined;
}

interface Range {
  readonly minimum?: number;
  readonly maximum?: number;
}

function inRange(value: number | undefined, range: Range): number | undefined {
  if (value === undefined) return undefined;
  const { minimum = Number.NEGATIVE_INFINITY, maximum = Number.POSITIVE_INFINITY } = range;
  return value >= minimum && value <= maximum ? value : undefined;
}

function whole(value: number | undefined, range: Range): number | undefined {
  if (value === undefined) return undefined;
  // 1.1k is 1100.0000000000002 in binary: a count is whole when it is so to a part in 10^9.
  const rounded = Math.round(value);
  if (Math.abs(rounded - value) > Math.abs(value) * 1e-9) return undefined;
  return Number.isSafeInteger(rounded) ? inRange(rounded, range) : undefined;
}

export function isScalar(raw: unknown): raw is string | number | boolean {
  return typeof raw === 'string' || typeof raw === 'number' || typeof raw === 'boolean';
}

/** What a value of this kind looks like: the end of a message, and a column of the reference. */
export function expectation(kind: ValueKind): string {
  switch (kind.type) {
    case 'count':
      return `a whole number${rangeText(kind)}${kind.maximum < 1e5 ? '' : ', such as 8 or 100k'}`;
    case 'bytes':
      return `a size in bytes${rangeText(kind)}, such as 1000 or 4KiB`;
    case 'duration':
      return 'a time above 0 with its unit, such as 500ms, 10s or 2m';
    case 'number':
      return `a number${rangeText(kind)}`;
    case 'boolean':
      return 'true or false';
    case 'choice':
      return `one of ${kind.choices.join(', ')}`;
    case 'text':
      return 'a text';
    case 'addresses':
      return 'addresses with their ports, such as 10.0.0.5:7471,10.0.0.6:7471';
    case 'hostPort':
      return 'a host and a port, such as node0:7500 or 10.0.0.5:7500';
    case 'property':
      return 'a text, a number, true or false';
  }
}

/** Bounds from here on keep numbers exact and are of no help to a reader. */
const boundWorthSaying = 1e12;

function rangeText(range: Range): string {
  const isSaid = (bound: number | undefined) =>
    bound !== undefined && Math.abs(bound) < boundWorthSaying;
  const { minimum, maximum } = range;
  if (isSaid(minimum) && isSaid(maximum)) return ` from ${minimum} to ${maximum}`;
  if (isSaid(minimum)) return ` of at least ${minimum}`;
  return isSaid(maximum) ? ` of at most ${maximum}` : '';
}
