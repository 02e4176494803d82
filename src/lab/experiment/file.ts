import type { z } from 'zod';
import { didYouMean } from '../../core/nearest.ts';
import type { ParameterValue } from '../result.ts';
import { type Path, readDocument, type SourceDocument } from './document.ts';
import { type Draft, emptyDraft, type NamedSystem, type OutputDraft } from './draft.ts';
import { propertySynonyms } from './properties.ts';
import { experimentSchema, isMapping, type RawSettings } from './schema.ts';
import { seedsOf } from './seeds.ts';
import { type Setting, shown, usageError } from './setting.ts';
import { isScalar } from './values.ts';

type Content = z.output<typeof experimentSchema>;

/**
 * Reads the text of an experiment file. Everything that is wrong with it is reported at once, a
 * line each: `file:line:column: key is value: expected …`. What only the systems, the profile or
 * the workload can judge is checked when they are known.
 */
export function readExperiment(text: string, file: string): Draft {
  const document = readDocument(text, file);
  const raw = document.value ?? {};
  if (!isMapping(raw)) {
    throw usageError([`${file}:1:1: ${shown(raw)}: expected a mapping such as systems: [clover]`]);
  }
  const renamed = withoutSynonyms(raw, document);
  const result = experimentSchema.safeParse(renamed.value);
  const problems = [...renamed.problems];
  if (!result.success) {
    problems.push(...result.error.issues.flatMap((issue) => explain(issue, document, renamed)));
  }
  if (!result.success || problems.length > 0) throw usageError(problems.toSorted(byPlace));
  return draftOf(result.data, renamed, document);
}

/** A document whose YCSB synonyms (`workload.recordcount`) stand where farside has them. */
interface Renamed {
  readonly value: Record<string, unknown>;
  readonly problems: readonly string[];
  /** Where a renamed key was written. */
  readonly written: ReadonlyMap<string, Path>;
}

function withoutSynonyms(raw: Record<string, unknown>, document: SourceDocument): Renamed {
  const value = { ...raw };
  const problems: string[] = [];
  const written = new Map<string, Path>();
  const { workload } = raw;
  if (!isMapping(workload)) return { value, problems, written };
  const kept = { ...workload };
  for (const [synonym, path] of propertySynonyms) {
    if (!Object.hasOwn(kept, synonym)) continue;
    const [sectionName, key] = path.split('.') as [string, string];
    const section = sectionName === 'workload' ? kept : { ...asMapping(value[sectionName]) };
    if (Object.hasOwn(section, key)) {
      const place = document.atKey(['workload'], synonym);
      problems.push(`${place}: workload.${synonym} is the same as ${path}: set one of them`);
    }
    section[key] = kept[synonym];
    delete kept[synonym];
    if (sectionName !== 'workload') value[sectionName] = section;
    written.set(path, ['workload', synonym]);
  }
  value.workload = kept;
  return { value, problems, written };
}

function asMapping(raw: unknown): Record<string, unknown> {
  return isMapping(raw) ? raw : {};
}

function explain(issue: z.core.$ZodIssue, document: SourceDocument, renamed: Renamed): string[] {
  const dotted = issue.path.filter((step) => typeof step === 'string').join('.');
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const known = keysOf(issue.path);
      const path = dotted === '' ? key : `${dotted}.${key}`;
      const place = document.atKey(issue.path, key);
      const hint = didYouMean(key, known) || ` (known here: ${known.join(', ')})`;
      return `${place}: ${path} is not a key of an experiment${hint}`;
    });
  }
  const place = document.at(renamed.written.get(dotted) ?? issue.path);
  if (issue.code === 'custom') {
    const isSeedList = dotted === 'seeds' && Array.isArray(valueAt(document.value, issue.path));
    const hint = isSeedList ? '; a list of seeds is called seed' : '';
    return [`${place}: ${dotted} is ${issue.message}${hint}`];
  }
  return [
    `${place}: ${dotted} is ${shown(valueAt(document.value, issue.path))}: expected a mapping`,
  ];
}

/** The keys that the schema knows at a path; `known here` in messages. */
function keysOf(path: Path): string[] {
  const shape = experimentSchema.shape;
  switch (path[0]) {
    case undefined:
      return Object.keys(shape);
    case 'cluster':
      return Object.keys(shape.cluster.unwrap().shape);
    case 'phases':
      return Object.keys(shape.phases.unwrap().shape);
    case 'output':
      return Object.keys(shape.output.unwrap().shape);
    default:
      return [...Object.keys(shape.workload.unwrap().out.shape), ...propertySynonyms.keys()];
  }
}

function valueAt(raw: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (inside, step) => (isMapping(inside) ? inside[String(step)] : undefined),
    raw,
  );
}

function draftOf(content: Content, renamed: Renamed, document: SourceDocument): Draft {
  const draft = emptyDraft();
  const settings: Setting[] = [];
  const add = (path: string, values: readonly ParameterValue[], at: Path) => {
    const origin = { source: 'file', label: document.at(renamed.written.get(path) ?? at) } as const;
    settings.push({ path, values, origin });
  };
  const systems: NamedSystem[] = [];
  // In the order of the file: the first axis written is the outermost of the sweep.
  for (const key of Object.keys(renamed.value)) {
    if (key === 'fabric' || key === 'durability') {
      add(key, content[key] ?? [], [key]);
    } else if (key === 'cluster' || key === 'phases' || key === 'workload') {
      const section: Record<string, ParameterValue[] | undefined> = content[key] ?? {};
      const written = renamed.value[key];
      for (const name of isMapping(written) ? Object.keys(written) : ['file']) {
        add(`${key}.${name}`, section[name] ?? [], [key, name]);
      }
    } else if (key === 'profile') {
      for (const [path, values] of content.profile ?? []) {
        add(`profile.${path}`, values, ['profile', ...path.split('.')]);
      }
    } else if (key === 'systems') {
      for (const [name, raw] of content.systems ?? []) {
        systems.push({ name, origin: { source: 'file', label: placeOf(document, name) } });
        settings.push(...systemSettings(name, raw, document));
      }
    }
  }
  return {
    ...draft,
    name: content.name as string | undefined,
    description: content.description as string | undefined,
    systems: systems.length === 0 ? undefined : systems,
    settings,
    seeds: content.seed === undefined ? undefined : listOf(content.seed).flatMap(toSeeds),
    seedCount: content.seeds as number | undefined,
    faults: (content.faults ?? []).map((fault, index) => {
      const label = document.at(['faults', index]);
      return { fault, origin: { source: 'file', label } };
    }),
    output: {
      dir: content.output?.dir as string | undefined,
      format: content.output?.format as OutputDraft['format'],
      plots: content.output?.plots as OutputDraft['plots'],
    },
  };
}

function placeOf(document: SourceDocument, systemName: string): string {
  const { systems } = document.value as { systems: unknown };
  if (isMapping(systems)) return document.atKey(['systems'], systemName);
  return document.at(
    Array.isArray(systems) ? ['systems', systems.indexOf(systemName)] : ['systems'],
  );
}

function systemSettings(name: string, raw: RawSettings, document: SourceDocument): Setting[] {
  return Object.entries(raw).map(([key, value]) => {
    const label = document.at(['systems', name, key]);
    const values = listOf(value);
    if (values.length === 0 || !values.every(isScalar)) {
      throw usageError([`${label}: ${name}.${key} is ${shown(value)}: expected a value or a list`]);
    }
    return { path: `${name}.${key}`, values, origin: { source: 'file', label } };
  });
}

function listOf(raw: unknown): unknown[] {
  return Array.isArray(raw) ? raw : [raw];
}

function toSeeds(raw: unknown): number[] {
  return seedsOf(raw) ?? [];
}

/** In the order in which a reader meets them. */
function byPlace(a: string, b: string): number {
  const [lineA = 0, columnA = 0] = placeIn(a);
  const [lineB = 0, columnB = 0] = placeIn(b);
  return lineA - lineB || columnA - columnB;
}

/** The numbers of the first `:line:column:`. */
function placeIn(message: string): number[] {
  return (/:(\d+):(\d+): /.exec(message) ?? []).slice(1).map(Number);
}
