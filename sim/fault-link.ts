import type { Hop, HopVerdict, Transit } from './path.ts';

/**
 * What is wrong with the way from one node to another, now. Faults overlap (a slow node behind a
 * partition), so each is counted and not switched: the way is whole when all have been taken back.
 */
export class LinkFault implements Hop {
  readonly name = 'fault';
  /** Faults that cut it: requests are lost, sent again, and given up after so many times. */
  cuts = 0;
  /** Faults that lose completions: verbs act, and nobody hears of it. */
  losses = 0;
  /** What requests take longer, in nanoseconds. */
  delayNs = 0;

  pass(_transit: Transit, _nowNs: number): HopVerdict {
    if (this.cuts > 0) return { action: 'drop' };
    return { action: 'forward', delayNs: this.delayNs, loseCompletion: this.losses > 0 };
  }
}
