import { nodeOf, offsetOf } from '../../src/core/address.ts';
import { recordBytes, recordHead, recordIsWhole } from '../../src/core/record.ts';
import { loadWord } from '../../src/core/word.ts';
import type { ClusterMap, Region } from '../../src/memory/cluster.ts';
import {
  buffersPerChunk,
  chunkBytes,
  chunkClass,
  chunkHeadBytes,
} from '../../src/systems/central/chunk.ts';
import {
  decodeMapSlot,
  mapHead,
  mapHeadBytes,
  mapSlotBytes,
} from '../../src/systems/central/map-format.ts';
import { dataRegionName, mapRegionName } from '../../src/systems/central/settings.ts';
import { classBytes } from '../../src/systems/central/size-class.ts';
import type { UnkindMemory } from './unkind-memory.ts';

/** What pDPM-Central left in memory, as a recovery would see it: key text -> value. */
export type Contents = Map<string, Uint8Array>;

interface FoundRecord {
  /** Bytes from the region's start. */
  readonly at: number;
  readonly key: string;
  readonly value: Uint8Array;
  readonly version: number;
}

function recordAt(bytes: Uint8Array, at: number): FoundRecord | undefined {
  if (!recordIsWhole(bytes, at)) return undefined;
  const keyBytes = recordHead.field.keyBytes.get(bytes, at);
  const keyAt = at + recordHead.sizeBytes;
  const valueBytes = recordHead.field.valueBytes.get(bytes, at);
  return {
    at,
    key: String.fromCharCode(...bytes.subarray(keyAt, keyAt + keyBytes)),
    value: bytes.slice(keyAt + keyBytes, keyAt + keyBytes + valueBytes),
    version: recordHead.field.version.get(bytes, at),
  };
}

export function dataRegion(cluster: ClusterMap, memoryNode: number): Region {
  return cluster.region(memoryNode, dataRegionName);
}

/** Every whole record in one memory node's region, found from the region alone. */
export function wholeRecords(memory: UnkindMemory, region: Region): FoundRecord[] {
  const bytes = memory.region(region);
  const found: FoundRecord[] = [];
  for (let chunk = 0; chunk + chunkBytes <= bytes.length; chunk += chunkBytes) {
    const classIndex = chunkClass(loadWord(bytes, chunk));
    if (classIndex === undefined) continue;
    for (let buffer = 0; buffer < buffersPerChunk(classIndex); buffer++) {
      const at = chunk + chunkHeadBytes + buffer * classBytes(classIndex);
      const record = recordAt(bytes, at);
      if (record !== undefined) found.push(record);
    }
  }
  return found;
}

/** A standby that lost the coordinator's memory: the newest whole record of each key. */
export function rebuiltFromMemoryNodes(cluster: ClusterMap, memory: UnkindMemory): Contents {
  const newest = new Map<string, FoundRecord>();
  for (const { id } of cluster.withRole('memory')) {
    for (const record of wholeRecords(memory, dataRegion(cluster, id))) {
      if (record.version > (newest.get(record.key)?.version ?? 0)) newest.set(record.key, record);
    }
  }
  return new Map([...newest].map(([key, { value }]) => [key, value]));
}

/**
 * A restarted coordinator: its persistent map, and the record that each slot names, on each copy.
 */
export function rebuiltFromMap(cluster: ClusterMap, memory: UnkindMemory): Contents {
  const [coordinator] = cluster.withRole('coordinator');
  const region = cluster.region(coordinator?.id ?? -1, mapRegionName);
  const map = memory.region(region);
  const contents: Contents = new Map();
  const replicas = mapHead.field.replicas.get(map, 0);
  const slots = mapHead.field.slots.get(map, 0);
  if (replicas === 0) return contents;
  for (let slot = 0; slot < slots; slot++) {
    if (mapHeadBytes + (slot + 1) * mapSlotBytes(replicas) > map.length) throw new Error('slots');
    const state = decodeMapSlot(map, slot, replicas);
    if (state === undefined || state.recordBytes === 0) continue;
    if (state.sequence >= mapHead.field.sequenceLimit.get(map, 0)) throw new Error('limit');
    for (const address of state.addresses) {
      const record = recordAt(memory.node(nodeOf(address)), offsetOf(address));
      if (record?.version !== state.sequence) throw new Error(`slot ${slot} names no record`);
      if (recordBytes(record.key.length, record.value.length) !== state.recordBytes) {
        throw new Error(`slot ${slot} has another length than its record`);
      }
      contents.set(record.key, record.value);
    }
  }
  return contents;
}
