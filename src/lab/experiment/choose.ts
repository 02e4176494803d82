import { FarsideError } from '../../core/errors.ts';
import { didYouMean } from '../../core/nearest.ts';
import type { System, SystemParameter } from '../../systems/system.ts';
import { systemLabel } from '../output/names.ts';
import { knownPaths } from './assign.ts';
import type { Draft, NamedSystem } from './draft.ts';
import { isSystemSetting, sections } from './parameters.ts';
import { oneLine, parseAll, type Setting, shown, usageError } from './setting.ts';
import type { ValueKind } from './values.ts';

/** A system of an experiment, loaded. */
export interface ChosenSystem {
  /** As written: `clover`, `./mine.js`. */
  readonly name: string;
  /** What it calls itself: its name in results, and what its settings begin with. */
  readonly label: string;
  readonly system: System;
}

export type LoadSystem = (nameOrPath: string) => Promise<System>;

/** Loads the systems of a draft; one that does not exist is reported with where it was written. */
export async function chooseSystems(
  named: readonly NamedSystem[],
  load: LoadSystem,
): Promise<ChosenSystem[]> {
  const chosen: ChosenSystem[] = [];
  const problems: string[] = [];
  for (const { name, origin } of named) {
    try {
      const system = await load(name);
      const problem = unfitLabel(name, system.name, chosen);
      if (problem === undefined) chosen.push({ name, label: system.name, system });
      else problems.push(`${origin.label}: ${problem}`);
    } catch (error) {
      if (!(error instanceof FarsideError)) throw error;
      problems.push(`${origin.label}: ${oneLine(error.message)}`);
    }
  }
  if (problems.length > 0) throw usageError(problems);
  return chosen;
}

/** Results of two systems of one name could not be told apart. */
function unfitLabel(
  name: string,
  label: string,
  others: readonly ChosenSystem[],
): string | undefined {
  const twin = others.find((other) => other.label === label);
  if (twin !== undefined) {
    return `${name} and ${twin.name} both call themselves ${label}: change the name of one`;
  }
  if (/^[A-Za-z][A-Za-z0-9_-]*$/.test(label) && !sections.has(label)) return undefined;
  return (
    `${name} calls itself ${shown(label)}: expected letters, digits, dashes and underscores, ` +
    `and none of ${[...sections].join(', ')}`
  );
}

/**
 * Settings of systems against what each system declares: unknown names and wrong types, all at
 * once. They were kept as written until now, since only the loaded system knows what they are.
 * Gives the draft with every value parsed and every path beginning with its system's label.
 */
export function checkSystemSettings(draft: Draft, systems: readonly ChosenSystem[]): Draft {
  const problems: string[] = [];
  const settings = draft.settings.map((setting) => {
    if (!isSystemSetting(setting.path)) return setting;
    const { owner, name } = ownerOf(setting.path, systems);
    if (owner === undefined) {
      problems.push(unknownSystem(setting, systems));
      return setting;
    }
    const path = `${owner.label}.${name}`;
    const declared = owner.system.parameters.find((parameter) => parameter.name === name);
    if (declared === undefined) {
      problems.push(unknownSetting(setting, name, owner));
      return setting;
    }
    return { ...setting, path, values: parseDeclared(setting, declared, problems) };
  });
  if (problems.length > 0) throw usageError(problems);
  return { ...draft, settings };
}

/**
 * `./mine.js.window` in a file, behind `--set` also `mine.window` by the file's name, or whatever
 * the system calls itself. The last dot separates the setting.
 */
function ownerOf(
  settingPath: string,
  systems: readonly ChosenSystem[],
): { readonly owner: ChosenSystem | undefined; readonly name: string } {
  const dot = settingPath.lastIndexOf('.');
  const prefix = settingPath.slice(0, dot);
  const owner = systems.find(
    ({ name, label }) => name === prefix || label === prefix || systemLabel(name) === prefix,
  );
  return { owner, name: settingPath.slice(dot + 1) };
}

function parseDeclared(setting: Setting, declared: SystemParameter, problems: string[]) {
  return parseAll(kindOf(declared), setting.values, (index, expected) => {
    const value = setting.values[index];
    const unit = declared.unit === undefined ? '' : `, in ${declared.unit}`;
    const where =
      setting.origin.source === 'file'
        ? `${setting.origin.label}: ${setting.path} is ${shown(value)}`
        : setting.origin.label;
    problems.push(`${where}: expected ${expected}${unit}`);
  });
}

function kindOf(declared: SystemParameter): ValueKind {
  const { minimum, maximum } = declared;
  switch (declared.type) {
    case 'integer': {
      const range = {
        minimum: minimum ?? Number.MIN_SAFE_INTEGER,
        maximum: maximum ?? Number.MAX_SAFE_INTEGER,
      };
      return { type: declared.unit === 'bytes' ? 'bytes' : 'count', ...range };
    }
    case 'number':
      return {
        type: 'number',
        ...(minimum === undefined ? {} : { minimum }),
        ...(maximum === undefined ? {} : { maximum }),
      };
    case 'boolean':
      return { type: 'boolean' };
    case 'choice':
      return { type: 'choice', choices: declared.choices ?? [] };
    case 'string':
      return { type: 'text' };
  }
}

function unknownSetting(setting: Setting, name: string, owner: ChosenSystem): string {
  const names = owner.system.parameters.map((parameter) => parameter.name);
  const hint = didYouMean(name, names) || ` (it has: ${names.join(', ') || 'none'})`;
  return `${setting.origin.label}: ${owner.label} has no setting ${name}${hint}`;
}

function unknownSystem(setting: Setting, systems: readonly ChosenSystem[]): string {
  const own = systems.flatMap(({ label, system }) =>
    system.parameters.map((parameter) => `${label}.${parameter.name}`),
  );
  const labels = systems.map(({ label }) => label).join(', ');
  const prefix = setting.path.slice(0, setting.path.lastIndexOf('.'));
  return (
    `${setting.origin.label}: ${prefix} is not a system of this experiment (${labels})` +
    didYouMean(setting.path, [...knownPaths(), ...own])
  );
}
