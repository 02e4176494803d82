/**
 * `farside/verbs`: RDMA from Node.js, on libibverbs and librdmacm (docs/verbs.md). It loads without the
 * addon and without rdma-core: `loadAddon` says what is missing, `verbsMissing` asks.
 */
export { loadAddon, type VerbsMissing, verbsMissing } from './addon.ts';
export { CmHub } from './cm-hub.ts';
export { CompletionWaiter } from './completion.ts';
export {
  type Connected,
  type ConnectRequest,
  connectQueuePair,
  cpuMicrosecondsAt,
  type Destination,
  fenceAt,
  parseDestination,
} from './connect.ts';
export {
  type ConnectionOptions,
  connectionDefaults,
  type RunConnections,
} from './connection-options.ts';
export { decodeDirectory, type FlushReach, type RegionDescriptor } from './directory.ts';
export { type ChosenGid, chooseGid } from './gid.ts';
export { connectLoopback, type LoopbackOptions } from './loopback.ts';
export { MemoryServer, type MemoryServerOptions, type ServedRegion } from './memory-server.ts';
export * from './native.ts';
export { type Capabilities, probeCapabilities } from './probe.ts';
export { rehearse } from './rehearsal.ts';
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
