import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { PropertySpec } from '../../src/workload/properties.ts';
import { workloadFormats } from '../../src/workload/registry.ts';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
const page = readFileSync(path.join(root, 'docs/workloads.md'), 'utf8');

function row({
  name,
  type,
  choices,
  minimum,
  maximum,
  default: value,
  summary,
}: PropertySpec): string {
  const range =
    minimum === undefined
      ? ''
      : maximum === undefined
        ? ` ≥ ${minimum}`
        : ` ${minimum} … ${maximum}`;
  const values =
    choices === undefined ? `${type}${range}` : choices.map((c) => `\`${c}\``).join(', ');
  const shown = value === undefined || value === '' ? '' : `\`${value}\``;
  return `| \`${name}\` | ${values} | ${shown} | ${summary} |`;
}

/** The table of one format, between its markers in the page. */
function table(specs: readonly PropertySpec[]): string {
  const rows = specs.filter(({ inert }) => inert !== true).map(row);
  return ['| property | values | default | meaning |', '|---|---|---|---|', ...rows].join('\n');
}

const sections = {
  ...workloadFormats,
  twitter: undefined,
  meta: undefined,
  trace: workloadFormats.meta,
};

describe('docs/workloads.md', () => {
  for (const [format, specs] of Object.entries(sections)) {
    if (specs === undefined) continue;
    test(`has the table of ${format} properties that the code declares`, () => {
      const begin = `<!-- properties of ${format} -->\n`;
      const start = page.indexOf(begin);
      expect(start).toBeGreaterThan(0);
      const end = page.indexOf('\n<!-- end -->', start);
      expect(page.slice(start + begin.length, end)).toBe(table(specs));
    });
  }

  test('names every property without effect', () => {
    const missing = workloadFormats.ycsb
      ?.filter(({ inert }) => inert === true)
      .filter(({ name }) => !page.includes(`\`${name}\``));
    expect(missing).toEqual([]);
  });
});
