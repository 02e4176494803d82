import { assert } from '../../core/errors.ts';
import { configureFrom, type SettingsOf } from '../parameters.ts';
import type { StoreShape, SystemParameter } from '../system.ts';
import { ownersMax } from './pointer.ts';

/** Limits that message slots are sized for. */
export const buffersPerRequestMax = 64;
export const retireBatchMax = 16;

export const cloverParameters = [
  {
    name: 'metadataServers',
    type: 'integer',
    minimum: 1,
    maximum: 64,
    default: 1,
    summary: 'metadata servers; keys are sharded over them by hash',
  },
  {
    name: 'handlers',
    type: 'integer',
    minimum: 1,
    maximum: 256,
    default: 8,
    summary: 'programs of each metadata server that serve requests, one core each',
  },
  {
    name: 'cursorsMax',
    type: 'integer',
    minimum: 0,
    default: 0,
    summary: 'cursors that a compute node keeps; 0: no limit',
  },
  {
    name: 'evictBy',
    type: 'choice',
    choices: ['fifo', 'lru'],
    default: 'fifo',
    summary: 'which cursor goes when cursorsMax is reached',
  },
  {
    name: 'readWait',
    type: 'choice',
    choices: ['both', 'first'],
    default: 'both',
    summary: 'a get waits for buffer and shortcut (as measured), or for the first (as published)',
  },
  {
    name: 'verifyReads',
    type: 'boolean',
    default: false,
    summary: 'check the checksum of every record read; the paper relies on timing alone',
  },
  {
    name: 'checksumBy',
    type: 'choice',
    choices: ['crc32c', 'crc'],
    default: 'crc32c',
    summary: 'what computing a checksum costs in sim: the instruction, or a bytewise table',
  },
  {
    name: 'loadBalance',
    type: 'choice',
    choices: ['round-robin', 'load'],
    default: 'round-robin',
    summary: 'place new versions in turn, or where fewest bytes moved in the current window',
  },
  {
    name: 'loadWindowNs',
    type: 'integer',
    minimum: 1000,
    default: 100_000_000,
    unit: 'ns',
    summary:
      'window over which bytes are counted for loadBalance=load, and reported to the servers',
  },
  {
    name: 'buffersPerRequest',
    type: 'integer',
    minimum: 1,
    maximum: buffersPerRequestMax,
    default: 16,
    summary: 'free buffers asked for at a time; fewer of classes above 8 KiB',
  },
  {
    name: 'requestBuffers',
    type: 'choice',
    choices: ['ahead', 'when-empty'],
    default: 'ahead',
    summary: 'ask in the background when a list runs low (as published), or wait when it is empty',
  },
  {
    name: 'retireBatch',
    type: 'integer',
    minimum: 1,
    maximum: retireBatchMax,
    default: 16,
    summary: 'superseded versions reported to a metadata server in one message',
  },
  {
    name: 'retireIntervalNs',
    type: 'integer',
    minimum: 1000,
    default: 50_000,
    unit: 'ns',
    summary: 'longest time that a batch waits to fill up',
  },
  {
    name: 'epochNs',
    type: 'integer',
    minimum: 1000,
    default: 20_000_000,
    unit: 'ns',
    summary: 'shortest time between two epochs (T_e); there are none while no version has run out',
  },
  {
    name: 'silentNs',
    type: 'integer',
    minimum: 0,
    default: 0,
    unit: 'ns',
    summary:
      'a compute node that holds up an epoch for so long is fenced and given up; 0: never, wait',
  },
  {
    name: 'reuse',
    type: 'choice',
    choices: ['timing', 'epochs'],
    default: 'timing',
    summary:
      'a retired buffer is used again after a time (as published), or after every node has consented',
  },
  {
    name: 'roundNs',
    type: 'integer',
    minimum: 1000,
    default: 200_000,
    unit: 'ns',
    summary: 'time between two rounds of consent, while buffers wait for them (reuse=epochs)',
  },
  {
    name: 'shortcutHops',
    type: 'integer',
    minimum: 1,
    maximum: 1000,
    default: 4,
    summary: 'links followed before the shortcut is read again',
  },
  {
    name: 'queryHops',
    type: 'integer',
    minimum: 1,
    maximum: 1000,
    default: 7,
    summary: 'links followed before the metadata server is asked',
  },
] as const satisfies readonly SystemParameter[];

export type CloverConfig = SettingsOf<typeof cloverParameters>;

export function configureClover(
  raw: Readonly<Record<string, unknown>>,
  shape: StoreShape,
): CloverConfig {
  const config = configureFrom('clover', cloverParameters, raw);
  const { memoryNodes, spares = 0, standbys = 0, computeNodes } = shape;
  const nodes = memoryNodes + spares + config.metadataServers + standbys + computeNodes;
  assert(
    nodes <= ownersMax,
    () => `${nodes} nodes (${computeNodes} compute nodes): clover can name at most ${ownersMax}`,
    'FARSIDE_LIMIT',
  );
  return config;
}
