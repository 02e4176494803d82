import { tell } from '../check/describe.ts';
import { readHistory } from '../check/formats/formats.ts';
import { type History, type Outcome, outcomes } from '../check/history.ts';
import { type HistoryPromise, judge } from '../check/judge.ts';
import type { Verdict } from '../check/verdict.ts';
import { counted, formatCount } from './output/format.ts';
import { readText } from './text-file.ts';

/** A recorded history and what it says about each promise. */
export interface CheckedHistory {
  readonly history: History;
  readonly verdicts: ReadonlyMap<HistoryPromise, Verdict>;
}

/** FARSIDE_USAGE where there is no such file, FARSIDE_INPUT with file and line where it is malformed. */
export function readHistoryFile(file: string): History {
  return readHistory(readText(file), file);
}

export function checkHistoryFile(
  file: string,
  promises: readonly HistoryPromise[],
): CheckedHistory {
  const history = readHistoryFile(file);
  return {
    history,
    verdicts: new Map(promises.map((promise) => [promise, judge(history, promise)])),
  };
}

/** Operations of a broken promise that are listed. */
const shownMax = 20;

/** What the history holds, then a line for each promise, with the operations that break it below. */
export function checkedText({ history, verdicts }: CheckedHistory): string {
  const lines = [summary(history)];
  for (const [promise, verdict] of verdicts) {
    const said =
      verdict.status === 'broken'
        ? verdict.explanation
        : verdict.status === 'unknown'
          ? verdict.reason
          : '';
    lines.push(`${verdict.status.padEnd(7)}  ${promise.padEnd(16)}  ${said}`.trimEnd());
    if (verdict.status !== 'broken') continue;
    for (const row of verdict.operations.slice(0, shownMax)) lines.push(`  ${tell(history, row)}`);
    const more = verdict.operations.length - shownMax;
    if (more > 0) lines.push(`  and ${more} more`);
  }
  return `${lines.join('\n')}\n`;
}

function summary({ length, process, key, outcome }: History): string {
  const counts = new Map<Outcome, number>();
  for (const number of outcome) {
    const name = outcomes[number] as Outcome;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const ended = [...counts].map(([name, count]) => `${formatCount(count)} ${name}`).join(', ');
  const [processes, keys] = [new Set(process).size, new Set(key).size];
  return (
    `${counted(length, 'operation')} of ${counted(processes, 'process', 'processes')} on ` +
    `${counted(keys, 'key')}${ended === '' ? '' : `: ${ended}`}`
  );
}
