import type { Command } from 'commander';
import { errorCodes } from '../../src/core/errors.ts';
import { defaultText, type Parameter, parameters } from '../../src/lab/experiment/parameters.ts';
import { propertySynonyms, workloadProperties } from '../../src/lab/experiment/properties.ts';
import { expectation } from '../../src/lab/experiment/values.ts';
import { builtInSystems } from '../../src/systems/index.ts';

/**
 * The parts of the reference pages that are made from the registries which the program itself uses.
 * A page keeps its prose; between `<!-- begin NAME -->` and `<!-- end NAME -->` stands what these
 * give.
 */
export function regionsOf(program: Command): ReadonlyMap<string, string> {
  return new Map([
    ...program.commands
      .filter((command) => command.name() !== 'help')
      .map((command): [string, string] => [`command ${command.name()}`, commandReference(command)]),
    ['parameters machine', table(machineRows())],
    ['parameters cluster', table(rowsBelow('cluster.'))],
    ['parameters workload', table(rowsBelow('workload.'))],
    ['parameters phases', table(rowsBelow('phases.'))],
    ['workload properties', propertyTable()],
    ['system settings', settingTable()],
    ['system counters', counterTable()],
    ['error codes', errorTable()],
  ]);
}

/** The page with all its regions made anew. Throws where it names one that there is not. */
export function refresh(page: string, regions: ReadonlyMap<string, string>): string {
  const region = /<!-- begin ([a-z -]+) -->\n[\s\S]*?<!-- end \1 -->/g;
  return page.replaceAll(region, (_, name: string) => {
    const content = regions.get(name);
    if (content === undefined) throw new Error(`there is no region ${name}`);
    return `<!-- begin ${name} -->\n${content}\n<!-- end ${name} -->`;
  });
}

export function regionNames(page: string): string[] {
  return [...page.matchAll(/<!-- begin ([a-z -]+) -->/g)].map((match) => match[1] as string);
}

function commandReference(command: Command): string {
  const rows = command
    .createHelp()
    .visibleOptions(command)
    .map((option) => [`\`${option.flags}\``, option.description]);
  const usage = ['```', `farside ${command.name()} ${command.usage()}`.trim(), '```'];
  const heads = [['flag', 'meaning']];
  const flags = rows.length > 1 ? ['', markdownTable(heads[0] as string[], rows)] : [];
  const example = ['', '```', ...examplesOf(command), '```'];
  return [command.description(), '', ...usage, ...flags, ...example].join('\n');
}

/** The example lines of a command's help: those that begin with `farside`. */
export function examplesOf(command: Command): string[] {
  let help = '';
  command.configureOutput({ writeOut: (text) => (help += text) });
  command.outputHelp();
  return help
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.startsWith('farside '));
}

function machineRows(): Parameter[] {
  const isSectioned = /^(cluster|workload|phases)\./;
  return parameters.filter(({ path }) => !isSectioned.test(path));
}

function rowsBelow(prefix: string): Parameter[] {
  return parameters.filter(({ path }) => path.startsWith(prefix));
}

function table(rows: readonly Parameter[]): string {
  return markdownTable(
    ['parameter', 'flag', 'value', 'default', 'meaning'],
    rows.map((parameter) => [
      `\`${parameter.path}\``,
      parameter.flag === undefined ? '' : `\`--${parameter.flag}\``,
      expectation(parameter.kind),
      defaultText(parameter),
      parameter.summary,
    ]),
  );
}

function propertyTable(): string {
  const own = workloadProperties.map(({ name, kind, default: value, summary, of }) => [
    `\`${name}\``,
    of.join(', '),
    expectation(kind),
    value ?? '',
    summary,
  ]);
  const synonyms = [...propertySynonyms].map(([name, path]) => [
    `\`${name}\``,
    '',
    '',
    '',
    `the same as \`${path}\``,
  ]);
  return markdownTable(['property', 'of', 'value', 'default', 'meaning'], [...synonyms, ...own]);
}

function settingTable(): string {
  const rows = [...builtInSystems.values()].flatMap((system) =>
    system.parameters.map(({ name, type, choices, default: value, unit, summary }) => [
      `\`${system.name}.${name}\``,
      choices === undefined ? type : choices.join(', '),
      `${value}${unit === undefined ? '' : ` ${unit}`}`,
      summary,
    ]),
  );
  return markdownTable(['setting', 'value', 'default', 'meaning'], rows);
}

function counterTable(): string {
  const rows = [...builtInSystems.values()].flatMap(({ name, counters }) =>
    Object.entries(counters ?? {}).map(([counter, meaning]) => [name, `\`${counter}\``, meaning]),
  );
  return markdownTable(['system', 'counter', 'once for each'], rows);
}

function errorTable(): string {
  return markdownTable(
    ['code', 'meaning'],
    Object.entries(errorCodes).map(([code, meaning]) => [`\`${code}\``, meaning]),
  );
}

function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
