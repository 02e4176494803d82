import { FarsideError } from '../../core/errors.ts';
import { type Key, keyOf } from '../../core/key.ts';
import { layout, u8, u16, u32, u53, u64 } from '../../core/layout.ts';
import { loadHalf, storeHalf } from '../../core/word.ts';
import type { Fault, RecoveryReport } from '../recovery.ts';
import type { StoreShape } from '../system.ts';
import { buffersPerRequestMax, retireBatchMax } from './config.ts';
import type { CloverLayout, Place } from './layout.ts';
import {
  areaIn,
  entryIn,
  entryLow,
  handleOf,
  highHalfFor,
  type Reference,
  versionOf,
} from './pointer.ts';

/**
 * What compute nodes and metadata servers say to each other. Every request starts with the same head:
 *
 *    0 +-----------+----------+------------+---------+---------+-----+
 *      | operation | class u8 | bucket u16 | count   | key u8  |  -  |   count u16, key length in bytes
 *    8 +-----------+----------+------------+---------+---------+-----+
 *      | number u53: the chain (remove), the epoch (epoch), else the |
 *      | sender's incarnation, or the lost one (lost), or which      |
 *      | metadata server it is (pause, resume)                       |
 *   16 +-------------------------------------------------------------+
 *      | query:  key                                                 |
 *      | open:   R entry words | key                                 |
 *      | remove: entry word of the tombstone's primary copy | key    |
 *      | ask:    -                                                   |
 *      | retire: count retire records                                |
 *      | report: count u53: bytes moved at each memory node          |
 *      | lost:   node u53                                            |
 *      | pause, resume, memory, rebuild: see their layouts below     |
 *      +-------------------------------------------------------------+
 *
 * and every reply with this, then `count` entry words (query, open: R of them; ask: free buffers):
 *
 *    0 +-----------+-----+-----------+----------+
 *      | status u8 |  -  | count u16 | -  u32   |
 *    8 +-----------+-----+-----------+----------+
 *      | chain u53 (query, open)                |
 *   16 +----------------------------------------+
 *
 * (lost: a recovery report instead, drawn below).
 */
export const requestHead = layout('metadata request', {
  operation: u8,
  sizeClass: u8,
  bucket: u16,
  count: u16,
  keyBytes: u8,
  pad: u8,
  number: u53,
});

export const replyHead = layout('metadata reply', {
  status: u8,
  pad: u8,
  count: u16,
  pad2: u32,
  chain: u53,
});

/**
 * One superseded version; `old` is the primary copy in entry form, then R entry words follow for the
 * version that took its place. The new version's sequence lies in their area.
 *
 *    0 +-----------------+   8 +-----------------+  16 +---------------------+
 *      | chain u53       |     | old entry word  |     | R entry words (new) |
 *      +-----------------+     +-----------------+     +---------------------+
 */
export const retireHead = layout('retire record', { chain: u53, old: u64 });
/** In place of a sequence, in `old`: verbs of unknown outcome may yet act upon that version's buffers. */
export const inDoubtMark = 1;

export function retireRecordBytes(replicas: number): number {
  return retireHead.sizeBytes + 8 * replicas;
}

export const operations = {
  query: 1,
  open: 2,
  remove: 3,
  ask: 4,
  retire: 5,
  report: 6,
  epoch: 7,
  lost: 8,
  pause: 9,
  resume: 10,
  memory: 11,
  rebuild: 12,
  /** Server to compute node: that incarnation has been fenced. */
  expel: 13,
} as const;

/** Requests whose answer waits for others. */
export const takeLong: ReadonlySet<number> = new Set([
  operations.lost,
  operations.memory,
  operations.rebuild,
]);

/** Those of operations, and of what follows them, which compute nodes at rest have none of under way. */
export const givenUpAtRest: ReadonlySet<number> = new Set([
  operations.query,
  operations.open,
  operations.remove,
  operations.ask,
  operations.retire,
]);

/** `pause`, server to compute node: `all` 0 or 1: forget what is of this server, or of all of them. */
export const pauseBody = layout('pause', {
  all: u53,
  /** Of the server that asks. */
  incarnation: u53,
  /** 1 + a memory node that is lost or has started anew; 0: none. */
  healed: u53,
  /** Verbs that were posted to starts of it before this one are over. */
  start: u53,
});

/**
 * The answer of a node that is at rest; then, by bucket, its place (u53, below), and `lost` pairs of a
 * compute node and an incarnation of it that is lost.
 */
export const pausedBody = layout('paused', { incarnation: u53, placementVersion: u53, lost: u53 });
/** Of those that are known, the last so many are told. */
export const lostToldMax = 32;
export const lostPair = layout('lost incarnation', { node: u53, incarnation: u53 });

/** `resume`, server to compute node; then `count` placements of buckets. */
export const resumeBody = layout('resume', { epoch: u53, placementVersion: u53 });

const placementWord = u53.at(0);
/** A place as one number: node + 4096 x room. */
const roomFactor = 4096;

export function storePlacements(bytes: Uint8Array, at: number, layout: CloverLayout): void {
  for (const [bucket, { node, room }] of layout.places.entries()) {
    placementWord.set(bytes, at + 8 * bucket, node + roomFactor * room);
  }
}

/** By bucket, where it lies; undefined where the message is too short for all. */
export function placementsIn(
  bytes: Uint8Array,
  at: number,
  layout: CloverLayout,
): Place[] | undefined {
  if (bytes.length < at + 8 * layout.buckets) return undefined;
  return layout.places.map((_, bucket) => {
    const word = placementWord.get(bytes, at + 8 * bucket);
    return { node: word % roomFactor, room: Math.floor(word / roomFactor) };
  });
}

/**
 * `memory` (to the first server) and `rebuild` (from it to the others, with its incarnation as number): a
 * memory node and its fate, or none; in `rebuild`, behind it, where everything lies from now on.
 */
export const memoryBody = layout('memory fault', {
  kind: u53,
  node: u53,
  /** 1 + the spare, the node that all goes to, or the number of the start; 0: none. */
  to: u53,
});

/** Where the placements of a `rebuild` begin. */
export const rebuildPlacesAt = requestHead.sizeBytes + memoryBody.sizeBytes;

export const memoryKinds = ['memoryRestarted', 'memoryLost', 'memoryMoved'] as const;

export type MemoryFault = Extract<Fault, { kind: (typeof memoryKinds)[number] }>;

/** `rebuild`: of a first server of that incarnation, with where everything lies. `fault`: what it is for. */
export function memoryRequest(
  operation: number,
  fault: MemoryFault | undefined,
  rebuild?: { readonly layout: CloverLayout; readonly leader: number },
): Uint8Array {
  const placesBytes = rebuild === undefined ? 0 : 8 * rebuild.layout.buckets;
  const request = newRequest(operation, memoryBody.sizeBytes + placesBytes, rebuild?.leader);
  if (rebuild !== undefined) storePlacements(request, rebuildPlacesAt, rebuild.layout);
  const f = memoryBody.field;
  f.kind.set(request, requestHead.sizeBytes, memoryKinds.length);
  if (fault === undefined) return request;
  const to = numberOf(fault);
  f.kind.set(request, requestHead.sizeBytes, memoryKinds.indexOf(fault.kind));
  f.node.set(request, requestHead.sizeBytes, fault.node);
  f.to.set(request, requestHead.sizeBytes, to === undefined ? 0 : to + 1);
  return request;
}

function numberOf(fault: MemoryFault): number | undefined {
  if (fault.kind === 'memoryRestarted') return fault.start;
  return fault.kind === 'memoryMoved' ? fault.to : fault.spare;
}

/** Undefined: the request is about none. */
export function memoryFaultIn(body: Uint8Array): MemoryFault | undefined {
  if (body.length < requestHead.sizeBytes + memoryBody.sizeBytes) {
    throw corrupt('a memory fault', body.length);
  }
  const f = memoryBody.field;
  const kindNumber = f.kind.get(body, requestHead.sizeBytes);
  if (kindNumber === memoryKinds.length) return undefined;
  const kind = memoryKinds[kindNumber];
  const node = f.node.get(body, requestHead.sizeBytes);
  const to = f.to.get(body, requestHead.sizeBytes) - 1;
  if (kind === 'memoryMoved') return { kind, node, to };
  if (kind === 'memoryLost') return { kind, node, spare: to < 0 ? undefined : to };
  if (kind === 'memoryRestarted') return { kind, node, start: to };
  throw new FarsideError('FARSIDE_CORRUPT', 'a message names a memory fault that there is not');
}

/** By bucket, where a `rebuild` says that it lies. */
export function rebuiltPlacesIn(body: Uint8Array, layout: CloverLayout): readonly Place[] {
  const places = placementsIn(body, rebuildPlacesAt, layout);
  if (places === undefined) throw corrupt('the placements of a rebuild', body.length);
  return places;
}

/** The node of a `lost` request, behind its head. */
export const lostNode = u53.at(0);

/** What a reply to `lost` says: a RecoveryReport. */
export const recoveryBody = layout('recovery report', {
  locksBroken: u53,
  entriesRepaired: u53,
  buffersReclaimed: u53,
  bytesMoved: u53,
});

export function recoveryReply(report: RecoveryReport): Uint8Array {
  const reply = new Uint8Array(replyHead.sizeBytes + recoveryBody.sizeBytes);
  replyHead.field.status.set(reply, 0, statuses.ok);
  const f = recoveryBody.field;
  f.locksBroken.set(reply, replyHead.sizeBytes, report.locksBroken);
  f.entriesRepaired.set(reply, replyHead.sizeBytes, report.entriesRepaired);
  f.buffersReclaimed.set(reply, replyHead.sizeBytes, report.buffersReclaimed);
  f.bytesMoved.set(reply, replyHead.sizeBytes, report.bytesMoved);
  return reply;
}

export function recoveryIn(reply: Uint8Array): RecoveryReport {
  const f = recoveryBody.field;
  return {
    locksBroken: f.locksBroken.get(reply, replyHead.sizeBytes),
    entriesRepaired: f.entriesRepaired.get(reply, replyHead.sizeBytes),
    buffersReclaimed: f.buffersReclaimed.get(reply, replyHead.sizeBytes),
    bytesMoved: f.bytesMoved.get(reply, replyHead.sizeBytes),
  };
}

export const statuses = {
  ok: 1,
  absent: 2,
  exists: 3,
  refused: 4,
  full: 5,
  unavailable: 6,
  /** The key is reserved: what an earlier opening that failed may have WRITTEN is not gone yet. */
  reserved: 7,
} as const;

/** Every metadata server takes requests here, every compute node takes epochs here. */
export const requestPort = 0;

export function newRequest(operation: number, bodyBytes: number, number = 0): Uint8Array {
  const bytes = new Uint8Array(requestHead.sizeBytes + bodyBytes);
  requestHead.field.operation.set(bytes, 0, operation);
  requestHead.field.number.set(bytes, 0, number);
  return bytes;
}

/** `more`: bytes behind the entry words. */
export function newReply(status: number, words = 0, more = 0): Uint8Array {
  const bytes = new Uint8Array(replyHead.sizeBytes + 8 * words + more);
  replyHead.field.status.set(bytes, 0, status);
  replyHead.field.count.set(bytes, 0, words);
  return bytes;
}

/** A request that carries `key` behind `at` bytes of body. */
export function newKeyRequest(operation: number, key: Key, at: number, number: number): Uint8Array {
  const bytes = newRequest(operation, at + key.bytes.length, number);
  requestHead.field.keyBytes.set(bytes, 0, key.bytes.length);
  bytes.set(key.bytes, requestHead.sizeBytes + at);
  return bytes;
}

export function keyIn(request: Uint8Array, at: number): Key {
  const start = requestHead.sizeBytes + at;
  const end = start + requestHead.field.keyBytes.get(request, 0);
  if (end > request.length) throw corrupt('a key', request.length);
  return keyOf(request.subarray(start, end));
}

export function storeEntry(
  bytes: Uint8Array,
  at: number,
  target: Reference,
  sequence: number,
): void {
  storeHalf(bytes, at, entryLow(target, sequence));
  storeHalf(bytes, at + 4, highHalfFor(handleOf(target)));
}

export function entryAt(bytes: Uint8Array, at: number): Reference {
  if (at + 8 > bytes.length) throw corrupt('an entry word', bytes.length);
  return entryIn(loadHalf(bytes, at + 4), loadHalf(bytes, at));
}

export function entriesAt(bytes: Uint8Array, at: number, count: number): Reference[] {
  const refs: Reference[] = [];
  for (let i = 0; i < count; i++) refs.push(entryAt(bytes, at + 8 * i));
  return refs;
}

/** As `entryAt`, from a peer: it must be a buffer of this store at a version that there is. */
export function bufferAt(bytes: Uint8Array, at: number, layout: CloverLayout): Reference {
  const target = entryAt(bytes, at);
  if (!layout.isHandle(handleOf(target)) || versionOf(target) < 1) {
    throw new FarsideError('FARSIDE_CORRUPT', `a message names buffer ${target}: there is none`);
  }
  return target;
}

/** Fills `refs` with as many of them as it is long. */
export function buffersInto(
  refs: Reference[],
  bytes: Uint8Array,
  at: number,
  layout: CloverLayout,
): void {
  for (let i = 0; i < refs.length; i++) refs[i] = bufferAt(bytes, at + 8 * i, layout);
}

export function buffersAt(
  bytes: Uint8Array,
  at: number,
  count: number,
  layout: CloverLayout,
): Reference[] {
  return Array.from({ length: count }, (_, i) => bufferAt(bytes, at + 8 * i, layout));
}

/** The operation of a request; FARSIDE_CORRUPT where it is shorter than what it says it holds. */
export function operationIn(body: Uint8Array, replicas: number): number {
  const operation = body.length < requestHead.sizeBytes ? 0 : (body[0] as number);
  const count = operation === 0 ? 0 : requestHead.field.count.get(body, 0);
  let least = requestHead.sizeBytes;
  if (operation === operations.retire) least += count * retireRecordBytes(replicas);
  if (operation === operations.report) least += 8 * count;
  if (body.length < least) throw corrupt(`its ${count} entries`, body.length);
  return operation;
}

export function sequenceAt(bytes: Uint8Array, at: number): number {
  return areaIn(loadHalf(bytes, at));
}

function corrupt(what: string, lengthBytes: number): FarsideError {
  return new FarsideError(
    'FARSIDE_CORRUPT',
    `a message of ${lengthBytes} B ends before ${what}: sender and receiver differ`,
  );
}

/** The longest body of any message of a store of that shape. */
export function messageBytesMax(shape: StoreShape): number {
  const { replicas, keyBytesMax, memoryNodes } = shape;
  return Math.max(
    requestHead.sizeBytes + 8 * replicas + keyBytesMax,
    requestHead.sizeBytes + retireBatchMax * retireRecordBytes(replicas),
    requestHead.sizeBytes + resumeBody.sizeBytes + 8 * memoryNodes,
    replyHead.sizeBytes + pausedBody.sizeBytes + 8 * memoryNodes + lostToldMax * lostPair.sizeBytes,
    replyHead.sizeBytes + 8 * 2 * buffersPerRequestMax,
  );
}
