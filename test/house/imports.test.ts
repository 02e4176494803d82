import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

/** The compiled test lies in dist/test/house; the sources are three folders up. */
const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');

/**
 * Imports go one way: cli -> lab -> workload, check -> systems -> memory -> core. `fabric` and `sim`
 * know `core` and `memory` (and each other's contract) only.
 */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  'src/core': [],
  'src/memory': ['src/core'],
  'src/fabric': ['src/core', 'src/memory'],
  sim: ['src/core', 'src/memory', 'src/fabric'],
  'src/systems': ['src/core', 'src/memory'],
  'src/workload': ['src/core', 'src/memory', 'src/systems'],
  'src/check': ['src/core', 'src/memory', 'src/systems'],
  'src/lab': [
    ...['src/core', 'src/memory', 'src/systems', 'src/workload', 'src/check', 'src/fabric', 'sim'],
  ],
  'src/cli': ['src/lab', 'src/core', 'src/systems', 'src/workload', 'src/check'],
};

/** Folders that also run in a browser page: nothing of Node's, and only these packages. */
const browserSafe = ['src/core', 'src/memory', 'src/systems', 'src/workload', 'src/check', 'sim'];
const packagesInBrowser = ['pure-rand/generator/xoroshiro128plus'];

interface Import {
  readonly file: string;
  readonly target: string;
}

function sourceFiles(folder: string): string[] {
  return readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .map((name) => path.join(folder, name));
}

function importsOf(file: string, text: string): Import[] {
  const statements = text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g);
  return [...statements].map(([, specifier = '']) => ({
    file,
    target: specifier.startsWith('.') ? path.join(path.dirname(file), specifier) : specifier,
  }));
}

function folderOf(file: string): string | undefined {
  return Object.keys(mayImport).find((folder) => file.startsWith(`${folder}/`));
}

function allImports(folder: string): Import[] {
  return sourceFiles(folder).flatMap((file) =>
    importsOf(file, readFileSync(path.join(root, file), 'utf8')),
  );
}

describe('imports', () => {
  test.each(Object.keys(mayImport))('%s imports only what lies below it', (folder) => {
    const allowed = mayImport[folder] as readonly string[];
    const wrong = allImports(folder).filter(({ target }) => {
      const to = folderOf(target);
      return to !== undefined && to !== folder && !allowed.includes(to);
    });
    expect(wrong).toEqual([]);
  });

  test.each(browserSafe)('%s runs in a browser page', (folder) => {
    const wrong = allImports(folder).filter(
      ({ target }) => folderOf(target) === undefined && !packagesInBrowser.includes(target),
    );
    expect(wrong).toEqual([]);
  });

  test('a forbidden import is seen', () => {
    const text = "import { readFileSync } from 'node:fs';\nimport { x } from '../lab/run.ts';";
    expect(importsOf('src/core/bad.ts', text)).toEqual([
      { file: 'src/core/bad.ts', target: 'node:fs' },
      { file: 'src/core/bad.ts', target: 'src/lab/run.ts' },
    ]);
  });
});
