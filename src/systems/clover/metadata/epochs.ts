import type { NodeContext } from '../../../core/context.ts';
import { type Program, sleep } from '../../../core/effect.ts';
import { FarsideError } from '../../../core/errors.ts';
import { RpcCaller } from '../../../core/rpc.ts';
import {
  newRequest,
  operations,
  replyHead,
  requestHead,
  requestPort,
  statuses,
} from '../messages.ts';
import type { Allocator } from './allocator.ts';

/**
 * Lets epochs pass while buffers wait for them.
 *
 * The server proposes epoch e + 1 to every compute node; a node answers ok once none of its
 * operations began before it heard of it, and treats cursors unused for two epochs as misses. Only when
 * all have answered ok does the epoch pass, so a node that is silent (crashed, or cut off) keeps
 * versions from starting again at 1 for ever: its in-flight CAS could otherwise match a buffer that has
 * come round to the same version for another key. To go on without it, fence it first.
 *
 * Nothing waits for this program except allocation of a pool whose buffers have all run out, and
 * operations allocate before they take any reference, so the wait cannot close a circle.
 */
export function* passEpochs(
  context: NodeContext,
  allocator: Allocator,
  computeNodes: readonly number[],
  epochNs: number,
  events: { epochs: number; epochsRefused: number },
): Program<never> {
  const caller = new RpcCaller(context);
  for (;;) {
    yield* sleep(epochNs);
    allocator.settle(context.nowNs());
    if (allocator.overflowing === 0) continue;
    const proposed = allocator.epoch + 1;
    if (yield* allAgree(caller, computeNodes, proposed, epochNs + 1000 * context.verbBoundNs)) {
      allocator.enter(proposed);
      events.epochs++;
    } else {
      events.epochsRefused++;
    }
  }
}

function* allAgree(
  caller: RpcCaller,
  computeNodes: readonly number[],
  epoch: number,
  timeoutNs: number,
): Program<boolean> {
  const request = newRequest(operations.epoch, 0);
  requestHead.field.number.set(request, 0, epoch);
  for (const node of computeNodes) {
    try {
      const reply = yield* caller.call(node, requestPort, request, timeoutNs);
      const status = replyHead.field.status.get(reply, 0);
      caller.release();
      if (status !== statuses.ok) return false;
    } catch (error) {
      if (error instanceof FarsideError && error.code === 'FARSIDE_TIMEOUT') return false;
      throw error;
    }
  }
  return true;
}
