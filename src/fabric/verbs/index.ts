/**
 * `farside/verbs`: RDMA from Node.js, on libibverbs and librdmacm (docs/verbs.md). It loads without the
 * addon and without rdma-core: `loadAddon` says what is missing, `verbsMissing` asks.
 */
export { loadAddon, type VerbsMissing, verbsMissing } from './addon.ts';
export { CompletionWaiter } from './completion.ts';
export { type ChosenGid, chooseGid } from './gid.ts';
export { connectLoopback, type LoopbackOptions } from './loopback.ts';
export * from './native.ts';
export { type Capabilities, probeCapabilities } from './probe.ts';
export {
  describeStatus,
  flushType,
  immediateSlot,
  outcomeOf,
  type RingOp,
  type RingOutcome,
  ringFlag,
  ringOp,
  slotWord,
  VerbRing,
} from './rings.ts';
