import { assert, FarsideError } from '../src/core/errors.ts';
import { type ProfileNumbers, profileSchema } from './profile-schema.ts';

/** One machine generation: what each resource costs, and where each number comes from. */
export interface Profile {
  readonly name: string;
  readonly summary: string;
  readonly numbers: ProfileNumbers;
  /** Path of a number (`pcie.readLatencyNs`) to where it comes from. */
  readonly sources: ReadonlyMap<string, string>;
}

type Schema = { readonly [key: string]: string | Schema };
type NumberTree = { [key: string]: number | NumberTree };

const schema = profileSchema as Schema;
const rateUnits = ['GB/s', 'Mverbs/s'];

/**
 * Checks a profile file that has been parsed as JSON: `{ name, summary, <group>: { <number>: { value,
 * unit, source } } }`. `origin` names the file in errors, which are FARSIDE_INPUT and name the number.
 */
export function parseProfile(raw: unknown, origin: string): Profile {
  const fail = (what: string): never => {
    throw new FarsideError('FARSIDE_INPUT', `${origin}: ${what}`);
  };
  if (!isRecord(raw)) return fail('a profile must be an object');
  const { name, summary, ...groups } = raw;
  if (typeof name !== 'string') return fail('`name` must be a string');
  if (typeof summary !== 'string') return fail('`summary` must be a string');
  const sources = new Map<string, string>();
  const numbers = parseGroup(groups, schema, '', { fail, sources });
  return { name, summary, numbers: numbers as unknown as ProfileNumbers, sources };
}

interface Parsing {
  readonly fail: (what: string) => never;
  readonly sources: Map<string, string>;
}

function parseGroup(
  raw: Readonly<Record<string, unknown>>,
  wanted: Schema,
  prefix: string,
  parsing: Parsing,
): NumberTree {
  for (const key of Object.keys(raw)) {
    if (Object.hasOwn(wanted, key)) continue;
    parsing.fail(
      `there is no number \`${prefix}${key}\`; expected one of ${Object.keys(wanted).join(', ')}`,
    );
  }
  const tree: NumberTree = {};
  for (const [key, unit] of Object.entries(wanted)) {
    const path = prefix + key;
    const value = raw[key];
    if (typeof unit === 'string') tree[key] = parseNumber(value, path, unit, parsing);
    else if (isRecord(value)) tree[key] = parseGroup(value, unit, `${path}.`, parsing);
    else parsing.fail(`the group \`${path}\` is missing`);
  }
  return tree;
}

function parseNumber(raw: unknown, path: string, unit: string, { fail, sources }: Parsing): number {
  if (raw === undefined) return fail(`\`${path}\` is missing; expected a number of ${unit}`);
  if (!isRecord(raw)) return fail(`\`${path}\` must be { value, unit, source }`);
  for (const key of Object.keys(raw)) {
    if (!['value', 'unit', 'source'].includes(key)) fail(`\`${path}.${key}\` is not known`);
  }
  if (raw.unit !== unit) {
    return fail(`\`${path}.unit\` is ${JSON.stringify(raw.unit)}; expected "${unit}"`);
  }
  if (typeof raw.source !== 'string' || raw.source === '') {
    return fail(`\`${path}.source\` must say where the number comes from`);
  }
  sources.set(path, raw.source);
  return checkNumber(raw.value, path, unit, fail);
}

function checkNumber(
  value: unknown,
  path: string,
  unit: string,
  fail: (what: string) => never,
): number {
  const isRate = rateUnits.includes(unit);
  if (value === null && isRate) return Number.POSITIVE_INFINITY;
  if (
    typeof value !== 'number' ||
    !Number.isFinite(value) ||
    value < 0 ||
    (isRate && value === 0)
  ) {
    const expected = isRate ? `a positive number of ${unit}, or null` : `a number of ${unit}, ≥ 0`;
    return fail(`\`${path}.value\` is ${JSON.stringify(value)}; expected ${expected}`);
  }
  return value;
}

/**
 * The same profile with one number changed: `adjustProfile(profile, 'pcie.readBandwidth', 6.6)`. null
 * lifts the limit of a rate. Errors are FARSIDE_USAGE.
 */
export function adjustProfile(profile: Profile, path: string, value: number | null): Profile {
  const fail = (what: string): never => {
    throw new FarsideError('FARSIDE_USAGE', `profile ${profile.name}: ${what}`);
  };
  const keys = path.split('.');
  let wanted: string | Schema | undefined = schema;
  for (const key of keys) {
    wanted = typeof wanted === 'object' && Object.hasOwn(wanted, key) ? wanted[key] : undefined;
  }
  if (typeof wanted !== 'string') return fail(`there is no number \`${path}\``);
  const checked = checkNumber(value, path, wanted, fail);
  const numbers = structuredClone(profile.numbers) as unknown as NumberTree;
  let group = numbers;
  for (const key of keys.slice(0, -1)) group = group[key] as NumberTree;
  group[keys.at(-1) as string] = checked;
  const sources = new Map(profile.sources).set(path, 'set by the user');
  return { ...profile, numbers: numbers as unknown as ProfileNumbers, sources };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Nanoseconds to the integer picoseconds of virtual time. */
export function toPs(ns: number): number {
  return Math.round(ns * 1000);
}

/** Picoseconds between two verbs at a rate of `mverbs` million verbs per second. */
export function gapPs(mverbs: number): number {
  return Math.round(1e6 / mverbs);
}

/** Picoseconds per byte at `gigabytes` per second. */
export function bytePs(gigabytes: number): number {
  assert(gigabytes > 0, `a bandwidth of ${gigabytes} GB/s`);
  return 1000 / gigabytes;
}
