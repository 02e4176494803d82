import { Command } from 'commander';
import { errorCodes } from '../core/errors.ts';
import { didYouMean } from '../core/nearest.ts';
import { defaultText, expects, parameters } from '../lab/experiment/parameters.ts';
import { workloadProperties } from '../lab/experiment/properties.ts';
import { usageError } from '../lab/experiment/setting.ts';

const help = `
Examples:
  farside list
  farside list parameters
  farside list systems`;

type Rows = readonly (readonly string[])[];

/** What can be listed, and how: everything comes from the registry that the program itself uses. */
const subjects: Readonly<Record<string, () => Rows | Promise<Rows>>> = {
  systems,
  profiles,
  workloads,
  parameters: parameterRows,
  errors: () => Object.entries(errorCodes),
};

/** `farside list [SUBJECT]`: what there is to choose from. */
export function listCommand(): Command {
  return new Command('list')
    .summary('list systems, profiles, workloads, parameters and error codes')
    .description('Lists what there is to choose from.')
    .argument('[subject]', `${Object.keys(subjects).join(', ')} (default: all)`)
    .addHelpText('after', help)
    .action(list);
}

async function list(subject: string | undefined): Promise<void> {
  const names = subject === undefined ? Object.keys(subjects) : [subject];
  for (const name of names) {
    const rowsOf = Object.hasOwn(subjects, name) ? subjects[name] : undefined;
    if (rowsOf === undefined) {
      const known = Object.keys(subjects);
      throw usageError([
        `list ${name}: expected one of ${known.join(', ')}${didYouMean(name, known)}`,
      ]);
    }
    const heading = names.length > 1 ? `${name}\n` : '';
    process.stdout.write(`${heading}${columns(await rowsOf(), names.length > 1 ? '  ' : '')}`);
  }
}

/** All columns but the last are padded to one width. */
function columns(rows: Rows, indent: string): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  }
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i] as number)))
      .join('  ');
  return rows.map((row) => `${indent}${line(row)}\n`).join('');
}

async function systems(): Promise<Rows> {
  const { builtInSystems } = await import('../systems/index.ts');
  return [...builtInSystems.values()].flatMap((system) => [
    [system.name, system.summary],
    ...system.parameters.map(({ name, default: value, unit, summary }) => [
      `  ${system.name}.${name}`,
      `${summary}${unit === undefined ? '' : `, in ${unit}`} (default: ${value})`,
    ]),
  ]);
}

async function profiles(): Promise<Rows> {
  const { shippedProfiles } = await import('../lab/profiles.ts');
  return shippedProfiles().map((name) => [name]);
}

function workloads(): Rows {
  return [
    ['a', 'YCSB A: half reads, half updates'],
    ['b', 'YCSB B: 95 % reads, 5 % updates'],
    ['c', 'YCSB C: reads only'],
    ['d', 'YCSB D: 95 % reads of the newest, 5 % inserts'],
    ['e', 'YCSB E: 95 % scans, 5 % inserts; for systems that keep keys in order'],
    ['f', 'YCSB F: half reads, half reads that write back'],
    ...workloadProperties.map(({ name, summary }) => [`  -p ${name}=`, summary]),
  ];
}

function parameterRows(): Rows {
  return parameters.map((parameter) => [
    parameter.path,
    parameter.flag === undefined ? '' : `--${parameter.flag}`,
    `${parameter.summary}: ${expects(parameter)} (default: ${defaultText(parameter)})`,
  ]);
}
