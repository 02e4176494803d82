import { nodeOf } from '../../../core/address.ts';
import { type Program, reconnect, VerbError } from '../../../core/effect.ts';
import { type ErrorCode, FarsideError } from '../../../core/errors.ts';
import { newReply, statuses } from '../messages.ts';
import { LostError } from '../recovery/servers.ts';
import type { MetadataEvents } from './state.ts';

/** What reading a message may end with that is the sender's fault. */
const blameSender: ReadonlySet<ErrorCode> = new Set(['FARSIDE_CORRUPT', 'FARSIDE_KEY']);

/**
 * What a peer sends must not end a metadata server, which all the others need: a message that makes no sense
 * is counted and refused. Nor must a memory node or another server that is lost meanwhile. Gives the reply.
 */
export function* survive(error: unknown, events: MetadataEvents): Program<Uint8Array> {
  if (error instanceof VerbError || error instanceof LostError) {
    events.interrupted++;
    if (error instanceof VerbError) yield* reconnect(nodeOf(error.address));
    return newReply(statuses.unavailable);
  }
  if (!(error instanceof FarsideError) || !blameSender.has(error.code)) throw error;
  events.malformed++;
  return newReply(statuses.refused);
}
