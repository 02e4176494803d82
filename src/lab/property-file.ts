import { type Pair, parseLines } from 'dot-properties';
import type { PropertyOrigin, PropertySet } from '../workload/properties.ts';
import { readText } from './text-file.ts';

/**
 * A Java `.properties` file with the command line's properties over it. Each value remembers where it was
 * written: `workloads/workloada:27`, or `-p`.
 */
export function readProperties(
  file: string,
  text: string,
  overrides: Readonly<Record<string, string>>,
): PropertySet {
  const values: Record<string, string> = {};
  const origins = new Map<string, PropertyOrigin>();
  for (const node of parseLines(text, true)) {
    if ((node.type as string) !== 'PAIR') continue;
    const { key, value, range } = node as Required<Pair>;
    const line = text.slice(0, range[0]).split('\n').length;
    values[key] = value.trim();
    origins.set(key, { where: `${file}:${line}`, code: 'FARSIDE_INPUT' });
  }
  for (const [key, value] of Object.entries(overrides)) {
    values[key] = value;
    origins.set(key, { where: '-p', code: 'FARSIDE_USAGE' });
  }
  return {
    values,
    origin: (name) => origins.get(name) ?? { where: file, code: 'FARSIDE_INPUT' },
    readFile: readText,
  };
}
