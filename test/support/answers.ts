import type { Session } from '../../src/lab/check/session.ts';

/** What each client was told in turn. In which order operations of different clients began is no answer. */
export function answersOf({ recorder }: Session): string {
  const { process, value, outcome, length } = recorder.history();
  const rows = Array.from({ length }, (_, row) => row);
  rows.sort((a, b) => (process[a] as number) - (process[b] as number) || a - b);
  return rows.map((row) => `${process[row]}:${value[row]}:${outcome[row]}`).join(' ');
}
