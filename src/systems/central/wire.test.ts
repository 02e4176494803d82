import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FarsideError } from '../../core/errors.ts';
import { keyOf } from '../../core/key.ts';
import { encodeRecord, layRecord, recordBytes } from '../../core/record.ts';
import {
  openRequest,
  operations,
  refusal,
  refusalBytesMax,
  refusalError,
  replyHead,
  replyStatus,
  replyWithValue,
  requestHead,
} from './wire.ts';

function request(operation: number, text: string, value?: Uint8Array): Uint8Array {
  const key = keyOf(text);
  const head = requestHead.sizeBytes;
  const length = value === undefined ? text.length : recordBytes(text.length, value.length);
  const bytes = new Uint8Array(head + length);
  requestHead.field.operation.set(bytes, 0, operation);
  requestHead.field.keyBytes.set(bytes, 0, text.length);
  requestHead.field.keyHash.set(bytes, 0, key.hash);
  if (value === undefined) bytes.set(key.bytes, head);
  else layRecord(bytes, head, key, value);
  return bytes;
}

test('a request tells where its key is', () => {
  const value = Uint8Array.of(1, 2, 3);
  for (const bytes of [request(operations.get, 'user1'), request(operations.put, 'user1', value)]) {
    const { hash, keyStart, keyBytes } = openRequest(bytes);
    expect(String.fromCharCode(...bytes.subarray(keyStart, keyStart + keyBytes))).toBe('user1');
    expect(hash).toBe(keyOf('user1').hash);
  }
});

test('bytes that are no request are refused, whatever they are', () => {
  const refused = (bytes: Uint8Array): string => {
    try {
      openRequest(bytes);
      return '';
    } catch (error) {
      return (error as FarsideError).code;
    }
  };
  const put = request(operations.put, 'user1', new Uint8Array(20));
  for (let length = 0; length < put.length; length++) {
    expect(refused(put.subarray(0, length))).toBe('FARSIDE_CORRUPT');
  }
  expect(refused(request(9, 'user1'))).toBe('FARSIDE_CORRUPT');
  expect(refused(request(0, 'user1'))).toBe('FARSIDE_CORRUPT');
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      expect(['', 'FARSIDE_CORRUPT']).toContain(refused(bytes));
    }),
  );
});

test('a reply is cut out of the record that was read, without a copy', () => {
  const record = new Uint8Array(recordBytes(1, 30));
  const value = Uint8Array.from({ length: 30 }, (_, i) => i);
  encodeRecord(record, 0, keyOf('k'), value, 5);
  const reply = replyWithValue(record, 0x18003);
  expect(reply.buffer).toBe(record.buffer);
  expect(replyHead.field.status.get(reply, 0)).toBe(replyStatus.yes);
  expect(replyHead.field.term.get(reply, 0)).toBe(3);
  expect(replyHead.field.valueBytes.get(reply, 0)).toBe(30);
  expect(reply.subarray(replyHead.sizeBytes)).toEqual(value);
});

test('a refusal carries code and message, and is never too long for a slot', () => {
  const back = refusalError(
    refusal(new FarsideError('FARSIDE_CAPACITY', 'no room: make it larger'), 0),
  );
  expect([back.code, back.message]).toEqual(['FARSIDE_CAPACITY', 'no room: make it larger']);
  const long = refusal(new FarsideError('FARSIDE_LIMIT', 'x'.repeat(10_000)), 0);
  expect(long.length).toBeLessThanOrEqual(refusalBytesMax);
  expect(refusalError(long).code).toBe('FARSIDE_LIMIT');
  expect(refusalError(new Uint8Array(20)).code).toBe('FARSIDE_CORRUPT');
});
