import type { ParameterValue } from '../result.ts';
import type { WorkloadSpec } from '../spec.ts';
import { workloadProperties } from './properties.ts';
import type { Setting } from './setting.ts';

/** The letters of YCSB's core workloads, which are shipped. */
export function isShippedWorkload(file: string): boolean {
  return /^[a-f]$/i.test(file);
}

/**
 * Entries of a shipped workload where nobody says how many: the paper's 100,000. The published
 * files say 1000, meant for a first try; a user's own file is taken at its word.
 */
const shippedKeys = '100000';

/**
 * Which workload, and what it is told over its file, in YCSB's words: properties, and what `--keys`
 * and `--value-bytes` stand for.
 */
export function workloadSpec(settings: ReadonlyMap<string, Setting>): WorkloadSpec {
  const value = (name: string): ParameterValue | undefined =>
    settings.get(`workload.${name}`)?.values[0];
  const properties: Record<string, string> = {};
  const file = String(value('file'));
  const keys = value('keys');
  if (keys !== undefined) properties.recordcount = String(keys);
  else if (isShippedWorkload(file)) properties.recordcount = shippedKeys;
  const valueBytes = value('valueBytes');
  if (valueBytes !== undefined) properties.valuebytes = String(valueBytes);
  for (const { name } of workloadProperties) {
    const written = value(name);
    if (written !== undefined) properties[name] = String(written);
  }
  return {
    file,
    format: value('format') as WorkloadSpec['format'],
    properties,
    skipBadLines: value('skipBadLines') as number,
    dataIntegrity: value('dataIntegrity') as boolean,
  };
}

/** Which parameter a property of a spec came from: `workload.keys` for `recordcount`. */
export function parameterOf(property: string): string {
  if (property === 'recordcount') return 'workload.keys';
  if (property === 'valuebytes') return 'workload.valueBytes';
  return `workload.${property}`;
}
