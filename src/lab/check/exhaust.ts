import { Crew, type Knowledge, KnownStates, together } from '../../../sim/explore/index.ts';
import type { ExhaustiveTask, Learnt, Part } from './run-worker.ts';
import { type Findings, mergeFindings } from './search.ts';

/** Runs one task a thread, all at once. */
export type RunTogether = (tasks: readonly ExhaustiveTask[]) => Promise<readonly Part[]>;

/**
 * States that one isolate enters first, alone: a small search ends there, and a larger one has learnt the
 * names of its programs and most of who touches what, so that the crew seldom has to begin anew.
 */
const scoutStates = 4096;

/**
 * All schedules, by `threads` isolates that share the states which they have entered (`Crew`). Each learns
 * by itself which words only one queue pair touches. In the end all know together what each has seen: where
 * that shows one to have relied on what is not so, all begin anew with it.
 */
export async function exhaust(
  statesMax: number,
  threads: number,
  run: RunTogether,
): Promise<Findings> {
  const scheduler = 'exhaustive';
  const alone: ExhaustiveTask = { scheduler, statesMax };
  const scouts = { ...alone, statesMax: Math.min(statesMax, scoutStates) };
  const [first] = await run([threads === 1 ? alone : scouts]);
  if (first === undefined) return mergeFindings([]);
  let { learnt } = first;
  if (threads === 1 || first.findings.exhaustive?.end !== 'gave up' || learnt === undefined) {
    return first.findings;
  }
  for (let restarts = first.findings.exhaustive.restarts + 1; ; restarts++) {
    const [states, crew] = [KnownStates.share(statesMax), Crew.share()];
    const parts = await run(
      Array.from({ length: threads }, (_, member) => {
        const membership = { member, members: threads, states, crew };
        return { ...alone, learnt, membership };
      }),
    );
    const { all, wasWrong } = joined(parts);
    const findings = merged(parts, restarts);
    const isOver = findings.failure !== undefined || findings.exhaustive?.end === 'gave up';
    if (isOver || !wasWrong) return findings;
    learnt = all;
  }
}

function joined(parts: readonly Part[]): { readonly all: Learnt; readonly wasWrong: boolean } {
  const learnt = parts.flatMap((part) => (part.learnt === undefined ? [] : [part.learnt]));
  const { wasWrong, ...knowledge } = together(learnt.map((one): Knowledge => one.knowledge));
  const names = [...new Set(learnt.flatMap((one) => one.names))];
  return { all: { names, knowledge }, wasWrong };
}

/** One that failed, gave up or was wrong stops the others, which then say that they gave up. */
const ends = ['stopped', 'wrong', 'gave up', 'complete'] as const;

function merged(parts: readonly Part[], restarts: number): Findings {
  const counts = parts.flatMap(({ findings: { exhaustive } }) =>
    exhaustive === undefined ? [] : [exhaustive],
  );
  const [first, ...others] = counts;
  const findings = mergeFindings(parts.map((part) => part.findings));
  if (first === undefined) return findings;
  const sum = { ...first };
  for (const other of others) {
    for (const name of summed) sum[name] += other[name];
    sum.longestSchedule = Math.max(sum.longestSchedule, other.longestSchedule);
  }
  const end = ends.find((one) => counts.some((count) => count.end === one)) ?? 'gave up';
  return { ...findings, exhaustive: { ...sum, restarts, end } };
}

const summed = [
  'schedules',
  'states',
  'steps',
  'cutByState',
  'cutBySleep',
  'cutByLonely',
  'schedulesSaved',
  'heldTimers',
] as const;
