import { assert, type ErrorCode, errorCodes, FarsideError } from '../../core/errors.ts';
import { layout, u8, u16, u32 } from '../../core/layout.ts';
import { recordBytes, recordHead } from '../../core/record.ts';

/**
 * Requests and replies: bodies of mailbox messages, only as long as they need to be.
 *
 *   request  0 | operation u8 | key bytes u8 | call u16 | hash of the key  |
 *            8 | GET, DELETE: the key                                      |
 *            8 | INSERT, PUT: a record (core/record.ts) without version    |
 *              | and checksum: the coordinator completes it where it lies, |
 *              | and WRITEs it to memory nodes from there                  |
 *
 *   reply    0 | status u8 | - u8 | term u16 | value bytes u32 |
 *            8 | GET: the value;  refused: "CODE message"   |
 *
 *   call: bits 14..0 the term of the coordinator that answered the client last, as it was when the call
 *   was first sent; bit 15 is set when it is sent again. calls.ts says what for.
 */
export const requestHead = layout('request', {
  operation: u8,
  keyBytes: u8,
  call: u16,
  keyHash: u32,
});

export const sentAgainBit = 0x8000;

/** As much of a term as a message carries: enough to tell it from the terms right before it. */
export function termBits(term: number): number {
  return term & 0x7fff;
}

export const operations = { get: 1, put: 2, insert: 3, delete: 4 } as const;

export const replyHead = layout('reply', { status: u8, pad: u8, term: u16, valueBytes: u32 });

/** `no`: what was asked about does not exist (insert: it does). `stale`: of another term, and not served. */
export const replyStatus = { yes: 1, no: 2, refused: 3, stale: 4 } as const;

const refusalCharactersMax = 240;

/** The longest reply without a value. */
export const refusalBytesMax = replyHead.sizeBytes + refusalCharactersMax;

export function plainReply(status: number, term: number): Uint8Array {
  const bytes = new Uint8Array(replyHead.sizeBytes);
  replyHead.field.term.set(bytes, 0, termBits(term));
  replyHead.field.status.set(bytes, 0, status);
  return bytes;
}

/** A reply that makes the client throw an error with this code and message. */
export function refusal(error: FarsideError, term: number): Uint8Array {
  const text = `${error.code} ${error.message}`.slice(0, refusalCharactersMax);
  const bytes = new Uint8Array(replyHead.sizeBytes + text.length);
  replyHead.field.status.set(bytes, 0, replyStatus.refused);
  replyHead.field.term.set(bytes, 0, termBits(term));
  for (let i = 0; i < text.length; i++) bytes[replyHead.sizeBytes + i] = text.charCodeAt(i);
  return bytes;
}

export function refusalError(reply: Uint8Array): FarsideError {
  const text = String.fromCharCode(...reply.subarray(replyHead.sizeBytes));
  const space = text.indexOf(' ');
  const code = text.slice(0, space);
  return code in errorCodes
    ? new FarsideError(code as ErrorCode, text.slice(space + 1))
    : new FarsideError('FARSIDE_CORRUPT', `the coordinator's refusal does not parse: ${text}`);
}

/** Checks that the bytes form a request, where they enter. */
export function openRequest(body: Uint8Array): {
  operation: number;
  hash: number;
  keyStart: number;
  keyBytes: number;
  call: number;
} {
  const f = requestHead.field;
  const whole = body.length > requestHead.sizeBytes;
  const operation = whole ? f.operation.get(body, 0) : 0;
  const keyBytes = whole ? f.keyBytes.get(body, 0) : 0;
  const stores = operation === operations.put || operation === operations.insert;
  const keyStart = requestHead.sizeBytes + (stores ? recordHead.sizeBytes : 0);
  let expectedBytes = keyStart + keyBytes;
  let sameKeyBytes = true;
  if (stores && body.length >= keyStart) {
    const r = recordHead.field;
    const valueBytes = r.valueBytes.get(body, requestHead.sizeBytes);
    expectedBytes = requestHead.sizeBytes + recordBytes(keyBytes, valueBytes);
    sameKeyBytes = r.keyBytes.get(body, requestHead.sizeBytes) === keyBytes;
  }
  assert(
    operation >= operations.get &&
      operation <= operations.delete &&
      keyBytes > 0 &&
      sameKeyBytes &&
      body.length === expectedBytes,
    () => `a request of ${body.length} B: operation ${operation}, key of ${keyBytes} B`,
    'FARSIDE_CORRUPT',
  );
  const call = f.call.get(body, 0);
  return { operation, hash: f.keyHash.get(body, 0), keyStart, keyBytes, call };
}

/**
 * The reply's head goes where the record has its head and key, right before the value: a record's
 * head alone is larger. So the value is never copied here, between the READ and the message.
 */
export function replyWithValue(record: Uint8Array, term: number): Uint8Array {
  const f = recordHead.field;
  const valueBytes = f.valueBytes.get(record, 0);
  const start = recordHead.sizeBytes + f.keyBytes.get(record, 0);
  const reply = record.subarray(start - replyHead.sizeBytes, start + valueBytes);
  replyHead.field.status.set(reply, 0, replyStatus.yes);
  replyHead.field.pad.set(reply, 0, 0);
  replyHead.field.term.set(reply, 0, termBits(term));
  replyHead.field.valueBytes.set(reply, 0, valueBytes);
  return reply;
}

/** Of a call that a coordinator has, or may have, served which is gone. */
export function unknowable(): FarsideError {
  return new FarsideError(
    'FARSIDE_TIMEOUT',
    'the coordinator that was called first is gone: the outcome is unknown',
  );
}
