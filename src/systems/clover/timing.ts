import type { NodeContext } from '../../core/context.ts';
import type { CloverConfig } from './config.ts';

/**
 * The time that a retired buffer rests before it may be written again, and the longest that a READ may
 * have taken for its data to be used; equal, which is the whole of Clover's safety against torn reads.
 *
 * Claim: a READ that took less than this, and whose header word says "version v, nothing follows",
 * brought the data of version v. The bytes of a READ move in no promised order, so look at when the
 * header word was read (h) and when some data word was (d).
 * - d <= h: the reader learnt of version v through a link, a shortcut or a server, all of which are
 *   written after the WRITE of v had completed. So at d the buffer held v or something later; something
 *   later is written only after v was retired, so after v was linked to its successor, and then the
 *   header at h >= d would not say "nothing follows" and own version v.
 * - d > h: at h nothing followed. v is superseded at some l > h, retired at the server at r > l, handed
 *   out at the earliest at r + delay, and overwritten after that. A foreign word at d therefore means
 *   d > h + delay: the READ, which spans h and d, took longer than the delay.
 * A header with B_w set counts as "nothing follows" in the same way, since v is retired only after the
 * write that set it has ended.
 *
 * Both durations are measured on one machine each, so clocks need not agree, only run equally fast.
 */
export function reuseDelayNs(context: NodeContext): number {
  return Math.min(delayVerbs * context.verbBoundNs, delayNsMax);
}

/**
 * How long retired buffers rest; undefined where they wait for consent instead (`reuse=epochs`). Then
 * the claim holds for a READ of any length: at d > h + anything, a foreign word means that v was handed
 * out again, and that takes a round of consent that began after r, so after h. The reader's node
 * consents once every operation that it had begun before has ended, and this one has not. No clock is
 * read.
 */
export function restNs(context: NodeContext, config: CloverConfig): number | undefined {
  return config.reuse === 'epochs' ? undefined : reuseDelayNs(context);
}

/**
 * The paper rests a buffer for two round trips. Safety holds for any value, since a READ that takes
 * longer is repeated; progress does not: where a saturated NIC lets READs queue for longer than the
 * delay, every one of them would be repeated for ever. So it is long, up to the point where resting
 * buffers would be many: 4 ms of two million puts a second are 8,192 of them (`pools.ts`).
 */
const delayVerbs = 200;
const delayNsMax = 4_000_000;
