import { FarsideError } from '../core/errors.ts';
import { didYouMean } from '../core/nearest.ts';
import type { SystemParameter } from './system.ts';

/**
 * Settings of a system, checked against what it declares. `raw` holds what was written under
 * `systems:` in an experiment or given by `--set`, as YAML scalars: a number is a number here,
 * never its text.
 */

/** The value that a declaration admits: `settingsOf(parameters)` has one of them per name. */
type ValueOf<P extends SystemParameter> = P extends { readonly type: 'boolean' }
  ? boolean
  : P extends { readonly type: 'integer' | 'number' }
    ? number
    : P extends { readonly choices: readonly (infer C)[] }
      ? C
      : string;

/**
 * What `configureFrom` gives for parameters declared `as const satisfies readonly
 * SystemParameter[]`: every name, with the type of its value, a choice as the union of its words.
 */
export type SettingsOf<D extends readonly SystemParameter[]> = {
  readonly [P in D[number] as P['name']]: ValueOf<P>;
};

/**
 * Fills in defaults. FARSIDE_USAGE names the setting as a user writes it (`direct.checksumBy`), its
 * value, what was expected, and for an unknown name the nearest right one.
 */
export function configureFrom<const D extends readonly SystemParameter[]>(
  systemName: string,
  declared: D,
  raw: Readonly<Record<string, unknown>>,
): SettingsOf<D> {
  const names = declared.map((parameter) => parameter.name);
  for (const name of Object.keys(raw)) {
    if (names.includes(name)) continue;
    throw new FarsideError(
      'FARSIDE_USAGE',
      `${systemName} has no setting ${name}${didYouMean(name, names)}` +
        ` (it has: ${names.join(', ') || 'none'})`,
    );
  }
  const settings: Record<string, unknown> = {};
  for (const parameter of declared) {
    const given = Object.hasOwn(raw, parameter.name) ? raw[parameter.name] : undefined;
    settings[parameter.name] =
      given === undefined ? parameter.default : checked(systemName, parameter, given);
  }
  return settings as SettingsOf<D>;
}

function checked(systemName: string, parameter: SystemParameter, value: unknown): unknown {
  if (admits(parameter, value)) return value;
  const hint =
    parameter.type === 'choice' && typeof value === 'string'
      ? didYouMean(value, parameter.choices ?? [])
      : '';
  throw new FarsideError(
    'FARSIDE_USAGE',
    `${systemName}.${parameter.name} is ${JSON.stringify(value)}: ` +
      `expected ${expectation(parameter)}${hint}`,
  );
}

function admits(parameter: SystemParameter, value: unknown): boolean {
  switch (parameter.type) {
    case 'boolean':
      return typeof value === 'boolean';
    case 'string':
      return typeof value === 'string';
    case 'choice':
      return typeof value === 'string' && (parameter.choices ?? []).includes(value);
    case 'integer':
      return Number.isSafeInteger(value) && isInRange(parameter, value as number);
    case 'number':
      return Number.isFinite(value) && isInRange(parameter, value as number);
  }
}

function isInRange(parameter: SystemParameter, value: number): boolean {
  const { minimum = Number.NEGATIVE_INFINITY, maximum = Number.POSITIVE_INFINITY } = parameter;
  return value >= minimum && value <= maximum;
}

/** `an integer of at least 1, in ns`. */
function expectation(parameter: SystemParameter): string {
  const { type, minimum, maximum, unit } = parameter;
  if (type === 'choice') return `one of ${(parameter.choices ?? []).join(', ')}`;
  if (type === 'boolean') return 'true or false';
  if (type === 'string') return 'a string';
  const kind = type === 'integer' ? 'an integer' : 'a number';
  const range =
    minimum !== undefined && maximum !== undefined
      ? ` from ${minimum} to ${maximum}`
      : minimum !== undefined
        ? ` of at least ${minimum}`
        : maximum !== undefined
          ? ` of at most ${maximum}`
          : '';
  return `${kind}${range}${unit === undefined ? '' : `, in ${unit}`}`;
}
