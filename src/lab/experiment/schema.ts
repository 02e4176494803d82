import { z } from 'zod';
import { parseFault } from '../faults/parse.ts';
import type { PlannedFault } from '../faults/plan.ts';
import { outputFormats, plotFormats } from './draft.ts';
import { defaultText, type Parameter, parameters, profileNumber } from './parameters.ts';
import { workloadProperties } from './properties.ts';
import { isSeedText, seedExpectation } from './seeds.ts';
import { parseAll, shown } from './setting.ts';
import { expectation, isScalar, type ValueKind } from './values.ts';

/**
 * The schema of an experiment file. It is built from the parameter table, checks a parsed document,
 * and is what `docs/experiment.schema.json` is generated from, so that editors complete what this
 * accepts. Values of parameters come out as lists: one element, or an axis of the sweep.
 */

type Context = z.core.$RefinementCtx<unknown>;

/** A scalar or a list of scalars, each parsed as `kind`. */
function leaf(kind: ValueKind, description: string, extra: Record<string, unknown> = {}) {
  const one = jsonSchemaOf(kind);
  return z
    .unknown()
    .transform((raw, context) => {
      const list = Array.isArray(raw) ? raw : [raw];
      return parseAll(kind, list, (index, expected) => {
        const path = Array.isArray(raw) && raw.length > 0 ? [index] : [];
        refuse(context, list.length === 0 ? raw : list[index], expected, path);
      });
    })
    .meta({
      description,
      anyOf: [one, { type: 'array', items: one, minItems: 1, uniqueItems: true }],
      ...extra,
    })
    .optional();
}

function refuse(
  context: Context,
  value: unknown,
  expected: string,
  path: PropertyKey[] = [],
): void {
  context.addIssue({ code: 'custom', message: `${shown(value)}: expected ${expected}`, path });
}

function parameterLeaf(parameter: Parameter) {
  const { kind, summary } = parameter;
  const extra = parameter.default === undefined ? {} : { default: parameter.default };
  return leaf(kind, `${summary} (default: ${defaultText(parameter)})`, extra);
}

/** The leaves of one section, by the last part of their paths. */
function section(name: string): Record<string, ReturnType<typeof leaf>> {
  const prefix = `${name}.`;
  return Object.fromEntries(
    parameters
      .filter((parameter) => parameter.path.startsWith(prefix))
      .map((parameter) => [parameter.path.slice(prefix.length), parameterLeaf(parameter)]),
  );
}

function topLevel(name: string) {
  return parameterLeaf(parameters.find((p) => p.path === name) as Parameter);
}

/** One value that is no parameter of a run and cannot be swept. */
function single(kind: ValueKind, description: string) {
  return z
    .unknown()
    .transform((raw, context) => {
      const [value] = parseAll(kind, [raw], (_, expected) => refuse(context, raw, expected));
      return value;
    })
    .meta({ description, ...jsonSchemaOf(kind) })
    .optional();
}

const workloadSection = z.preprocess(
  (raw) => (isScalar(raw) || Array.isArray(raw) ? { file: raw } : raw),
  z.strictObject({
    ...section('workload'),
    ...Object.fromEntries(
      workloadProperties.map(({ name, kind, summary, of }) => [
        name,
        leaf(kind, `${of.join(', ')}: ${summary}`),
      ]),
    ),
  }),
);

/** A profile's numbers by their paths in it: `{cpu: {postNs: 100}}` gives `cpu.postNs`. */
const profileSection = z
  .unknown()
  .transform((raw, context) => {
    const leaves = new Map<string, unknown>();
    if (isScalar(raw) || Array.isArray(raw)) leaves.set('name', raw);
    else if (isMapping(raw)) flatten(raw, '', leaves);
    else refuse(context, raw, "a profile's name, or a mapping with its numbers");
    const values = new Map<string, ReturnType<typeof parseAll>>();
    for (const [path, value] of leaves) {
      const list = Array.isArray(value) ? value : [value];
      const kind: ValueKind = path === 'name' ? { type: 'text' } : profileNumber;
      const issuePath = isMapping(raw) ? path.split('.') : [];
      values.set(
        path,
        parseAll(kind, list, (index, expected) =>
          refuse(context, list[index], expected, issuePath),
        ),
      );
    }
    return values;
  })
  .meta({
    description: 'cost model of sim: a name, or {name, and numbers of the profile to change}',
    anyOf: [
      { type: 'string' },
      { type: 'array', items: { type: 'string' }, minItems: 1 },
      { type: 'object', properties: { name: { type: 'string' } }, additionalProperties: true },
    ],
  })
  .optional();

function flatten(mapping: Record<string, unknown>, prefix: string, into: Map<string, unknown>) {
  for (const [key, value] of Object.entries(mapping)) {
    if (isMapping(value)) flatten(value, `${prefix}${key}.`, into);
    else into.set(`${prefix}${key}`, value);
  }
}

export type RawSettings = Readonly<Record<string, unknown>>;

/** Names, or names with settings; the settings themselves are checked against the loaded system. */
const systemsSection = z
  .unknown()
  .transform((raw, context) => {
    const systems = new Map<string, RawSettings>();
    const names = isMapping(raw) ? Object.keys(raw) : Array.isArray(raw) ? raw : [raw];
    names.forEach((name, index) => {
      const path = Array.isArray(raw) ? [index] : [];
      if (typeof name !== 'string' || name === '') {
        refuse(context, name, 'the name of a system, or the path of a module', path);
      } else if (systems.has(name)) {
        refuse(
          context,
          name,
          'each system once; a list of values for a setting compares two',
          path,
        );
      } else {
        const settings = isMapping(raw) ? (raw[name] ?? {}) : {};
        if (isMapping(settings)) systems.set(name, settings);
        else refuse(context, settings, `a mapping of ${name}'s settings`, [name]);
      }
    });
    if (names.length === 0) refuse(context, raw, 'at least one system');
    return systems;
  })
  .meta({
    description: 'systems to compare: names, or a mapping of names to settings',
    anyOf: [
      { type: 'string' },
      { type: 'array', items: { type: 'string' }, minItems: 1, uniqueItems: true },
      { type: 'object', additionalProperties: { type: ['object', 'null'] } },
    ],
  })
  .optional();

const seedSection = z
  .unknown()
  .superRefine((raw, context) => {
    const list = Array.isArray(raw) ? raw : [raw];
    const isWrong = list.length === 0 || !list.every((element) => isSeedText(element));
    if (isWrong) refuse(context, raw, seedExpectation);
  })
  .meta({
    description: 'the seed, a list of seeds, or a range such as 1..5 (default: 1)',
    anyOf: [
      { type: 'integer', minimum: 0 },
      { type: 'string', pattern: '^\\d+(\\.\\.\\d+)?$' },
      { type: 'array', items: { type: ['integer', 'string'] }, minItems: 1 },
    ],
    default: 1,
  })
  .optional();

const faultsSection = z
  .unknown()
  .transform((raw, context) => {
    const list = Array.isArray(raw) ? raw : [raw];
    const faults: PlannedFault[] = [];
    list.forEach((element, index) => {
      const path = Array.isArray(raw) ? [index] : [];
      if (typeof element !== 'string') {
        refuse(context, element, 'a sentence such as crash cn1 at verb 5000', path);
        return;
      }
      const parsed = parseFault(element);
      if ('value' in parsed) faults.push(parsed.value);
      else refuse(context, element, parsed.expected, path);
    });
    return faults;
  })
  .meta({
    description: 'what shall go wrong, a sentence each: docs/faults.md',
    anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }],
  })
  .optional();

export const experimentSchema = z
  .strictObject({
    name: single({ type: 'text' }, "names the results' folder (default: the file's name)"),
    description: single({ type: 'text' }, 'what the experiment is for'),
    systems: systemsSection,
    fabric: topLevel('fabric'),
    profile: profileSection,
    durability: topLevel('durability'),
    workload: workloadSection.optional().meta({ description: 'what the clients do' }),
    cluster: z.strictObject(section('cluster')).optional(),
    phases: z.strictObject(section('phases')).optional(),
    faults: faultsSection,
    seed: seedSection,
    seeds: single({ type: 'count', minimum: 1, maximum: 1000 }, 'runs seeds seed, seed + 1, …'),
    output: z
      .strictObject({
        dir: single({ type: 'text' }, 'folder for results'),
        format: single({ type: 'choice', choices: outputFormats }, 'what stdout gets'),
        plots: single({ type: 'choice', choices: plotFormats }, 'also write the plots as files'),
      })
      .optional(),
  })
  .meta({ title: 'A farside experiment' });

export function isMapping(raw: unknown): raw is Record<string, unknown> {
  return typeof raw === 'object' && raw !== null && !Array.isArray(raw);
}

/** What an editor may be told of a kind: a number, or text with a suffix. */
function jsonSchemaOf(kind: ValueKind): Record<string, unknown> {
  const suffixed = { type: 'string', description: expectation(kind) };
  switch (kind.type) {
    case 'count':
    case 'bytes':
      return {
        anyOf: [{ type: 'integer', minimum: kind.minimum, maximum: kind.maximum }, suffixed],
      };
    case 'duration':
      return suffixed;
    case 'number':
      return { anyOf: [{ type: 'number' }, suffixed] };
    case 'boolean':
      return { type: 'boolean' };
    case 'choice':
      return { enum: [...kind.choices] };
    case 'text':
      return { type: 'string' };
    case 'addresses':
    case 'hostPort':
      return suffixed;
    case 'property':
      return { type: ['string', 'number', 'boolean'] };
  }
}

/** `docs/experiment.schema.json`. */
export function experimentJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(experimentSchema, { io: 'input' }) as Record<string, unknown>;
}
