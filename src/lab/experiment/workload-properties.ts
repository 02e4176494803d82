import type { ParameterValue } from '../result.ts';
import type { Setting } from './setting.ts';
import { ycsbProperties } from './ycsb-properties.ts';

/** The letters of YCSB's core workloads, which are shipped. */
export function isShippedWorkload(file: string): boolean {
  return /^[a-f]$/i.test(file);
}

/**
 * Entries of a shipped workload where nobody says how many: the paper's 100,000. The published files
 * say 1000, meant for a first try; a user's own file is taken at its word.
 */
const shippedKeys = '100000';

/**
 * What a workload is told over its file, in YCSB's words: `-p` properties, and what `--keys` and
 * `--value-bytes` stand for.
 */
export function workloadProperties(settings: ReadonlyMap<string, Setting>): Record<string, string> {
  const value = (name: string): ParameterValue | undefined =>
    settings.get(`workload.${name}`)?.values[0];
  const properties: Record<string, string> = {};
  const keys = value('keys');
  if (keys !== undefined) properties.recordcount = String(keys);
  else if (isShippedWorkload(String(value('file')))) properties.recordcount = shippedKeys;
  const valueBytes = value('valueBytes');
  if (valueBytes !== undefined) properties.valuebytes = String(valueBytes);
  for (const { name } of ycsbProperties) {
    const written = value(name);
    if (written !== undefined) properties[name] = String(written);
  }
  return properties;
}
