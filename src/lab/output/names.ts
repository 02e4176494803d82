import type { ExperimentResult, ParameterValue } from '../result.ts';

/** `clover`; of a user's own system, the file's name: `./stores/mine.js` is `mine`. */
export function systemLabel(system: string): string {
  const base = system.split(/[\\/]/).at(-1) as string;
  return base === system ? system : base.replace(/\.[cm]?[jt]s$/, '');
}

/**
 * `computeNodes` of `cluster.computeNodes`; of what is called by its section, that: `workload` of
 * `workload.file`.
 */
export function shortName(path: string): string {
  const [section = '', ...rest] = path.split('.');
  const isSection = path === 'workload.file' || path === 'profile.name';
  return isSection ? section : (rest.at(-1) ?? section);
}

/** `compute nodes` of `cluster.computeNodes`; a unit at the end of the name goes into brackets. */
export function axisLabel(path: string): string {
  const words = shortName(path)
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/[-_]/g, ' ')
    .toLowerCase();
  return words
    .replace(/ bytes$/, ' (bytes)')
    .replace(/ ns$/, ' (ns)')
    .replace(/ ops per s$/, ' (operations/s)');
}

export function valueLabel(value: ParameterValue | undefined): string {
  return value === undefined ? '–' : String(value);
}

/** `compute nodes 8, value (bytes) 1024`; empty where nothing is swept. */
export function pointLabel(point: Readonly<Record<string, ParameterValue>>): string {
  return Object.entries(point)
    .map(([path, value]) => `${axisLabel(path)} ${valueLabel(value)}`)
    .join(', ');
}

const fileNameLengthMax = 120;

/**
 * A file name out of any text: letters, digits, dot, dash, equals and underscore stay. Distinct
 * texts may collide: `uniqueNames` tells them apart.
 */
export function fileName(text: string): string {
  const plain = text
    .normalize('NFKD')
    .replace(/[^A-Za-z0-9.=_-]+/g, '-')
    .replace(/^[.-]+|-+$/g, '');
  return plain.slice(0, fileNameLengthMax) || 'unnamed';
}

/** File names of `texts`, in order, with `-2`, `-3` … behind those that would be the same. */
export function uniqueNames(texts: readonly string[]): string[] {
  const taken = new Set<string>();
  return texts.map((text) => {
    const name = fileName(text);
    let unique = name;
    // Case-insensitive, as file systems may be.
    for (let suffix = 2; taken.has(unique.toLowerCase()); suffix++) unique = `${name}-${suffix}`;
    taken.add(unique.toLowerCase());
    return unique;
  });
}

/** Seeds of the runs that there are: of an interrupted experiment not all that were asked for. */
export function seedsRun({ seeds, runs }: ExperimentResult): number[] {
  const found = new Set(runs.map(({ seed }) => seed));
  return seeds.filter((seed) => found.has(seed));
}

const seedsListedMax = 10;

/** `1, 2, 9`; of many in a row, `1 to 400`. */
export function seedList(seeds: readonly number[]): string {
  const [first = 0] = seeds;
  const isInRow = seeds.every((seed, i) => seed === first + i);
  if (seeds.length <= seedsListedMax || !isInRow) return seeds.join(', ');
  return `${first} to ${first + seeds.length - 1}`;
}

/** `clover-computeNodes=8` */
export function pointName(system: string, point: Readonly<Record<string, ParameterValue>>): string {
  const values = Object.entries(point).map(
    ([path, value]) => `-${shortName(path)}=${valueLabel(value)}`,
  );
  return systemLabel(system) + values.join('');
}
