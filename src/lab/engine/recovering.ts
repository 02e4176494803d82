import { type Program, sleep } from '../../core/effect.ts';
import type { Fault, RecoveryReport } from '../../systems/recovery.ts';
import { isSurvivable } from '../driver/perform.ts';
import type { Recovered } from './fault-book.ts';
import type { NodeWatch } from './node-watch.ts';

/** Who can be told of a fault: a compute node's system node, or a server. */
export interface Recoverer {
  recover?(fault: Fault): Program<RecoveryReport>;
}

/** Attempts before a recovery that cannot be completed ends the run. */
const attemptsMax = 50;
/** Another fault may hit a recovery; it begins again after a pause that doubles, up to this. */
const pauseNs = { first: 20_000, last: 10_000_000 } as const;

/** Tells one survivor of a fault: a program of its own, and what it did when it has ended. */
export function tell(
  watch: NodeWatch,
  who: Recoverer,
  fault: Fault,
  index: number,
  onRecovered: (recovered: Recovered) => void,
): void {
  if (who.recover === undefined || watch.isHalted) return;
  watch.start(recovering(watch, who, fault, index, onRecovered), {
    label: `recover ${fault.kind}`,
  });
}

function* recovering(
  watch: NodeWatch,
  who: Recoverer,
  fault: Fault,
  index: number,
  onRecovered: (recovered: Recovered) => void,
): Program {
  const { context } = watch;
  const { counters } = context;
  for (let retries = 0; ; retries++) {
    try {
      const report = yield* (who.recover as NonNullable<Recoverer['recover']>).call(who, fault);
      const { verbs, bytesOut, bytesIn } = counters;
      const endNs = context.nowNs();
      onRecovered({ ...report, fault: index, endNs, retries, verbs, bytesOut, bytesIn });
      return;
    } catch (error) {
      if (!isSurvivable(error) || retries + 1 >= attemptsMax) throw error;
      yield* sleep(Math.min(pauseNs.first * 2 ** retries, pauseNs.last));
    }
  }
}
