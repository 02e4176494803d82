import { randomStream } from '../../core/random.ts';
import type { Moment } from './plan.ts';

/** The moment of fault `index`: nanoseconds since the clients began, or a number of verbs. */
export function momentOf(moment: Moment, seed: number, index: number): number {
  const [from, to] =
    moment.kind === 'time' ? [moment.fromNs, moment.toNs] : [moment.from, moment.to];
  return from + randomStream(seed, `fault ${index}`).below(to - from + 1);
}
