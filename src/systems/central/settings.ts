import { align8 } from '../../core/address.ts';
import { assert } from '../../core/errors.ts';
import { recordBytes, recordBytesMax } from '../../core/record.ts';
import type { ClusterMap } from '../../memory/cluster.ts';
import { configureFrom, type SettingsOf } from '../parameters.ts';
import type { StoreShape, SystemLayout, SystemParameter } from '../system.ts';
import { buffersPerChunk, chunkBytes } from './chunk.ts';
import { controlRegionBytes } from './control.ts';
import { mapBytes } from './map-format.ts';
import { classOf } from './size-class.ts';
import { refusalBytesMax, requestHead } from './wire.ts';

export const centralParameters = [
  {
    name: 'handlers',
    type: 'integer',
    minimum: 1,
    maximum: 256,
    default: 12,
    summary: 'request handlers of the coordinator, one a core (the paper: 12)',
  },
  {
    name: 'checksumBy',
    type: 'choice',
    choices: ['crc32c', 'crc'],
    default: 'crc32c',
    summary: 'what a checksum costs: the CPU instruction, or table-driven software',
  },
  {
    name: 'verifyReads',
    type: 'boolean',
    default: true,
    summary: 'whether the coordinator checks the checksum of what it READ before it replies',
  },
  {
    name: 'callTimeoutUs',
    type: 'number',
    minimum: 0,
    default: 5000,
    unit: 'us',
    summary:
      'after which a client sends a call again: to the next one where there are standbys, else if ' +
      'the coordinator has started anew; 0: it waits for ever',
  },
  {
    name: 'giveUpUs',
    type: 'number',
    minimum: 0,
    default: 1_000_000,
    unit: 'us',
    summary: 'after which an operation without an answer ends with an unknown outcome',
  },
] as const satisfies readonly SystemParameter[];

export type CentralConfig = SettingsOf<typeof centralParameters>;

export function configureCentral(raw: Readonly<Record<string, unknown>>): CentralConfig {
  return configureFrom('central', centralParameters, raw);
}

export const coordinatorName = 'coordinator';
export const dataRegionName = 'data';
export const mapRegionName = 'map';
export const controlRegionName = 'control';

/** The nodes that may coordinate: the first coordinator, then its standbys. */
export function coordinatorNodes(cluster: ClusterMap): readonly number[] {
  return [...cluster.withRole('coordinator'), ...cluster.withRole('standby')].map(({ id }) => id);
}

/** Where the largest size of everything costs no more than this, regions are sized for it. */
const generousBytes = 64 * 2 ** 20;

/** Entries of the map: beyond those that may exist, each handler may be about to insert one. */
export function mapSlots(shape: StoreShape, config: CentralConfig): number {
  return shape.keysMax + config.handlers;
}

export function centralLayout(shape: StoreShape, config: CentralConfig): SystemLayout {
  const clients = shape.clientsPerNode * shape.outstanding;
  const largest = recordBytes(shape.keyBytesMax, shape.valueBytesMax);
  assert(
    largest <= recordBytesMax,
    () => `keys of ${shape.keyBytesMax} B with values of ${shape.valueBytesMax} B are too large`,
    'FARSIDE_VALUE',
  );
  return {
    memoryRegions: [
      { name: dataRegionName, medium: shape.medium, sizeBytes: dataBytes(shape, config, largest) },
      {
        name: controlRegionName,
        medium: shape.medium,
        sizeBytes: controlRegionBytes(shape.memoryNodes + (shape.spares ?? 0)),
      },
    ],
    servers: [
      {
        name: coordinatorName,
        role: 'coordinator',
        cores: config.handlers,
        regions: [
          {
            name: mapRegionName,
            medium: shape.medium,
            sizeBytes: align8(mapBytes(mapSlots(shape, config), shape.replicas)),
          },
        ],
      },
    ],
    messageBytesMax: Math.max(requestHead.sizeBytes + largest, refusalBytesMax),
    // Twice what can be outstanding, so that the credits of one direction always come with the
    // messages of the other, and none has to be returned by a WRITE of its own.
    messageSlots: 2 * clients + 2,
  };
}

function dataBytes(shape: StoreShape, config: CentralConfig, largest: number): number {
  const needed = dataBytesNeeded(shape, config, largest);
  const { memoryBytes } = shape;
  if (memoryBytes === undefined) return needed;
  assert(
    memoryBytes >= needed,
    () =>
      `central needs ${needed} B on each of ${shape.memoryNodes} memory nodes for ` +
      `${shape.keysMax} entries in ${shape.replicas} copies; memoryBytes is ${memoryBytes}`,
    'FARSIDE_CAPACITY',
  );
  return memoryBytes;
}

/**
 * Bytes of a memory node's region: entries of the mean size spread evenly, a second buffer for each
 * put under way (its new one, its old one, and one on its way to the free list), and one chunk that
 * is not full for each size class in use.
 */
function dataBytesNeeded(shape: StoreShape, config: CentralConfig, largest: number): number {
  const spare = 3 * config.handlers;
  const buffers = Math.ceil((shape.keysMax * shape.replicas) / shape.memoryNodes) + spare;
  const worst = chunksFor(buffers, largest) + classOf(largest) + 1;
  if (worst * chunkBytes <= generousBytes) return worst * chunkBytes;
  const mean = recordBytes(shape.keyBytesMax, shape.valueBytesMean);
  // Sizes that differ waste up to an eighth of a buffer each, and their mean is an estimate.
  const slack = shape.valueBytesMean === shape.valueBytesMax ? 1 : 1.25;
  const chunks = Math.ceil(chunksFor(buffers, mean) * slack) + chunksFor(spare, largest);
  return (chunks + classOf(largest) + 1) * chunkBytes;
}

function chunksFor(buffers: number, bytes: number): number {
  return Math.ceil(buffers / buffersPerChunk(classOf(bytes)));
}
