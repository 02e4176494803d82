import { usageError } from '../lab/experiment/setting.ts';
import { camelCase } from './camel-case.ts';

type Given = Readonly<Record<string, unknown>>;

/** Flags that need another, and those that another makes idle: what they are beside, in words for people. */
const idle: readonly {
  readonly flags: readonly string[];
  isIdle(given: Given): boolean;
  readonly because: string;
}[] = [
  {
    flags: ['early-timers', 'states'],
    isIdle: ({ scheduler }) => scheduler !== 'exhaustive',
    because: 'it is for --scheduler exhaustive',
  },
  {
    flags: ['schedules'],
    isIdle: ({ scheduler }) => scheduler === 'exhaustive',
    because: '--scheduler exhaustive runs all of them',
  },
  {
    flags: ['clients', 'operations'],
    isIdle: ({ script }) => script !== undefined,
    because: '--script says what each client does',
  },
  {
    flags: ['recoverers'],
    isIdle: ({ recovery }) => recovery === false,
    because: 'with --no-recovery nobody repairs',
  },
];

/** What a user asked for in vain is an error: one line for each flag. */
export function refuseIdleCheck(given: Given): void {
  const problems = idle.flatMap(({ flags, isIdle, because }) => {
    if (!isIdle(given)) return [];
    return flags
      .map((flag) => ({ flag, value: given[camelCase(flag)] }))
      .filter(({ value }) => value !== undefined)
      .map(({ flag, value }) => `--${flag} ${String(value)}: it has no effect, since ${because}`);
  });
  if (problems.length > 0) throw usageError(problems);
}
