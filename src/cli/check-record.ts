import { execFileSync } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { cpus } from 'node:os';
import type { CheckResult } from '../lab/check/check.ts';
import { recordText } from '../lab/check/record.ts';
import { farsideVersion, packageRoot } from '../lab/package.ts';

/** Appends what a check has shown, with all that it takes to run it again, to a Markdown file. */
export function appendRecord(file: string, result: CheckResult): void {
  const [cpu] = cpus();
  const words = process.argv.slice(2).filter((word, i, all) => {
    return !word.startsWith('--record') && all[i - 1] !== '--record';
  });
  const text = recordText(result, {
    version: farsideVersion,
    commit: commitOfSources(),
    day: new Date().toISOString().slice(0, 10),
    command: ['farside', ...words].join(' '),
    host: `${cpu?.model ?? 'unknown CPU'}, Node ${process.versions.node}`,
    memoryBytesMax: process.resourceUsage().maxRSS * 1024,
  });
  appendFileSync(file, `\n${text}`);
}

/** As `1a2b3c4`, with `+` where files differ from it; undefined where farside was installed without git. */
function commitOfSources(): string | undefined {
  const git = (...args: string[]): string =>
    execFileSync('git', args, {
      cwd: packageRoot,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  try {
    const isChanged = git('status', '--porcelain', '--untracked-files=no').length > 0;
    return `${git('rev-parse', '--short', 'HEAD').trim()}${isChanged ? '+' : ''}`;
  } catch {
    return undefined;
  }
}
