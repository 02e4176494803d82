import { expect, test } from 'vitest';
import type { Message } from '../../core/message.ts';
import { Calls, verdict } from './calls.ts';
import { sentAgainBit } from './wire.ts';

const reply = Uint8Array.of(1);

function message(request: number, from = 5, replyPort = 2): Message {
  const counts = { operation: 0, roundTrips: 0, flags: 0, verbs: 0, doorbells: 0 };
  const bytes = { bytesOut: 0, bytesIn: 0, body: new Uint8Array(0) };
  return { from, connection: undefined, replyPort, request, ...counts, ...bytes };
}

test('a call is served once, whichever of its sendings is seen first', () => {
  const calls = new Calls();
  expect(calls.admit(message(1), sentAgainBit, 0)).toBe(verdict.serve);
  expect(calls.admit(message(1), 0, 0)).toBe(verdict.drop);
  calls.served(message(1), reply);
  expect(calls.admit(message(1), 0, 0)).toBe(verdict.answered);
  expect(calls.replyTo(message(1))).toBe(reply);
  expect(calls.admit(message(2), 0, 0)).toBe(verdict.serve);
  // The client has gone on: whatever is still under way of call 1 comes too late.
  expect(calls.admit(message(1), 0, 0)).toBe(verdict.unknowable);
  calls.served(message(1), reply);
  expect(calls.replyTo(message(2))).toBeUndefined();
});

test('numbers wrap around', () => {
  const calls = new Calls();
  expect(calls.admit(message(2 ** 32 - 1), 0, 0)).toBe(verdict.serve);
  expect(calls.admit(message(0), 0, 0)).toBe(verdict.serve);
  expect(calls.admit(message(2 ** 32 - 1), sentAgainBit, 0)).toBe(verdict.unknowable);
});

test('what was first sent in another term may have been served by another', () => {
  const calls = new Calls();
  expect(calls.admit(message(1), sentAgainBit | 3, 4)).toBe(verdict.unknowable);
  expect(calls.admit(message(1), sentAgainBit | 4, 4)).toBe(verdict.serve);
  // Its client has sent it to another as well, or will know that nobody has served it.
  expect(calls.admit(message(2), 3, 4)).toBe(verdict.stale);
  expect(calls.admit(message(3), 4, 4)).toBe(verdict.serve);
});

test('clients are told apart by node and port, and their replies are forgotten with their node', () => {
  const calls = new Calls();
  for (const [node, port] of [
    [5, 0],
    [5, 1],
    [6, 0],
    [4095, 65_535],
  ] as const) {
    expect(calls.admit(message(9, node, port), 0, 0)).toBe(verdict.serve);
  }
  calls.served(message(9, 5, 1), reply);
  expect(calls.forget(5)).toBe(2);
  // What has arrived of them is not served again; the next start's calls have higher numbers.
  expect(calls.admit(message(9, 5, 1), sentAgainBit, 0)).toBe(verdict.drop);
  expect(calls.admit(message(1, 5, 1), 0, 0)).toBe(verdict.unknowable);
  expect(calls.admit(message(2 ** 20, 5, 1), 0, 0)).toBe(verdict.serve);
  expect(calls.admit(message(1, 6, 0), 0, 0)).toBe(verdict.unknowable);
});
