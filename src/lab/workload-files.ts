import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { FarsideError } from '../core/errors.ts';
import { didYouMean } from '../core/nearest.ts';
import type { Workload } from '../workload/workload.ts';
import { ycsbWorkload } from '../workload/ycsb.ts';
import { packageRoot } from './package-root.ts';
import { readProperties } from './property-file.ts';
import type { WorkloadSpec } from './spec.ts';
import { readText } from './text-file.ts';

/** Opens the workload that `spec` names. FARSIDE_USAGE, FARSIDE_INPUT say what is wrong, and where. */
export function openWorkload(spec: WorkloadSpec): Workload {
  const file = locate(spec.file);
  const set = readProperties(file, readText(file), spec.properties);
  return ycsbWorkload(path.basename(file), set);
}

/** `a` to `f` and the names of shipped files mean those; anything else is a path. */
function locate(name: string): string {
  const shipped = path.join(packageRoot, 'workloads');
  if (/^[a-f]$/i.test(name)) return path.join(shipped, `workload${name.toLowerCase()}`);
  if (isThere(name)) return name;
  const inShipped = path.join(shipped, name);
  if (isThere(inShipped)) return inShipped;
  const names = [...'abcdef', ...readdirSync(shipped).filter((file) => file !== 'README.md')];
  throw new FarsideError(
    'FARSIDE_USAGE',
    `workload ${name}: there is no such file and no shipped workload of that name` +
      `${didYouMean(name, names)} (shipped: ${names.join(', ')})`,
  );
}

function isThere(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false }) !== undefined;
}
