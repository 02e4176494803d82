import { FarsideError } from '../../core/errors.ts';
import type { ParameterValue } from '../result.ts';
import { isScalar, parseValue, type ValueKind } from './values.ts';

/**
 * One parameter as somebody set it. Files and flags both become lists of these, so that a flag
 * overrides a file by its path and every later check can still say where a value came from.
 */
export interface Setting {
  /** `cluster.replicas`, `workload.readproportion`, `profile.cpu.postNs`, `clover.cursorsMax`. */
  readonly path: string;
  /** More than one makes an axis of the sweep. */
  readonly values: readonly ParameterValue[];
  readonly origin: Origin;
}

/** Where a value was written: what its messages begin with. */
export interface Origin {
  readonly source: 'file' | 'flag' | 'default';
  /** `exp.yaml:4:11`, `--replicas 5`, or empty for a default. */
  readonly label: string;
}

export const defaultOrigin: Origin = { source: 'default', label: '' };

/**
 * `exp.yaml:4:11: cluster.replicas is 5`, or the flag as it was typed: how a message names a value.
 */
export function said(setting: Setting, value: unknown = setting.values[0]): string {
  const { source, label } = setting.origin;
  if (source === 'file') return `${label}: ${setting.path} is ${shown(value)}`;
  if (source === 'default') return `${setting.path} is ${shown(value)} where nothing is set`;
  return setting.values.length > 1 ? `${label}: ${shown(value)}` : label;
}

const shownCharactersMax = 60;

/** A value in a message: on one line and of bounded length, whatever a file held. */
export function shown(value: unknown): string {
  if (value === null || value === undefined) return 'empty';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (!isScalar(value)) return 'a mapping';
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length <= shownCharactersMax ? text : `${text.slice(0, shownCharactersMax)}…`;
}

/**
 * Parses all `raw` values of one setting; `report` gets one message for each that does not parse.
 */
export function parseAll(
  kind: ValueKind,
  raw: readonly unknown[],
  report: (index: number, expected: string) => void,
): ParameterValue[] {
  const values: ParameterValue[] = [];
  raw.forEach((element, index) => {
    const parsed = parseValue(kind, element);
    if ('expected' in parsed) {
      report(index, parsed.expected);
    } else if (values.includes(parsed.value)) {
      report(index, 'each value of a list once');
    } else {
      values.push(parsed.value);
    }
  });
  if (raw.length === 0) report(0, 'at least one value');
  return values;
}

/**
 * Several things wrong with one experiment: each is a line of the message, so that a file is put
 * right in one pass.
 */
export function usageError(problems: readonly string[]): FarsideError {
  return new FarsideError('FARSIDE_USAGE', problems.map(oneLine).join('\n'));
}

export function oneLine(message: string): string {
  return message.replaceAll(/\s*\n\s*/g, ' ').trim();
}

/** `direct, central and clover`. */
export function listed(names: readonly string[]): string {
  if (names.length < 2) return names.join('');
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}
