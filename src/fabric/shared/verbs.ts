import { offsetOf } from '../../core/address.ts';
import { type LocalAccess, localOp, type Verb, verbOp, verbStatus } from '../../core/effect.ts';
import { assert } from '../../core/errors.ts';
import type { ClusterSpace } from '../../memory/space.ts';

/** Executes one verb on the stack: bulk bytes by copy, words by `Atomics`. */
export function execute(space: ClusterSpace, verb: Verb<unknown>): void {
  const target = space.at(verb.address, verb.lengthBytes);
  const offset = offsetOf(verb.address);
  const { buffer } = verb;
  switch (verb.op) {
    case verbOp.read:
      if (buffer === undefined) setWord(verb, Atomics.load(target.words, offset / 8));
      else {
        assertAligned(buffer);
        buffer.set(target.bytes.subarray(offset, offset + buffer.length));
      }
      break;
    case verbOp.write:
    case verbOp.atomicWrite:
      if (buffer === undefined) Atomics.store(target.words, offset / 8, verb.operand);
      else {
        assertAligned(buffer);
        target.bytes.set(buffer, offset);
      }
      break;
    case verbOp.cas:
      setWord(verb, Atomics.compareExchange(target.words, offset / 8, verb.compare, verb.operand));
      break;
    case verbOp.faa:
      setWord(verb, Atomics.add(target.words, offset / 8, verb.operand));
      break;
    case verbOp.flush:
      break; // what is visible in process memory is as durable as it gets
  }
  verb.status = verbStatus.ok;
}

export function executeLocal(space: ClusterSpace, access: LocalAccess<unknown>): void {
  const target = space.at(access.address, access.lengthBytes);
  const offset = offsetOf(access.address);
  switch (access.op) {
    case localOp.read: {
      const into = access.buffer as Uint8Array;
      into.set(target.bytes.subarray(offset, offset + into.length));
      break;
    }
    case localOp.write:
      target.bytes.set(access.buffer as Uint8Array, offset);
      break;
    case localOp.cas:
      access.word = Atomics.compareExchange(
        target.words,
        offset / 8,
        access.compare,
        access.operand,
      );
      break;
    case localOp.persist:
      break;
  }
}

function setWord(verb: Verb<unknown>, word: bigint): void {
  verb.low = Number(word & 0xffffffffn);
  verb.high = Number(word >> 32n);
}

function assertAligned(buffer: Uint8Array): void {
  assert(buffer.byteOffset % 8 === 0, 'a local buffer is not 8-byte aligned', 'FARSIDE_ALIGNMENT');
}
