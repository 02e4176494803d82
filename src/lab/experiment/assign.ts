import type { FarsideError } from '../../core/errors.ts';
import { didYouMean } from '../../core/nearest.ts';
import { parseFault } from '../faults/parse.ts';
import type { ParameterValue } from '../result.ts';
import type { WrittenFault } from './draft.ts';
import {
  type Parameter,
  parameterByPath,
  parameters,
  profileNumber,
  sections,
} from './parameters.ts';
import { propertySynonyms, workloadProperties } from './properties.ts';
import { type Origin, parseAll, type Setting, shown, usageError } from './setting.ts';
import type { ValueKind } from './values.ts';

/**
 * Values given on the command line. A comma list, or `[…]`, makes an axis of the sweep, exactly as
 * a list in an experiment file does.
 */

/** `--replicas 1,2`: `flag` is its name without dashes. */
export function fromFlag(parameter: Parameter, text: string | true): Setting {
  const flag = `--${parameter.flag}`;
  if (text === true) {
    return { path: parameter.path, values: [true], origin: { source: 'flag', label: flag } };
  }
  const origin: Origin = { source: 'flag', label: `${flag} ${text}` };
  return { path: parameter.path, values: parsed(parameter.kind, text, origin), origin };
}

/** `--set path=value`: any parameter by its path in an experiment file. */
export function fromSet(text: string): Setting {
  const label = `--set ${text}`;
  const equals = text.indexOf('=');
  const written = text.slice(0, Math.max(equals, 0)).trim();
  if (equals < 1 || written === '') {
    throw usageError([`${label}: expected path=value, such as --set cluster.replicas=2`]);
  }
  return assign(written, text.slice(equals + 1), { source: 'flag', label });
}

/** `-p key=value`: a property of the workload, as YCSB takes them. */
export function fromProperty(text: string): Setting {
  const label = `-p ${text}`;
  const equals = text.indexOf('=');
  const name = text.slice(0, Math.max(equals, 0)).trim();
  if (equals < 1 || name === '') {
    throw usageError([`${label}: expected key=value, such as -p readproportion=0.9`]);
  }
  const names = workloadProperties.map((property) => property.name);
  if (!names.includes(name) && !propertySynonyms.has(name)) {
    const hint = didYouMean(name, [...names, ...propertySynonyms.keys()]);
    throw usageError([
      `${label}: ${name} is not a property of any workload` +
        (hint || ' (farside list workloads shows them)'),
    ]);
  }
  return assign(`workload.${name}`, text.slice(equals + 1), { source: 'flag', label });
}

/** `--fault "crash cn1 at verb 5000"`. */
export function fromFault(text: string): WrittenFault {
  const label = `--fault ${JSON.stringify(text)}`;
  const parsed = parseFault(text);
  if ('value' in parsed) return { fault: parsed.value, origin: { source: 'flag', label } };
  throw usageError([`${label}: expected ${parsed.expected}`]);
}

function assign(written: string, text: string, origin: Origin): Setting {
  const path = canonical(written);
  const kind = kindOf(path);
  if (kind !== undefined) return { path, values: parsed(kind, text, origin), origin };
  const [section = '', ...rest] = path.split('.');
  if (sections.has(section) || rest.length === 0) throw unknownPath(path, origin);
  // A setting of a system: judged when the system is known.
  return { path, values: elements(text, origin) as ParameterValue[], origin };
}

function canonical(path: string): string {
  if (path === 'workload') return 'workload.file';
  if (path === 'profile') return 'profile.name';
  const property = path.startsWith('workload.') ? path.slice('workload.'.length) : '';
  return propertySynonyms.get(property) ?? path;
}

function kindOf(path: string): ValueKind | undefined {
  const parameter = parameterByPath.get(path);
  if (parameter !== undefined) return parameter.kind;
  if (path.startsWith('profile.')) return profileNumber;
  return workloadProperties.find(({ name }) => path === `workload.${name}`)?.kind;
}

/** Every path that `--set` takes whatever the systems are: for hints and for the reference. */
export function knownPaths(): string[] {
  return [
    ...parameters.map((parameter) => parameter.path),
    ...workloadProperties.map(({ name }) => `workload.${name}`),
  ];
}

function unknownPath(path: string, origin: Origin): FarsideError {
  return usageError([`${origin.label}: ${path} is not a parameter${hintFor(path)}`]);
}

/** The nearest path; a bare `replicas` is meant to be `cluster.replicas`. */
function hintFor(path: string): string {
  const known = knownPaths();
  const tail = known.find((candidate) => candidate.endsWith(`.${path}`));
  if (tail !== undefined) return `; did you mean ${tail}?`;
  return didYouMean(path, known) || ' (farside list parameters shows them)';
}

function parsed(kind: ValueKind, text: string, origin: Origin): ParameterValue[] {
  const problems: string[] = [];
  const list = kind.type === 'addresses' ? [text] : elements(text, origin);
  const values = parseAll(kind, list, (index, expected) => {
    const which = list.length > 1 ? `${shown(list[index])}: ` : '';
    problems.push(`${origin.label}: ${which}expected ${expected}`);
  });
  if (problems.length > 0) throw usageError(problems);
  return values;
}

/** `1,2,4` and `[1, 2, 4]`; elements stay text, so that each kind reads its own suffixes. */
export function elements(text: string, origin: Origin): string[] {
  const bracketed = /^\[(.*)\]$/.exec(text.trim());
  const list = (bracketed?.[1] ?? text).split(',').map((part) => part.trim());
  if (list.includes('')) {
    throw usageError([`${origin.label}: expected a value, or a list such as 1,2,4`]);
  }
  return list;
}
