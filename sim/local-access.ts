import { nodeOf, offsetOf } from '../src/core/address.ts';
import { type LocalAccess, localOp } from '../src/core/effect.ts';
import { assert } from '../src/core/errors.ts';
import { packWord } from '../src/core/word.ts';
import type { Costs } from './costs.ts';
import type { Machine } from './machine.ts';

/** Performs a program's access to a region of its own node; gives the CPU time it takes, in picoseconds. */
export function accessLocally(
  machine: Machine,
  access: LocalAccess<unknown>,
  costs: Costs,
  nowPs: number,
): number {
  const { memory, node: spec } = machine;
  const offset = offsetOf(access.address);
  assert(
    nodeOf(access.address) === spec.id && offset + access.lengthBytes <= spec.spaceBytes,
    () => `local access to ${access.address} of node ${nodeOf(access.address)} on ${spec.name}`,
    'FARSIDE_ADDRESS',
  );
  let costPs = costs.localPs + Math.round(access.lengthBytes * costs.localBytePs);
  switch (access.op) {
    case localOp.read:
      memory.readNow(offset, access.buffer as Uint8Array, nowPs);
      break;
    case localOp.write:
      memory.writeNow(offset, access.buffer as Uint8Array, nowPs);
      break;
    case localOp.cas: {
      const old = memory.casNow(offset, access.compare, access.operand, nowPs);
      access.word = packWord(old.high, old.low);
      break;
    }
    case localOp.persist:
      memory.windows.landWrites(nowPs);
      memory.persist(offset, access.lengthBytes, nowPs);
      costPs = costs.persistPs + Math.ceil(access.lengthBytes / 64) * costs.persistLinePs;
      break;
  }
  return costPs;
}
