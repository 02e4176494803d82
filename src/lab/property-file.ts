import { type Pair, parseLines } from 'dot-properties';
import type { PropertyOrigin, PropertySet } from '../workload/properties.ts';
import { readText } from './text-file.ts';

const commandLine: PropertyOrigin = { where: '-p', code: 'FARSIDE_USAGE' };

/**
 * A Java `.properties` file with the command line's properties over it. Each value remembers where
 * it was written: `workloads/workloada:27`, or `-p`.
 */
export function readProperties(
  file: string,
  text: string,
  given: Readonly<Record<string, string>>,
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
  for (const [key, value] of Object.entries(given)) {
    values[key] = value;
    origins.set(key, commandLine);
  }
  return {
    values,
    origin: (name) => origins.get(name) ?? { where: file, code: 'FARSIDE_INPUT' },
    readFile: readText,
  };
}

/**
 * The command line's properties alone, for formats that have none in their files. `operationcount`
 * comes with every run that a number of operations ends, and says nothing to these.
 */
export function givenProperties(given: Readonly<Record<string, string>>): PropertySet {
  const { operationcount: _, ...values } = given;
  return { values, origin: () => commandLine, readFile: readText };
}
