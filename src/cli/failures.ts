import type { Failure } from '../lab/compare.ts';
import type { PlannedRun } from '../lab/experiment/expand.ts';
import { oneLine } from '../lab/experiment/setting.ts';
import { failedAlike, failureLine } from '../lab/output/failures.ts';
import type { FailedRun } from '../lab/result.ts';
import { type ExitCode, exitCode, isUsersFault, judge, OwnSystemFailed, say } from './errors.ts';

/** Runs of an experiment that ended with an error: what its results keep of them, and what is said. */
export class Failures {
  readonly runs: readonly FailedRun[];
  readonly #errors: ReadonlyMap<FailedRun, unknown>;

  /** `planned`: the runs in the order of the specs that were run. */
  constructor(planned: readonly PlannedRun[], failures: readonly Failure[]) {
    const errors = failures.map(({ index, error }): [FailedRun, unknown] => {
      const run = planned[index] as PlannedRun;
      const blamed = blaming(run, error);
      return [failedRun(run, blamed), blamed];
    });
    this.#errors = new Map(errors);
    this.runs = errors.map(([run]) => run);
  }

  /** Says each kind of failure in one line; gives the gravest exit code among them. */
  tell(): ExitCode {
    const codes = failedAlike(this.runs).map((alike) => {
      const { code, hint } = judge(this.#errors.get(alike[0] as FailedRun));
      say(`${failureLine(alike)}${hint}`);
      return code;
    });
    const byGravity = [exitCode.internal, exitCode.broken, exitCode.usage];
    return byGravity.find((code) => codes.includes(code)) ?? exitCode.done;
  }
}

/** An unexpected error is farside's fault, unless the run was one of a module of the user. */
function blaming({ spec }: PlannedRun, error: unknown): unknown {
  return isOwn(spec.system) && !isUsersFault(error) ? new OwnSystemFailed(error) : error;
}

/** Whether a system is a module of the user, and not one by name. */
export function isOwn(system: string): boolean {
  return /[./\\]/.test(system);
}

/** Unexpected errors are farside's fault, unless modules of the user took part. */
export async function blamingOwn<T>(own: readonly string[], work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (own.length === 0 || isUsersFault(error)) throw error;
    throw new OwnSystemFailed(error, own);
  }
}

function failedRun({ spec, chosen }: PlannedRun, error: unknown): FailedRun {
  const { fabric, seed, point } = spec;
  return {
    system: chosen.label,
    fabric,
    seed,
    point,
    code: isUsersFault(error) ? error.code : undefined,
    message: oneLine(judge(error).message),
  };
}
