import { type Address, nodeOf } from '../../core/address.ts';
import { compute, flush, type Program, read, spawn, until, type Verb } from '../../core/effect.ts';
import { recordBytes, recordHead, recordIsWhole } from '../../core/record.ts';
import { loadHalf, loadWord } from '../../core/word.ts';
import { buffersPerChunk, chunkBytes, chunkClass, chunkHeadBytes } from './chunk.ts';
import type { Coordinator } from './coordinator.ts';
import { dataRegionName } from './settings.ts';
import { classBytes } from './size-class.ts';

const pollNs = 1000;
const labelsAtOnce = 32;

/** A whole record in a buffer of a memory node. */
export interface FoundRecord {
  readonly address: Address;
  readonly classIndex: number;
  readonly sequence: number;
  readonly recordBytes: number;
  /** The key's bytes as Latin-1 characters. */
  readonly key: string;
}

export interface Found {
  readonly records: FoundRecord[];
  /** Starts of the chunks that carry a label. */
  readonly chunks: Address[];
  /** Buffers of theirs that are listed as void: whatever stands there is none of the records. */
  readonly voids: VoidBuffer[];
}

export interface VoidBuffer {
  readonly address: Address;
  readonly classIndex: number;
}

/** The record at `at` of a chunk's bytes, if one is there; `isWhole` says when. */
function recordAt(
  bytes: Uint8Array,
  at: number,
  chunkStart: Address,
  classIndex: number,
  isWhole: (bytes: Uint8Array) => boolean,
): FoundRecord | undefined {
  if (loadHalf(bytes, at) === 0 && loadHalf(bytes, at + 4) === 0) return undefined;
  const record = bytes.subarray(at, at + classBytes(classIndex));
  if (!isWhole(record)) return undefined;
  const f = recordHead.field;
  const keyBytes = f.keyBytes.get(record, 0);
  return {
    address: chunkStart + at,
    classIndex,
    sequence: f.version.get(record, 0),
    recordBytes: recordBytes(keyBytes, f.valueBytes.get(record, 0)),
    key: String.fromCharCode(
      ...record.subarray(recordHead.sizeBytes, recordHead.sizeBytes + keyBytes),
    ),
  };
}

/** Every whole record in one chunk's bytes, which have a class in their first word. */
export function recordsIn(
  bytes: Uint8Array,
  chunkStart: Address,
  isWhole: (bytes: Uint8Array) => boolean = (record) => recordIsWhole(record, 0),
): FoundRecord[] {
  const classIndex = chunkClass(loadWord(bytes, 0));
  if (classIndex === undefined) return [];
  const found: FoundRecord[] = [];
  for (let buffer = 0; buffer < buffersPerChunk(classIndex); buffer++) {
    const at = chunkHeadBytes + buffer * classBytes(classIndex);
    const record = recordAt(bytes, at, chunkStart, classIndex, isWhole);
    if (record !== undefined) found.push(record);
  }
  return found;
}

/**
 * READs what the memory nodes hold, from what stands there alone: the class word of every chunk, then
 * every chunk that has one. All nodes at once, each chunk by chunk. Nobody else writes meanwhile.
 */
export function* scan(
  coordinator: Coordinator,
  isWhole?: (bytes: Uint8Array) => boolean,
): Program<Found> {
  const found: Found = { records: [], chunks: [], voids: [] };
  const { present } = coordinator.nodes;
  let running = present.length;
  const scanner = function* (node: number): Program<void> {
    yield* coordinator.voids.load(node);
    const chunks = yield* labelledChunks(coordinator, node);
    for (const chunk of chunks) yield* scanChunk(coordinator, chunk, found, isWhole);
    running--;
  };
  for (const node of present) yield* spawn(scanner(node), 'scan');
  yield* until(() => running === 0, pollNs);
  return found;
}

function* labelledChunks(coordinator: Coordinator, node: number): Program<Address[]> {
  const { nodes, site } = coordinator;
  const region = site.cluster.region(node, dataRegionName);
  const chunks = Math.floor(region.sizeBytes / chunkBytes);
  const labelled: Address[] = [];
  for (let first = 0; first < chunks; first += labelsAtOnce) {
    const starts = Array.from(
      { length: Math.min(labelsAtOnce, chunks - first) },
      (_, i) => region.address + (first + i) * chunkBytes,
    );
    const words = starts.map(() => new Uint8Array(8));
    const reads = (): Verb<unknown>[] =>
      starts.map((start, i) => read(start, words[i] as Uint8Array));
    if (!(yield* nodes.surely(node, reads))) return [];
    labelled.push(
      ...starts.filter((_, i) => chunkClass(loadWord(words[i] as Uint8Array, 0)) !== undefined),
    );
  }
  return labelled;
}

/**
 * In `flush` durability the chunk is FLUSHed first: a record that is found whole, and is served from
 * then on, may never have been. Otherwise the next power loss could take back what a get has shown.
 */
function* scanChunk(
  coordinator: Coordinator,
  start: Address,
  found: Found,
  isWhole?: (bytes: Uint8Array) => boolean,
): Program<void> {
  const { nodes, site, config } = coordinator;
  const bytes = new Uint8Array(chunkBytes);
  const flushes = site.context.durability === 'flush';
  const verbs = (): Verb<unknown>[] => [
    ...(flushes ? [flush(start, chunkBytes)] : []),
    read(start, bytes),
  ];
  if (!(yield* nodes.surely(nodeOf(start), verbs))) return;
  const records = recordsIn(bytes, start, isWhole);
  yield* compute(
    config.checksumBy,
    records.reduce((sum, record) => sum + record.recordBytes, 0),
  );
  found.chunks.push(start);
  const voids = listedIn(bytes, start, coordinator.voids.listedOn(nodeOf(start)));
  const isVoid = new Set(voids.map(({ address }) => address));
  found.records.push(...records.filter(({ address }) => !isVoid.has(address)));
  found.voids.push(...voids);
}

/** Of the buffers of a chunk, those that are listed as void. */
function listedIn(bytes: Uint8Array, start: Address, listed: readonly Address[]): VoidBuffer[] {
  const classIndex = chunkClass(loadWord(bytes, 0));
  if (classIndex === undefined) return [];
  return listed
    .filter((address) => address >= start && address < start + chunkBytes)
    .map((address) => ({ address, classIndex }));
}
