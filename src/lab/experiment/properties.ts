import type { PropertySpec } from '../../workload/properties.ts';
import { workloadFormats } from '../../workload/registry.ts';
import type { ValueKind } from './values.ts';

/**
 * Properties of workloads, under `workload:` in a file and behind `-p`, as the workloads declare
 * them. Which of them a workload knows is said when it is opened.
 */
export interface WorkloadProperty {
  readonly name: string;
  readonly kind: ValueKind;
  readonly default: string | undefined;
  readonly summary: string;
  /** Formats of workloads that know it. */
  readonly of: readonly string[];
}

/**
 * YCSB's name of a parameter that has a place of its own here: its path. `-p recordcount=5` is
 * `--keys 5`, in a file as behind `-p`.
 */
export const propertySynonyms: ReadonlyMap<string, string> = new Map([
  ['recordcount', 'workload.keys'],
  ['valuebytes', 'workload.valueBytes'],
  ['operationcount', 'phases.operations'],
  ['target', 'phases.target'],
  ['dataintegrity', 'workload.dataIntegrity'],
]);

/** Each name once; where formats differ in a default, the first one's is shown. */
export const workloadProperties: readonly WorkloadProperty[] = collected();

function collected(): WorkloadProperty[] {
  const byName = new Map<string, WorkloadProperty & { readonly of: string[] }>();
  for (const [format, specs] of Object.entries(workloadFormats)) {
    for (const spec of specs) {
      const known = byName.get(spec.name);
      if (known !== undefined) known.of.push(format);
      else if (!propertySynonyms.has(spec.name)) {
        const { name, default: value, summary } = spec;
        byName.set(name, { name, kind: kindOf(spec), default: value, summary, of: [format] });
      }
    }
  }
  return [...byName.values()];
}

function kindOf(spec: PropertySpec): ValueKind {
  const { minimum = Number.NEGATIVE_INFINITY, maximum = Number.MAX_SAFE_INTEGER } = spec;
  switch (spec.type) {
    case 'integer':
      return { type: 'count', minimum, maximum };
    case 'number':
      return { type: 'number', minimum, maximum };
    case 'choice':
      return { type: 'choice', choices: spec.choices ?? [] };
    case 'boolean':
      return { type: 'boolean' };
    case 'text':
      return { type: 'property' };
  }
}
