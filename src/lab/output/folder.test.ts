import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { checkFolder, writeFolder } from './folder.ts';

let root = '';
const files = new Map([
  ['results.json', '{}'],
  ['hlog/a.hlog', 'a'],
]);

beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'farside-folder-'));
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

function listing(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
}

describe('a result folder', () => {
  test('is made with its parents, and nothing else is left behind', async () => {
    const dir = path.join(root, 'a', 'b');
    await checkFolder(dir, false);
    expect(listing(root)).toEqual([]);
    await writeFolder(dir, files, false);
    expect(listing(root)).toEqual(['a', 'a/b', 'a/b/hlog', 'a/b/hlog/a.hlog', 'a/b/results.json']);
  });

  test('may exist while it is empty', async () => {
    await writeFolder(root, files, false);
    expect(listing(root)).toEqual(['hlog', 'hlog/a.hlog', 'results.json']);
  });

  test('is refused where it has something in it, before and after a run', async () => {
    writeFileSync(path.join(root, 'results.json'), 'old');
    const refusal = { code: 'FARSIDE_OUTPUT', message: expect.stringContaining('--force') };
    await expect(checkFolder(root, false)).rejects.toMatchObject(refusal);
    await expect(writeFolder(root, files, false)).rejects.toMatchObject(refusal);
    expect(readFileSync(path.join(root, 'results.json'), 'utf8')).toBe('old');
    expect(listing(root)).toEqual(['results.json']);
  });

  test('is replaced by force, but for files that are not farside’s', async () => {
    mkdirSync(path.join(root, 'plots'));
    for (const name of ['results.json', 'plots/old.svg', 'notes.txt']) {
      writeFileSync(path.join(root, name), 'old');
    }
    await writeFolder(root, files, true);
    expect(listing(root)).toEqual(['hlog', 'hlog/a.hlog', 'notes.txt', 'results.json']);
    expect(readFileSync(path.join(root, 'results.json'), 'utf8')).toBe('{}');
  });

  test('keeps what it had where writing fails half-way', async () => {
    writeFileSync(path.join(root, 'results.json'), 'old');
    // A file and a folder of one name: the second cannot be written.
    const impossible = new Map([...files, ['results.json/inner', 'x']]);
    await expect(writeFolder(root, impossible, true)).rejects.toMatchObject({
      code: 'FARSIDE_OUTPUT',
    });
    expect(listing(root)).toEqual(['results.json']);
    expect(readFileSync(path.join(root, 'results.json'), 'utf8')).toBe('old');
  });

  test('cannot lie where a file is', async () => {
    const file = path.join(root, 'file');
    writeFileSync(file, '');
    for (const dir of [file, path.join(file, 'below'), path.join(file, 'far', 'below')]) {
      await expect(checkFolder(dir, true)).rejects.toMatchObject({
        code: 'FARSIDE_OUTPUT',
        message: expect.stringContaining('is a file, not a folder'),
      });
    }
  });

  test('cannot lie where writing is forbidden', async (context) => {
    if (process.getuid?.() === 0) context.skip('the superuser may write everywhere');
    chmodSync(root, 0o500);
    await expect(checkFolder(path.join(root, 'new'), false)).rejects.toMatchObject({
      code: 'FARSIDE_OUTPUT',
      message: expect.stringContaining('no permission'),
    });
    chmodSync(root, 0o700);
  });
});
