import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
const tracked = execFileSync('git', ['ls-files'], { cwd: root, encoding: 'utf8' })
  .split('\n')
  .filter((name) => name !== '' && existsSync(path.join(root, name)));
const sources = tracked.filter((name) => name.endsWith('.ts'));
const pages = tracked.filter((name) => name.endsWith('.md'));

function linesWhere(names: readonly string[], wrong: (line: string) => boolean): string[] {
  return names.flatMap((name) =>
    readFileSync(path.join(root, name), 'utf8')
      .split('\n')
      .flatMap((line, i) => (wrong(line) ? [`${name}:${i + 1}: ${line.slice(0, 120)}`] : [])),
  );
}

describe('the house is tidy', () => {
  test('lines have at most 110 columns', () => {
    const exempt = (line: string): boolean => /https?:|import |\bsource"/.test(line);
    expect(linesWhere(sources, (line) => line.length > 110 && !exempt(line))).toEqual([]);
  });

  test('no test is left alone or left out without its reason', () => {
    const tests = sources.filter(
      (name) => name.endsWith('.test.ts') && !name.endsWith('tidy.test.ts'),
    );
    expect(
      linesWhere(tests, (line) => /\b(test|it|describe)\.(only|skip|todo)\(/.test(line)),
    ).toEqual([]);
  });

  test('nothing is put off', () => {
    const own = sources.filter((name) => !name.endsWith('tidy.test.ts'));
    expect(linesWhere(own, (line) => /\b(TODO|FIXME|XXX|HACK)\b|for now\b/.test(line))).toEqual([]);
  });

  test('links between pages resolve', () => {
    const broken = pages.flatMap((page) =>
      [...readFileSync(path.join(root, page), 'utf8').matchAll(/\]\(([^)#\s]+)(#[^)]*)?\)/g)]
        .map(([, target = '']) => target)
        .filter((target) => !/^[a-z]+:/.test(target))
        .filter((target) => !existsSync(path.join(root, path.dirname(page), target)))
        .map((target) => `${page}: ${target}`),
    );
    expect(broken).toEqual([]);
  });

  test('every page has one title', () => {
    const wrong = pages.filter((page) => {
      const text = readFileSync(path.join(root, page), 'utf8').replace(/```[\s\S]*?```/g, '');
      return (text.match(/^# /gm) ?? []).length !== 1;
    });
    expect(wrong).toEqual([]);
  });
});
