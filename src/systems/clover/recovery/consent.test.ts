import { expect, test } from 'vitest';
import { CloverStore } from '../../../../test/support/clover-store.ts';
import type { Message } from '../../../core/message.ts';
import {
  newRequest,
  operations,
  pauseBody,
  replyHead,
  requestHead,
  statuses,
} from '../messages.ts';
import { Consent } from './consent.ts';

function pauseOf(from: number, incarnation: number): Message {
  const body = newRequest(operations.pause, pauseBody.sizeBytes, 0);
  pauseBody.field.incarnation.set(body, requestHead.sizeBytes, incarnation);
  return { body, from } as Message;
}

test('a pause of a server that has a successor, and arrives late, is refused', () => {
  const node = new CloverStore({ computeNodes: 1 }).node();
  const first = node.servers.node(0);
  node.servers.move(0, first, first + 100);
  node.servers.serve(0);
  const step = new Consent(node).answer(pauseOf(first, first)).next();
  expect(step.done).toBe(true);
  const reply = step.value as Uint8Array;
  expect(replyHead.field.status.get(reply, 0)).toBe(statuses.refused);
  expect(node.gate.isClosed).toBe(false);
  expect(node.servers.incarnation(0)).toBe(first + 100);
});

test('that of its successor is heeded', () => {
  const node = new CloverStore({ computeNodes: 1 }).node();
  const first = node.servers.node(0);
  new Consent(node).answer(pauseOf(first, first + 100)).next();
  expect(node.servers.incarnation(0)).toBe(first + 100);
});
