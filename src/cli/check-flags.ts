import { usageError } from '../lab/experiment/setting.ts';

type Given = Readonly<Record<string, unknown>>;

/** What `farside check` can be asked to do: search schedules, run one again, or judge a history. */
type Task = 'search' | 'replay' | 'history';

const ownFlags: Readonly<Record<Exclude<Task, 'search'>, readonly string[]>> = {
  replay: ['replay'],
  history: ['history', 'promise', 'to'],
};

/** FARSIDE_USAGE for each flag, and a system, that could have no effect on what is asked for. */
export function refuseIdleFlags(system: string | undefined, given: Given): void {
  const task =
    given.history !== undefined ? 'history' : given.replay !== undefined ? 'replay' : 'search';
  const problems = task === 'search' ? idleInSearch(given) : idleWithFile(task, given);
  if (task === 'history' && system !== undefined) {
    problems.push(
      `check ${system}: it has no effect with --history: a history is judged by itself; leave it out`,
    );
  }
  if (problems.length > 0) throw usageError(problems);
}

function idleWithFile(task: 'replay' | 'history', given: Given): string[] {
  const own = ownFlags[task];
  const problems = writtenFlags(given)
    .filter((name) => !own.includes(name))
    .map((name) => `${flagText(name, given)}: it has no effect with --${task}; leave it out`);
  if (given.to !== undefined && given.promise !== undefined) {
    problems.push('--promise: it has no effect with --to, which judges nothing; leave one out');
  }
  return problems;
}

function idleInSearch(given: Given): string[] {
  const isExhaustive = given.scheduler === 'exhaustive';
  const idle: readonly (readonly [name: string, isIdle: boolean, why: string])[] = [
    ['promise', true, 'without --history'],
    ['to', true, 'without --history'],
    ['schedules', isExhaustive, 'with --scheduler exhaustive, which runs all (--states limits it)'],
    ['states', !isExhaustive, 'without --scheduler exhaustive'],
    ['earlyTimers', !isExhaustive, 'without --scheduler exhaustive'],
    ['clients', given.script !== undefined, 'with --script, which has the operations of each'],
    ['operations', given.script !== undefined, 'with --script, which has the operations of each'],
    ['recoverers', given.recovery === false, 'with --no-recovery'],
  ];
  return idle
    .filter(([name, isIdle]) => isIdle && given[name] !== undefined)
    .map(([name, , why]) => `${flagText(name, given)}: it has no effect ${why}; leave it out`);
}

/** Names of the flags that were written, as commander keeps them; `recovery` is there by itself. */
function writtenFlags(given: Given): string[] {
  return Object.keys(given).filter((name) => {
    return given[name] !== undefined && !(name === 'recovery' && given[name] === true);
  });
}

function flagText(name: string, given: Given): string {
  const value = given[name];
  if (name === 'recovery') return '--no-recovery';
  const flag = `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  return value === true ? flag : `${flag} ${String(value)}`;
}
