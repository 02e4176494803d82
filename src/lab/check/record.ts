import type { CheckResult } from './check.ts';
import { coverage, describeResult, describeScenario, describeSearch } from './report.ts';

/** Where and when a check ran, which nothing in its result says. */
export interface CheckOrigin {
  readonly version: string;
  /** Of the sources, as git names it; undefined where there are none. */
  readonly commit: string | undefined;
  /** The day, as 2026-01-31. */
  readonly day: string;
  readonly command: string;
  readonly host: string;
  /** The most memory that the process ever had. */
  readonly memoryBytesMax: number;
}

/** One check as a section of Markdown, for a file that keeps what was shown: docs/verification.md. */
export function recordText(result: CheckResult, origin: CheckOrigin): string {
  const { plan, findings } = result;
  const { reached, gaps } = coverage(result);
  const { version, commit, day, command, host, memoryBytesMax } = origin;
  const rows = [
    ['verdict', describeResult(result)],
    ['farside', `${version}, commit ${commit ?? 'unknown'}, ${day}`],
    ['command', `\`${command}\``],
    ['scenario', describeScenario(plan.scenario).join('; ')],
    [
      'run',
      `${describeSearch(result)}; ${host}, at most ${Math.ceil(memoryBytesMax / 2 ** 20)} MiB`,
    ],
    ['reached', reached.join('; ') || 'nothing rare'],
    ['never reached', gaps.join('; ') || 'nothing'],
    ['left unrepaired', `${findings.unrepaired} schedules`],
  ];
  const table = rows.map(([name, text]) => `| ${name} | ${text} |`);
  const title = `### ${plan.scenario.system}, ${plan.scheduler}, ${day}`;
  return [title, '', '| | |', '|---|---|', ...table, ''].join('\n');
}
