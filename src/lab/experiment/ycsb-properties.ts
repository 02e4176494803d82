import type { PropertySpec } from '../../workload/properties.ts';
import { ycsbProperties as declared } from '../../workload/ycsb-properties.ts';
import type { ValueKind } from './values.ts';

/**
 * YCSB's name of a parameter that has a place of its own here: its path. `-p recordcount=5` is
 * `--keys 5`, in a file as behind `-p`.
 */
export const ycsbSynonyms: ReadonlyMap<string, string> = new Map([
  ['recordcount', 'workload.keys'],
  ['valuebytes', 'workload.valueBytes'],
  ['operationcount', 'phases.operations'],
  ['target', 'phases.target'],
  ['dataintegrity', 'workload.dataIntegrity'],
]);

export interface YcsbProperty {
  readonly name: string;
  readonly kind: ValueKind;
  readonly default: string | undefined;
  readonly summary: string;
}

/** What may stand under `workload:` and behind `-p`, as the workload itself declares it. */
export const ycsbProperties: readonly YcsbProperty[] = declared
  .filter(({ name }) => !ycsbSynonyms.has(name))
  .map((spec) => ({
    name: spec.name,
    kind: kindOf(spec),
    default: spec.default,
    summary: spec.summary,
  }));

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
