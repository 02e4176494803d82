import type { SystemPromise } from '../system.ts';

const inPlace =
  'a write is whole in the redo space of every copy before any committed copy is touched, and a ' +
  'checksum over key, lengths, version and value makes a torn READ repeat itself';
const breaking =
  'To break the lock of a holder that crashed, that holder must be fenced first, since its ' +
  'WRITEs change records in place; no clock is needed for it, and none is used';

export const directPromises: readonly SystemPromise[] = [
  {
    promise: 'read committed',
    durability: 'assumed',
    holds: 'asynchronous-safe',
    because:
      `${inPlace}. The generation in the version rejects records of a slot that was freed and ` +
      'reused. A get that finds a record in place may be ahead of its writer, whose redo copies ' +
      'guarantee by then that recovery completes the write',
  },
  {
    promise: 'read committed',
    durability: 'flush',
    holds: 'asynchronous-safe',
    because:
      `${inPlace}. Redo copies are flushed first, so a record that was seen before a power loss ` +
      'is rolled forward after it; whoever finds a record by an index entry flushes that entry, so ' +
      'none that was seen is lost',
  },
  {
    promise: 'atomic write',
    durability: 'assumed',
    holds: 'asynchronous-safe',
    because: `${inPlace}. The lock word names the write that it covers. ${breaking}`,
  },
  {
    promise: 'atomic write',
    durability: 'flush',
    holds: 'asynchronous-safe',
    because:
      'redo copies and the lock word are flushed before the committed copies are written, and ' +
      `those before the lock is left. ${breaking}`,
  },
  {
    promise: 'data reliability',
    durability: 'assumed',
    holds: 'asynchronous-safe',
    because:
      'a write is acknowledged when every copy has it. Gets of cached keys go on from another ' +
      'copy; a spare takes the place of a lost node, and its index is rebuilt from the slots of ' +
      'the copies, when every live compute node has let its writes end',
  },
  {
    promise: 'data reliability',
    durability: 'flush',
    holds: 'asynchronous-safe',
    because: 'as in assumed durability, every copy being flushed before the write is acknowledged',
  },
  {
    promise: 'linearizable',
    durability: 'assumed',
    holds: 'no',
    because:
      'every operation takes effect at one WRITE or CAS of the primary, and while all memory ' +
      'nodes answer the store is linearizable; but a get that turns to another copy may see a ' +
      'write before or after others see it',
  },
  {
    promise: 'linearizable',
    durability: 'flush',
    holds: 'no',
    because: 'as in assumed durability',
  },
];
