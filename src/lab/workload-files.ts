import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { FarsideError } from '../core/errors.ts';
import { didYouMean } from '../core/nearest.ts';
import { CacheBenchWorkload } from '../workload/cachebench.ts';
import { readCacheBench } from '../workload/cachebench-config.ts';
import { KeyListWorkload } from '../workload/key-list.ts';
import { TraceWorkload } from '../workload/trace.ts';
import type { TraceFile } from '../workload/trace-events.ts';
import { metaFormat } from '../workload/trace-meta.ts';
import { looksLikeTwitter, twitterFormat } from '../workload/trace-twitter.ts';
import type { Workload } from '../workload/workload.ts';
import { ycsbWorkload } from '../workload/ycsb.ts';
import { ycsbProperties } from '../workload/ycsb-properties.ts';
import { LineReader } from './line-reader.ts';
import { packageRoot } from './package.ts';
import { givenProperties, readProperties } from './property-file.ts';
import type { WorkloadSpec } from './spec.ts';
import { readText } from './text-file.ts';

type Format = Exclude<WorkloadSpec['format'], 'auto'>;

/** Lines at the beginning of a file that may tell its format: the first may be bad. */
const tellingLines = 20;

/**
 * Opens the workload that `spec` names. FARSIDE_USAGE, FARSIDE_INPUT say what is wrong, and where.
 */
export function openWorkload(spec: WorkloadSpec): Workload {
  const files = locate(spec.file);
  const [file] = files as [string];
  const format = spec.format === 'auto' ? formatOf(file) : spec.format;
  if (files.length > 1 && format !== 'keys') {
    throw new FarsideError(
      'FARSIDE_USAGE',
      `workload ${spec.file}: ${files.length} files; only key files come several at a time`,
    );
  }
  return openers[format](file, spec, files);
}

type Opener = (file: string, spec: WorkloadSpec, files: readonly string[]) => Workload;

const openers: Readonly<Record<Format, Opener>> = {
  ycsb: (file, spec) => {
    const text = readText(file);
    if (spec.format === 'auto') refuseForeign(file, text);
    return ycsbWorkload(path.basename(file), readProperties(file, text, spec.properties));
  },
  cachebench: (file, spec) => {
    const folder = path.dirname(file);
    const beside = (name: string): string => readText(path.join(folder, name));
    const config = readCacheBench(file, readText(file), beside);
    return new CacheBenchWorkload(path.basename(folder), config, givenProperties(spec.properties));
  },
  keys: (file, spec, files) =>
    new KeyListWorkload(
      files.length === 1 ? path.basename(file) : path.basename(path.dirname(file)),
      files.map((name) => ({ name, text: readText(name) })),
      givenProperties(spec.properties),
      spec.skipBadLines,
    ),
  twitter: (file, spec) => openTrace(file, spec, twitterTrace(file)),
  meta: (file, spec) => openTrace(file, spec, metaTrace(file)),
};

function openTrace(file: string, spec: WorkloadSpec, trace: TraceFile): Workload {
  const set = givenProperties(spec.properties);
  return new TraceWorkload(path.basename(file), trace, set, spec.skipBadLines);
}

function twitterTrace(file: string): TraceFile {
  const open = (): LineReader => new LineReader(file);
  return { name: file, format: twitterFormat, headerLines: 0, open };
}

function metaTrace(file: string): TraceFile {
  const header = firstLines(file, 1)[0] ?? '';
  const format = metaFormat(header);
  if (format === undefined) {
    throw new FarsideError(
      'FARSIDE_INPUT',
      `${file}:1: got ${JSON.stringify(header.slice(0, 80))}, expected a header with the columns ` +
        'key, op and size, such as op_time,key,key_size,op,op_count,size,cache_hits,ttl',
    );
  }
  return { name: file, format, headerLines: 1, open: () => new LineReader(file) };
}

/** Almost any text is a property file: one that sets no property of YCSB's is something else. */
function refuseForeign(file: string, text: string): void {
  const own = Object.keys(readProperties(file, text, {}).values);
  const known = new Set(ycsbProperties.map(({ name }) => name));
  if (!own.some((name) => known.has(name))) throw unknownFormat(file, text.split('\n', 1));
}

function unknownFormat(file: string, [first = '']: readonly string[]): FarsideError {
  return new FarsideError(
    'FARSIDE_INPUT',
    `${file}: got ${JSON.stringify(first.slice(0, 80))} first: expected YCSB properties, a CacheBench ` +
      'configuration, one integer a line, or a Twitter or Meta trace (--set workload.format=… says which)',
  );
}

/** What a file is, by its first lines; names are only asked where those say nothing. */
function formatOf(file: string): Format {
  const lines = firstLines(file, tellingLines).filter((line) => line.trim() !== '');
  if (lines.length === 0) throw new FarsideError('FARSIDE_INPUT', `${file}: it is empty`);
  if (lines[0]?.trimStart().startsWith('{') === true) return 'cachebench';
  if (lines[0] !== undefined && metaFormat(lines[0]) !== undefined) return 'meta';
  if (lines.some(looksLikeTwitter)) return 'twitter';
  if (lines.some((line) => /^\s*\d+\s*$/.test(line))) return 'keys';
  if (!/\.(csv|gz|zst)$/i.test(file) && lines.every(isPropertyLine)) return 'ycsb';
  throw unknownFormat(file, lines);
}

function isPropertyLine(line: string): boolean {
  return /^\s*[#!]|[=:]|\S\s+\S|^\s*[\w.]+\s*$/.test(line);
}

function firstLines(file: string, count: number): string[] {
  const reader = new LineReader(file);
  const lines: string[] = [];
  while (lines.length < count) {
    const line = reader.next();
    if (line === undefined) break;
    lines.push(line);
  }
  reader.close();
  return lines;
}

/**
 * `a` to `f` and the names of shipped files mean those; anything else is a path. A folder is its
 * CacheBench `config.json`, or all its files, in the order of their names; so are paths with commas
 * between them.
 */
function locate(name: string): string[] {
  const shipped = path.join(packageRoot, 'workloads');
  if (/^[a-f]$/i.test(name)) return [path.join(shipped, `workload${name.toLowerCase()}`)];
  const found = [name, path.join(shipped, name)].find(isThere);
  if (found !== undefined) return filesAt(found);
  if (name.includes(',')) return name.split(',').flatMap((part) => locate(part.trim()));
  const names = [...'abcdef', ...shippedNames(shipped)];
  throw new FarsideError(
    'FARSIDE_USAGE',
    `workload ${name}: there is no such file and no shipped workload of that name` +
      `${didYouMean(name, names)} (shipped: ${names.join(', ')})`,
  );
}

function filesAt(found: string): string[] {
  if (!statSync(found).isDirectory()) return [found];
  const config = path.join(found, 'config.json');
  if (isThere(config)) return [config];
  const files = readdirSync(found)
    .sort()
    .map((entry) => path.join(found, entry))
    .filter((entry) => statSync(entry).isFile());
  if (files.length > 0) return files;
  throw new FarsideError('FARSIDE_USAGE', `workload ${found}: a folder without files`);
}

function shippedNames(shipped: string): string[] {
  const cachebench = readdirSync(path.join(shipped, 'cachebench')).map(
    (name) => `cachebench/${name}`,
  );
  return [...readdirSync(shipped).filter((name) => name.startsWith('workload')), ...cachebench];
}

function isThere(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false }) !== undefined;
}
