/**
 * farside as a library. An application opens a store (`openStore`) and awaits its operations; the
 * author of a protocol writes programs of verbs (`read`, `cas`, `batch` …) and runs them on a node
 * (`openNode`), or gathers them into a `System` of their own.
 */
export { type Address, formatAddress, globalAddress, nodeOf, offsetOf } from './core/address.ts';
export type { Durability, FabricKind, NodeContext } from './core/context.ts';
export { Counters } from './core/counters.ts';
export {
  atAnyTime,
  atomicWrite,
  atRest,
  batch,
  cas,
  compute,
  type Effect,
  faa,
  fence,
  fenced,
  flush,
  gather,
  local,
  type Program,
  post,
  read,
  readWord,
  receive,
  reconnect,
  settle,
  sleep,
  spawn,
  type Ticket,
  until,
  type Verb,
  VerbError,
  verbStatus,
  wait,
  write,
  writeWord,
} from './core/effect.ts';
export { type ErrorCode, errorCodes, FarsideError } from './core/errors.ts';
export { type Key, keyBytesMax, keyOf } from './core/key.ts';
export { layout, u8, u16, u32, u53, u64 } from './core/layout.ts';
export {
  copyValue,
  encodeRecord,
  recordBytes,
  recordHead,
  recordIsWhole,
  recordValueBytes,
  valueBytesMax,
} from './core/record.ts';
export { RpcCaller, serve } from './core/rpc.ts';
export type { AsyncNode } from './lab/store/async-node.ts';
export {
  type OpenNode,
  type OpenStoreOptions,
  openNode,
  openStore,
} from './lab/store/open-store.ts';
export type { KeyLike, Store } from './lab/store/store.ts';
export { ClusterMap, type NodeSpec, type Region, type RegionSpec } from './memory/cluster.ts';
export {
  type Audit,
  type AuditEntry,
  type Fault,
  type MemoryImage,
  nothingRecovered,
  type RecoveryReport,
} from './systems/recovery.ts';
export type {
  ServerSpec,
  Site,
  StoreClient,
  StoreOperation,
  StoreShape,
  System,
  SystemLayout,
  SystemNode,
  SystemParameter,
  SystemPromise,
  SystemServer,
  SystemStatistics,
} from './systems/system.ts';
