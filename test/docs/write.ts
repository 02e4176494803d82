import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { buildProgram } from '../../src/cli/program.ts';
import { experimentJsonSchema } from '../../src/lab/experiment/schema.ts';
import { resultJsonSchema } from '../../src/lab/output/schema.ts';
import { packageRoot } from '../../src/lab/package.ts';
import { refresh, regionsOf } from './reference.ts';

/** Pages with generated regions, below `docs`. */
export const referencePages = ['cli.md', 'experiments.md', 'results.md'] as const;

export const schemaFile = path.join(packageRoot, 'docs/experiment.schema.json');

export function pageFile(page: string): string {
  return path.join(packageRoot, 'docs', page);
}

export function schemaText(): string {
  return `${JSON.stringify(experimentJsonSchema(), null, 2)}\n`;
}

const resultSchemaFile = path.join(packageRoot, 'docs/results.schema.json');

/** `npm run docs`: makes the generated parts of the reference anew. */
function write(): void {
  const regions = regionsOf(buildProgram());
  for (const page of referencePages) {
    const file = pageFile(page);
    writeFileSync(file, refresh(readFileSync(file, 'utf8'), regions));
  }
  writeFileSync(schemaFile, schemaText());
  writeFileSync(resultSchemaFile, `${JSON.stringify(resultJsonSchema(), null, 2)}\n`);
}

if (process.argv[1] === import.meta.filename) write();
