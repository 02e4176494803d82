import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { runCli, temporaryFolder } from './cli.ts';

export interface BadInput {
  readonly what: string;
  /** A `~` is a blank inside an argument. */
  readonly args: string;
  /** The only line on stderr, or its beginning. */
  readonly says: RegExp;
  /** Files beside the command, by name. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
}

/**
 * What a user may get wrong: each case ends with exit code 2, one line on stderr that names the
 * flag or the place, nothing on stdout, no stack trace and nothing written.
 */
export function refuses(what: string, cases: readonly BadInput[]): void {
  const folder = temporaryFolder();
  afterAll(() => folder.remove());
  describe.concurrent(what, () => {
    test.for(cases.map((badInput, index) => ({ ...badInput, index })))(
      '$what: $args',
      async ({ args, files = {}, says, index }) => {
        const cwd = path.join(folder.dir, String(index));
        mkdirSync(cwd);
        for (const [name, content] of Object.entries(files)) {
          mkdirSync(path.dirname(path.join(cwd, name)), { recursive: true });
          writeFileSync(path.join(cwd, name), content);
        }
        const before = everythingIn(cwd);
        const { code, stdout, stderr } = await runCli(
          cwd,
          args.split(' ').map((arg) => arg.replaceAll('~', ' ')),
        );
        expect(stderr).toMatch(/^farside: [^\n]+\n$/);
        expect(stderr.trimEnd()).toMatch(says);
        expect(stderr).not.toMatch(/\n {4}at /);
        expect(stdout).toBe('');
        expect(code).toBe(2);
        expect(everythingIn(cwd)).toEqual(before);
      },
    );
  });
}

function everythingIn(dir: string): string[] {
  return readdirSync(dir, { recursive: true }).map(String).sort();
}
