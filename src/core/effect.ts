/**
 * The effects that a program may yield, one file an idea. Everybody imports them from here.
 */
export {
  beginning,
  type Effect,
  effectKind,
  handBack,
  handOver,
  isSeries,
  type Program,
  type ProgramSeries,
  type Steps,
} from './effect/base.ts';
export {
  Compute,
  type ComputeKind,
  compute,
  computeIndex,
  computeKinds,
} from './effect/compute.ts';
export { LocalAccess, type LocalOp, local, localOp } from './effect/local.ts';
export {
  Fence,
  fence,
  Reconnect,
  reconnect,
  Sleep,
  Spawn,
  sleep,
  spawn,
  until,
} from './effect/node.ts';
export { Batch, batch, gather, Post, post, settle, Wait, wait } from './effect/posting.ts';
export { Receive, receive } from './effect/receive.ts';
export { atAnyTime, atRest } from './effect/rest.ts';
export {
  atomicWrite,
  cas,
  faa,
  fenced,
  fencedReason,
  flush,
  read,
  readWord,
  type Ticket,
  Verb,
  VerbError,
  type VerbOp,
  type VerbStatus,
  verbNames,
  verbOp,
  verbStatus,
  write,
  writeWord,
} from './effect/verb.ts';
