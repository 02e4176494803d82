import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { buildProgram } from '../../src/cli/program.ts';
import { loadSystem } from '../../src/lab/engine/prepare.ts';
import { emptyDraft } from '../../src/lab/experiment/draft.ts';
import { readExperiment } from '../../src/lab/experiment/file.ts';
import { openPlan } from '../../src/lab/experiment/open.ts';
import { planExperiment } from '../../src/lab/experiment/plan.ts';
import { experimentSchema } from '../../src/lab/experiment/schema.ts';
import { packageRoot } from '../../src/lab/package.ts';
import { refresh, regionNames, regionsOf } from './reference.ts';
import { pageFile, referencePages, schemaFile, schemaText } from './write.ts';

const regions = regionsOf(buildProgram());
const pages = referencePages.map((page) => ({ page, text: readFileSync(pageFile(page), 'utf8') }));

test.each(pages)('docs/$page says what the program knows (npm run docs makes it anew)', (page) => {
  expect(page.text).toBe(refresh(page.text, regions));
});

test('every generated region stands on a page', () => {
  const shown = pages.flatMap(({ text }) => regionNames(text));
  expect(shown.toSorted()).toEqual([...regions.keys()].toSorted());
});

test('docs/experiment.schema.json is the schema (npm run docs makes it anew)', () => {
  // Not toBe: the difference of two long texts would bury the message.
  expect(readFileSync(schemaFile, 'utf8') === schemaText()).toBe(true);
});

test('every key of the schema stands in docs/experiments.md', () => {
  const text = pages.find(({ page }) => page === 'experiments.md')?.text ?? '';
  for (const key of Object.keys(experimentSchema.shape)) {
    if (key !== 'description') expect(text).toContain(`\`${key}`);
  }
});

const prose = ['README.md', 'docs/experiments.md'];

test.each(prose)('every experiment in %s can be run', (page) => {
  const text = readFileSync(path.join(packageRoot, page), 'utf8');
  const blocks = [...text.matchAll(/```yaml\n([\s\S]*?)```/g)].map((match) => match[1] as string);
  expect(blocks.length).toBeGreaterThan(0);
  for (const block of blocks) expect(() => readExperiment(block, page)).not.toThrow();
});

test.each(['README.md', 'docs/cli.md'])('every command in %s parses', (page) => {
  const text = readFileSync(path.join(packageRoot, page), 'utf8');
  const blocks = [...text.matchAll(/```(?:sh)?\n([\s\S]*?)```/g)].map(
    (match) => match[1] as string,
  );
  const commands = blocks
    .flatMap((block) => block.split('\n'))
    .map((line) => line.replace(/\s+#.*/, '').replace('npm run farside --', 'farside'))
    .filter((line) => /^farside [a-z]+\b(?!.*\[options\])/.test(line));
  expect(commands.length).toBeGreaterThan(4);
  for (const line of commands) {
    const [, name, ...args] = line.split(' ');
    const command = buildProgram().commands.find((known) => known.name() === name);
    expect(command, line).toBeDefined();
    expect(command?.parseOptions(args).unknown, line).toEqual([]);
  }
});

const folder = path.join(packageRoot, 'experiments');

test.each(readdirSync(folder))('experiments/%s can be run', async (name) => {
  const source = { file: path.join(folder, name), flags: emptyDraft(), name: 'none' };
  const experiment = await planExperiment(source, loadSystem);
  expect(experiment.name).toBe(name.replace('.yaml', ''));
  expect(openPlan(experiment.plan)).toMatchObject({ warnings: [] });
});
