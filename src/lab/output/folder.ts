import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { FarsideError } from '../../core/errors.ts';

/** What to write: paths relative to the folder, with `/`, and their contents. */
export type Files = ReadonlyMap<string, string | Uint8Array>;

/** Everything that a result folder may hold at its top: what `force` may replace. */
const ownEntries = ['results.json', 'results.csv', 'ycsb.txt', 'report.html', 'hlog', 'plots'];

/**
 * Throws FARSIDE_OUTPUT where results cannot go to `dir`: asked before a run, so that an hour of
 * measuring does not end in "file exists". Leaves nothing behind.
 */
export async function checkFolder(dir: string, force: boolean): Promise<void> {
  const target = path.resolve(dir);
  const there = await entriesOf(dir, target);
  if (there !== undefined && there.length > 0 && !force) {
    throw new FarsideError(
      'FARSIDE_OUTPUT',
      `${dir} exists and is not empty: pass --force to replace the results in it, or name ` +
        'another folder with --out',
    );
  }
  const ground = there === undefined ? await nearestFolder(path.dirname(target)) : target;
  await orOutputError(dir, async () => rm(await makeStaging(ground), { recursive: true }));
}

/**
 * Writes all files or none. They are written to a folder beside their place, on the same file
 * system, and renamed into it at the end: an error or a kill on the way leaves what was there
 * before.
 *
 * A new folder appears in one step. In an existing one each entry is replaced in one step, and what
 * farside did not write stays: `--out . --force` must not cost anybody their files.
 */
export async function writeFolder(dir: string, files: Files, force: boolean): Promise<void> {
  await checkFolder(dir, force);
  const target = path.resolve(dir);
  const isNew = (await entriesOf(dir, target)) === undefined;
  await orOutputError(dir, async () => {
    const ground = isNew ? path.dirname(target) : target;
    await mkdir(ground, { recursive: true });
    const staging = await makeStaging(ground);
    try {
      await writeAll(staging, files);
      if (isNew) await rename(staging, target);
      else await replaceEntries(staging, target);
    } finally {
      await rm(staging, { recursive: true, force: true });
    }
  });
}

async function writeAll(folder: string, files: Files): Promise<void> {
  for (const [name, content] of files) {
    const file = path.join(folder, name);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, content);
  }
}

async function replaceEntries(staging: string, target: string): Promise<void> {
  // Old ones first, so that no plot of an earlier experiment stands beside the new numbers.
  for (const entry of ownEntries) {
    await rm(path.join(target, entry), { recursive: true, force: true });
  }
  for (const entry of await readdir(staging)) {
    await rename(path.join(staging, entry), path.join(target, entry));
  }
}

/** Not mkdtemp: its folder is for the user alone, and that would be the result folder's mode. */
async function makeStaging(ground: string): Promise<string> {
  const staging = path.join(ground, `.farside-writing-${randomUUID()}`);
  await mkdir(staging);
  return staging;
}

/** Entries of a folder; undefined where there is none. A file in its place is an error. */
async function entriesOf(dir: string, target: string): Promise<string[] | undefined> {
  return orOutputError(dir, async () => {
    try {
      return await readdir(target);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  });
}

async function nearestFolder(folder: string): Promise<string> {
  try {
    await stat(folder);
    return folder;
  } catch (error) {
    const parent = path.dirname(folder);
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || parent === folder) return folder;
    return nearestFolder(parent);
  }
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'no permission to write there',
  EPERM: 'no permission to write there',
  EROFS: 'the file system is read-only',
  ENOENT: 'a folder cannot be made there',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  ENOTDIR: 'part of the path is a file, not a folder',
  EEXIST: 'part of the path is a file, not a folder',
};

async function orOutputError<T>(dir: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof FarsideError) throw error;
    const { code = '', message } = error as NodeJS.ErrnoException;
    throw new FarsideError(
      'FARSIDE_OUTPUT',
      `cannot write results to ${dir}: ${reasons[code] ?? message}; name another folder with --out`,
      { cause: error },
    );
  }
}
